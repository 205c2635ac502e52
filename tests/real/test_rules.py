"""What was seen to go wrong against the real server, each by its symptom."""

import dataclasses
import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from presqt_daemon.config import UploadsConfig
from presqt_daemon.errors import PresqtError, TargetFault, UserFault
from presqt_daemon.metadata.fts_document import NAME
from presqt_daemon.model import DuplicateAction, UploadResult
from presqt_daemon.targets.base import ContainerRequest, Target, connect
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.zenodo import files as zenodo_files
from presqt_daemon.targets.zenodo.content import DraftContent
from presqt_daemon.targets.zenodo.files import DraftFiles
from presqt_daemon.targets.zenodo.records import RecordsApi
from presqt_daemon.targets.zenodo.target import ZenodoTarget
from presqt_daemon.upload.calls.patience import MustWait
from tests.fakes.zenodo import stem_of
from tests.real.invenio import INSIDE
from tests.real.site import RealSite
from tests.targets.conformance import TICKET, sending
from tests.upload.tickets import FILES, Supervisor, job_for, mark_of, staged

pytestmark = [pytest.mark.full, pytest.mark.timeout(2400)]

MD5 = ("md5",)
ZIP = "Project.presqt.zip"
DESCRIBED: dict[str, Any] = {
    "creators": [{"name": "Doe, Jane"}],
    "types": {"resourceTypeGeneral": "Dataset"},
    "publicationYear": "2025",
}


def send(
    account: RealSite, folder: Path, *, fts: bool = False, **options: Any
) -> tuple[str, UploadResult]:
    """An upload; the container's id and its end."""
    supervisor = Supervisor()
    config = account.configured(**options.pop("config", {}))
    uploads = UploadsConfig(fts_metadata=fts)
    job = job_for(folder, config, token=account.token, uploads=uploads, **options)
    result = supervisor.send(job)
    return supervisor.opened.container_id, result


def described(tree: dict[str, Any]) -> dict[str, bytes]:
    """A payload with a datacite.json."""
    return {"Project/datacite.json": json.dumps({**DESCRIBED, **tree}).encode()}


@pytest.fixture
def target(account: RealSite) -> Any:
    connection = connect(account.config, account.token)
    yield connection
    connection.close()


def opened(target: Target, identity: str) -> Any:
    return target.container(ContainerRequest(ticket=TICKET, resource_id=identity, title="x"))


class TestUpdate:
    def test_an_update_refused_for_want_of_room_leaves_the_old_file(
        self, account: RealSite, tmp_path: Path
    ) -> None:
        identity, _ = send(account, staged(tmp_path))
        before = account.files(identity)
        account.proxy.fault("status 400", "PUT", "/content", times=9)
        changed = staged(tmp_path, {"Project/a.txt": b"changed"})
        with pytest.raises(PresqtError):
            send(account, changed, resource_id=identity, action=DuplicateAction.UPDATE)
        assert account.files(identity) == before
        assert all(row["status"] == "completed" for row in account.entries(identity))

    @pytest.mark.parametrize("number", range(8))
    def test_an_update_interrupted_at_any_request_is_gone_on_with(
        self, account: RealSite, tmp_path: Path, number: int
    ) -> None:
        identity, _ = send(account, staged(tmp_path))
        old = account.files(identity)[ZIP]
        changed = staged(tmp_path, {"Project/a.txt": b"changed"})
        account.proxy.fault("swallow", "*", "/draft/files", after=number)
        _, result = send(account, changed, resource_id=identity, action=DuplicateAction.UPDATE)
        assert result.updated == (f"/Project/{ZIP}",)
        assert (result.failed_fixity, result.unverified_fixity) == ((), ())
        assert account.files(identity)[ZIP] != old

    def test_the_record_of_uploads_keeps_its_history_when_its_update_is_refused(
        self, account: RealSite, tmp_path: Path
    ) -> None:
        identity, _ = send(account, staged(tmp_path), fts=True)
        before = account.files(identity)[NAME]
        account.proxy.fault("status 400", "PUT", "PRESQT_FTS", times=9)
        other = staged(tmp_path, {"Other/b.txt": b"more"})
        _, result = send(account, other, resource_id=identity, fts=True)
        assert "metadata-error" in {warning.code for warning in result.warnings}
        assert account.files(identity)[NAME] == before
        assert all(row["status"] == "completed" for row in account.entries(identity))

    def test_what_somebody_else_stored_under_the_plain_name_is_ignored(
        self, account: RealSite, tmp_path: Path
    ) -> None:
        identity = account.make("Theirs", {ZIP: b"theirs"})
        _, result = send(account, staged(tmp_path), resource_id=identity)
        assert result.ignored_different == (f"/Project/{ZIP}",)
        assert account.files(identity) == {ZIP: b"theirs"}

    def test_a_second_content_sent_to_a_complete_key_would_drop_the_file(
        self, account: RealSite, target: Target
    ) -> None:
        """What the fake says of it; the adapter never does."""
        identity = account.make("Theirs", {"a.txt": b"theirs"})
        status, tree = account.call(
            "PUT", f"/records/{identity}/draft/files/a.txt/content", raw=b"again"
        )
        assert (status, tree["errors"]) == (200, "File upload transfer failed.")
        assert account.entries(identity) == []


class TestToken:
    def test_a_wrong_token_is_refused_as_that(self, account: RealSite) -> None:
        for api in ("auto", "records", "deposit"):
            target = connect(account.configured(own={"api": api}), "wrong")
            with pytest.raises(PresqtError) as raised:
                target.account()
            assert raised.value.code in {"unauthorized", "resource-not-found"}
            assert (raised.value.code == "unauthorized") or api == "deposit"
            target.close()


class TestDescription:
    def test_one_value_that_the_site_does_not_know_costs_that_value(
        self, account: RealSite, tmp_path: Path
    ) -> None:
        tree = {
            "language": "fr",
            "descriptions": [{"description": "What it is"}],
            "rightsList": [{"rightsIdentifier": "beerware"}],
            "types": {"resourceTypeGeneral": "Dissertation"},
            "relatedIdentifiers": [
                {"relationType": "IsVersionOf", "relatedIdentifier": "10.1234/x"}
            ],
        }
        identity, result = send(account, staged(tmp_path, described(tree)))
        metadata = account.draft(identity)["metadata"]
        assert metadata["description"] == "What it is"
        assert metadata["resource_type"]["id"] == "publication-dissertation"
        assert metadata["rights"] == [{"title": {"en": "beerware"}}]
        assert metadata["related_identifiers"][0]["relation_type"]["id"] == "isversionof"
        assert "languages" not in metadata
        assert any("language" in warning.message for warning in result.warnings)

    @pytest.mark.parametrize("day", ["2025-02-31", "0000", "9999-99", "yesterday"])
    def test_a_date_that_is_none_is_not_sent(
        self, account: RealSite, tmp_path: Path, day: str
    ) -> None:
        tree = {"dates": [{"dateType": "Issued", "date": day}]}
        identity, result = send(account, staged(tmp_path, described(tree)))
        assert account.draft(identity)["metadata"]["publication_date"] > "2026"
        codes = {warning.code for warning in result.warnings}
        assert {"metadata-assumed", "metadata-not-passed"} <= codes

    def test_nothing_that_was_sent_stops_the_draft_from_being_published(
        self, account: RealSite, tmp_path: Path
    ) -> None:
        orcid = {"nameIdentifier": "0000-0002-1825-0098"}
        names = ["ISBN 978-3-16-148410-1", "ISSN 2049-3631", "arXiv:1234", "arXiv:9913.12345"]
        good = ["ISBN 978-3-16-148410-0", "ISSN 2049-3630", "arXiv:1501.00001", "10.1234/x"]
        tree = {
            "creators": [{"name": "Doe, Jane", "nameIdentifiers": [orcid]}],
            "descriptions": [{"description": "ab"}],
            "alternateIdentifiers": [
                {"alternateIdentifier": name} for name in (*names, *good, good[0])
            ],
        }
        folder = staged(tmp_path, described(tree))
        identity, result = send(account, folder, config={"publish": "after_verified"})
        record = account.draft(identity)
        assert record["is_published"], result.warnings
        schemes = sorted(row["scheme"] for row in record["metadata"]["identifiers"])
        assert schemes == ["arxiv", "doi", "isbn", "issn", "urn"]

    def test_a_title_of_two_letters_is_refused_before_anything_is_made(
        self, account: RealSite, tmp_path: Path
    ) -> None:
        folder = staged(tmp_path, {"v1/a.txt": b"a"})
        with pytest.raises(UserFault, match="too short"):
            send(account, folder, title="v1")
        assert account.drafts() == []

    def test_a_folder_name_of_250_characters_gets_a_key_that_fits(
        self, account: RealSite, tmp_path: Path
    ) -> None:
        folder = staged(tmp_path, {f"{'n' * 250}/a.txt": b"a"})
        identity, result = send(account, folder, title="n" * 250)
        assert (result.failed_fixity, result.unverified_fixity) == ((), ())
        assert [len(row["key"]) <= 255 for row in account.entries(identity)] == [True]

    def test_metadata_only_is_said_as_that(self, account: RealSite, target: Target) -> None:
        identity = account.make("No files", {}, takes_files=False)
        with pytest.raises(UserFault, match="metadata-only"):
            opened(target, identity)


class TestMark:
    def test_a_kill_with_an_index_twelve_seconds_late_makes_no_second_draft(
        self, account: RealSite, target: Target
    ) -> None:
        account.invenio.be_late(12)
        account.proxy.fault("swallow", "POST", "/api/records")
        request = ContainerRequest(ticket=TICKET, resource_id=None, title="Late")
        with pytest.raises(TargetFault):
            target.container(request)
        again = connect(account.config, account.token)
        container = again.container(dataclasses.replace(request, was_creating=True))
        again.close()
        account.invenio.be_late(0)
        assert [row["id"] for row in account.drafts()] == [container.id]

    def test_a_new_version_of_a_record_that_carries_the_mark_is_not_taken_for_ours(
        self, account: RealSite, target: Target, tmp_path: Path
    ) -> None:
        folder = staged(tmp_path, described({}))
        identity, _ = send(account, folder, config={"publish": "after_verified"})
        status, version = account.call("POST", f"/records/{identity}/versions")
        assert status == 201
        mark = {"identifier": f"urn:uuid:{mark_of(folder)}", "scheme": "urn"}
        tree = {
            "files": {"enabled": True},
            "metadata": {**version["metadata"], "rights": [], "identifiers": [mark]},
        }
        assert account.call("PUT", f"/records/{version['id']}/draft", tree)[0] == 200
        container = target.container(
            ContainerRequest(ticket=folder.name, resource_id=None, title="Project")
        )
        assert container.id not in {identity, version["id"]}


class TestAccess:
    def test_a_draft_shows_its_files_to_nobody_when_a_person_publishes_it(
        self, account: RealSite, tmp_path: Path
    ) -> None:
        identity, result = send(account, staged(tmp_path, described({})))
        assert account.draft(identity)["access"]["files"] == "restricted"
        assert "restricted" in str(result.note)
        assert account.call("POST", f"/records/{identity}/draft/actions/publish")[0] == 202
        key = next(iter(account.keys(identity)))
        assert account.call("GET", f"/records/{identity}/files/{key}/content", user=1)[0] == 403

    def test_an_existing_draft_is_closed_before_it_is_published(
        self, account: RealSite, tmp_path: Path
    ) -> None:
        identity = account.make("Empty", {})
        config = {"publish": "after_verified"}
        send(account, staged(tmp_path), resource_id=identity, config=config)
        record = account.draft(identity)
        assert record["is_published"]
        assert record["access"]["files"] == "restricted"
        assert record["metadata"]["creators"]

    def test_a_draft_with_a_strangers_file_is_not_published(
        self, account: RealSite, tmp_path: Path
    ) -> None:
        identity = account.make("Theirs", {"secret.txt": b"secret"})
        config = {"publish": "after_verified"}
        _, result = send(account, staged(tmp_path), resource_id=identity, config=config)
        assert not account.draft(identity)["is_published"]
        assert "not-published" in {warning.code for warning in result.warnings}

    def test_what_was_published_can_be_verified(
        self, account: RealSite, tmp_path: Path, target: Target
    ) -> None:
        folder = staged(tmp_path, described({}))
        identity, _ = send(account, folder, config={"publish": "after_verified"})
        request = ContainerRequest(ticket=TICKET, resource_id=None, title="Other")
        state = target.container(request)
        record = dataclasses.replace(state, id=identity, link=None)
        assert {stem_of(str(path)) for path in target.listing(record)} == {ZIP}


class TestSizes:
    def in_parts(self, account: RealSite, *sizes: int) -> ZenodoTarget:
        """A connection that sends everything in parts of so many bytes."""
        url = account.proxy.url
        http = Http("z", own_urls=(url,), credentials={"Authorization": f"Bearer {account.token}"})
        content = DraftContent(http, large_bytes=1, part_sizes=sizes)
        files = DraftFiles(http, f"{url}/api/records", content=content)
        spoken = RecordsApi(http, f"{url}/api", is_public=False, files=files)
        return ZenodoTarget(http, f"{url}/api", account.config, spoken=spoken)

    def put(self, target: ZenodoTarget, content: bytes) -> tuple[str, Any]:
        request = ContainerRequest(ticket=TICKET, resource_id=None, title="Parts")
        container = target.container(request)
        return container.id, target.put(container, sending(ZIP, content, MD5), None)

    def test_parts_go_side_by_side(self, account: RealSite) -> None:
        content = bytes(range(256)) * 4096
        target = self.in_parts(account, 100_000)
        identity, item = self.put(target, content)
        assert account.files(identity) == {ZIP: content}
        assert item.digests == sending(ZIP, content, MD5).digests
        assert account.proxy.count("PUT", "/content/") == 11

    def test_a_proxys_413_leads_to_smaller_parts(self, account: RealSite) -> None:
        account.proxy.largest = 50_000
        target = self.in_parts(account, 100_000, 40_000)
        identity, item = self.put(target, bytes(200_000))
        assert item.digests == sending(ZIP, bytes(200_000), MD5).digests
        assert account.files(identity) == {ZIP: bytes(200_000)}

    def test_a_whole_file_that_is_too_much_for_one_request_goes_in_parts(
        self, account: RealSite, tmp_path: Path
    ) -> None:
        """100 MiB is what a stock InvenioRDM takes in one request (413)."""
        folder = staged(tmp_path, {"Project/big.bin": bytes(105 << 20)})
        identity, result = send(account, folder)
        assert (result.failed_fixity, result.unverified_fixity) == ((), ())
        assert account.proxy.count("PUT", "/content/") == 2
        assert len(account.entries(identity)) == 1

    def test_a_site_that_forbids_parts_gets_the_whole_file(
        self, account: RealSite, tmp_path: Path
    ) -> None:
        account.invenio.kill_web()
        account.invenio.start_web((INSIDE / "no_parts.cfg").read_text())
        try:
            identity, item = self.put(self.in_parts(account, 1000), bytes(5000))
            assert item.digests == sending(ZIP, bytes(5000), MD5).digests
            assert account.files(identity) == {ZIP: bytes(5000)}
        finally:
            account.invenio.kill_web()
            account.invenio.start_web()

    def test_a_server_killed_while_it_took_the_checksum_costs_another_sending_and_no_file(
        self, account: RealSite, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(zenodo_files, "NO_CHECKSUM_SECONDS", 1.0)
        request = ContainerRequest(ticket=TICKET, resource_id=None, title="Parts")
        content = bytes(5000)
        first = self.in_parts(account, 1000)
        container = first.container(request)
        first.put(container, sending(ZIP, content, MD5), None)
        # what a kill between the commit and the checksum's task leaves
        account.invenio.sql("update files_files set checksum = null")
        again = self.in_parts(account, 1000)
        there = again.stat(container, PurePosixPath(next(iter(account.keys(container.id)))))
        assert there is not None
        assert there.digests == {}
        item = again.put(container, sending(ZIP, content, MD5), None)
        assert item.digests == sending(ZIP, content, MD5).digests
        assert account.files(container.id) == {ZIP: content}


class TestGone:
    def test_a_draft_deleted_in_mid_upload_is_said_and_the_next_go_makes_a_new_one(
        self, account: RealSite, tmp_path: Path
    ) -> None:
        folder = staged(tmp_path)
        account.proxy.fault("status 403", "PUT", "/content")
        with pytest.raises(PresqtError):
            send(account, folder)
        (row,) = account.drafts()
        assert account.entries(row["id"]) == []
        assert account.call("DELETE", f"/records/{row['id']}/draft")[0] == 204
        identity, result = send(account, folder)
        assert identity != row["id"]
        assert (result.failed_fixity, result.unverified_fixity) == ((), ())

    def test_a_refused_deposit_leaves_no_unfinished_file(
        self, account: RealSite, tmp_path: Path
    ) -> None:
        account.proxy.fault("status 400", "PUT", "/content", times=9)
        with pytest.raises((PresqtError, MustWait)):
            send(account, staged(tmp_path, FILES))
        (row,) = account.drafts()
        assert account.entries(row["id"]) == []
