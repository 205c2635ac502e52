"""What was seen to go wrong at real InvenioRDM servers, against the fake made to behave so."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from presqt_daemon.config import TargetConfig, UploadsConfig
from presqt_daemon.errors import PresqtError, TargetFault, UserFault
from presqt_daemon.metadata.fts_document import NAME
from presqt_daemon.model import DuplicateAction, UploadResult
from presqt_daemon.targets.base import Target, connect
from presqt_daemon.targets.left_out import RESTRICTED, UNDESCRIBED, left_out_in, remarks_in
from presqt_daemon.targets.web import http
from presqt_daemon.targets.zenodo import content as zenodo_content
from presqt_daemon.targets.zenodo import creation
from presqt_daemon.targets.zenodo import files as zenodo_files
from presqt_daemon.targets.zenodo.description.identifiers import is_date, is_orcid, scheme_of
from presqt_daemon.targets.zenodo.description.metadata import record_metadata
from presqt_daemon.targets.zenodo.description.vocabularies import language_id, license_id
from presqt_daemon.targets.zenodo.keys import PACKED, StoredFile, items_of, keys_for
from presqt_daemon.targets.zenodo.words import record_id
from tests.fakes.zenodo import STRANGER, TOKEN, FakeZenodo, stem_of
from tests.targets.conformance import TICKET, sending
from tests.targets.test_zenodo import (
    MD5,
    ZIP,
    config_for,
    contract_of,
    digest_of,
    existing,
    in_parts,
    new,
    plain,
)
from tests.upload.tickets import Supervisor, job_for, staged


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(creation, "LOST_SECONDS", (0.01,) * 8)
    monkeypatch.setattr(creation, "SHOWN_SECONDS", (0.01,))


@pytest.fixture
def fake() -> Iterator[FakeZenodo]:
    with FakeZenodo() as server, contract_of(server):
        yield server


@pytest.fixture(params=["records", "deposit"])
def config(fake: FakeZenodo, request: pytest.FixtureRequest) -> TargetConfig:
    return config_for(fake, request.param)


@pytest.fixture
def target(config: TargetConfig) -> Iterator[Target]:
    connection = connect(config, TOKEN)
    yield connection
    connection.close()


@pytest.fixture
def records(fake: FakeZenodo) -> Iterator[Target]:
    connection = connect(config_for(fake, "records"), TOKEN)
    yield connection
    connection.close()


def send(config: TargetConfig, folder: Path, **options: Any) -> tuple[str, UploadResult]:
    """An upload; the container's id and its end."""
    supervisor = Supervisor()
    result = supervisor.send(job_for(folder, config, token=TOKEN, **options))
    return supervisor.opened.container_id, result


def pending(fake: FakeZenodo, identity: str) -> list[str]:
    return [key for key, file in fake.drafts[identity].files.items() if file.content is None]


class TestUpdate:
    def test_the_old_file_goes_only_when_the_new_one_is_verified(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path
    ) -> None:
        identity, _ = send(config, staged(tmp_path))
        old = fake.contents(identity)
        changed = staged(tmp_path, {"Project/a.txt": b"changed"})
        fake.spoils[ZIP] = 2
        _, result = send(config, changed, resource_id=identity, action=DuplicateAction.UPDATE)
        assert result.failed_fixity == (f"/Project/{ZIP}",)
        assert old.items() <= fake.contents(identity).items()
        fake.spoils.clear()
        other = staged(tmp_path, {"Project/a.txt": b"changed again"})
        _, result = send(config, other, resource_id=identity, action=DuplicateAction.UPDATE)
        assert result.failed_fixity == ()
        assert not old.items() & fake.contents(identity).items()

    def test_an_update_refused_for_quota_leaves_the_last_copy(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path
    ) -> None:
        identity = fake.make("Theirs", {ZIP: b"old form"})
        fake.quota = 10
        job = job_for(
            staged(tmp_path),
            config,
            token=TOKEN,
            resource_id=identity,
            action=DuplicateAction.UPDATE,
        )
        with pytest.raises(TargetFault) as raised:
            Supervisor().send(job)
        assert raised.value.code == "target-full"
        assert fake.contents(identity) == {ZIP: b"old form"}
        assert pending(fake, identity) == []

    def test_both_forms_of_a_key_are_known_as_the_same_file(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path
    ) -> None:
        identity, _ = send(config, staged(tmp_path))
        (key,) = fake.contents(identity)
        assert key != ZIP
        assert stem_of(key) == ZIP
        fake.drafts[identity].files[ZIP] = fake.drafts[identity].files.pop(key)
        _, result = send(config, staged(tmp_path), resource_id=identity)
        assert result.ignored == (f"/Project/{ZIP}",)
        assert result.ignored_different == ()
        assert set(fake.contents(identity)) == {ZIP}

    @pytest.mark.parametrize("number", range(9))
    def test_an_update_interrupted_at_any_request_keeps_one_whole_file(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path, number: int
    ) -> None:
        identity, _ = send(config, staged(tmp_path))
        changed = staged(tmp_path, {"Project/a.txt": b"changed"})
        fake.fault("swallow", "*", identity, after=number)
        _, result = send(config, changed, resource_id=identity, action=DuplicateAction.UPDATE)
        assert result.failed_fixity == ()
        assert set(plain(fake.contents(identity))) == {ZIP}
        assert pending(fake, identity) == []

    def test_a_file_of_other_content_at_our_very_key_is_left_alone(
        self, fake: FakeZenodo, records: Target
    ) -> None:
        content = b"ours"
        key = next(keys_for(PurePosixPath(ZIP), digest_of(content)["md5"]))
        identity = fake.make("Theirs", {key: b"somebody's"})
        container = existing(records, identity)
        item = records.put(container, sending(ZIP, content, MD5), None)
        assert fake.contents(identity)[key] == b"somebody's"
        assert fake.contents(identity)[str(item.path)] == content

    def test_what_a_person_put_in_the_old_ones_place_meanwhile_is_not_deleted(
        self, fake: FakeZenodo, records: Target
    ) -> None:
        identity = fake.make("Theirs", {ZIP: b"old"})
        container = existing(records, identity)
        old = records.listing(container)[PurePosixPath(ZIP)]
        fake.drafts[identity].files[ZIP].content = b"edited meanwhile"
        with pytest.raises(FileExistsError):
            records.put(container, sending(ZIP, b"ours", MD5), old)
        assert fake.contents(identity)[ZIP] == b"edited meanwhile"

    def test_a_pending_entry_that_cannot_be_deleted_costs_another_key(
        self, fake: FakeZenodo, records: Target
    ) -> None:
        container = new(records)
        content = b"ours"
        key = next(keys_for(PurePosixPath(ZIP), digest_of(content)["md5"]))
        fake.sticky.add(key)
        fake.fault("cut", "PUT")
        with pytest.raises(TargetFault):
            records.put(container, sending(ZIP, content, MD5), None)
        item = records.put(container, sending(ZIP, content, MD5), None)
        assert item.digests == digest_of(content)
        assert str(item.path) != key

    def test_a_stuck_entry_under_a_plain_name_is_said(
        self, fake: FakeZenodo, records: Target
    ) -> None:
        container = new(records)
        fake.sticky.add(NAME)
        fake.fault("cut", "PUT")
        with pytest.raises(TargetFault):
            records.put(container, sending(NAME, b"ours", MD5), None)
        with pytest.raises(TargetFault, match="delete it in the draft"):
            records.put(container, sending(NAME, b"ours", MD5), None)

    def test_a_connection_cut_twice_stays_at_one_key(
        self, fake: FakeZenodo, records: Target
    ) -> None:
        container = new(records)
        fake.fault("cut", "PUT", times=2)
        for _ in range(2):
            with pytest.raises(TargetFault):
                records.put(container, sending(ZIP, b"ours", MD5), None)
        records.put(container, sending(ZIP, b"ours", MD5), None)
        assert len(fake.drafts[container.id].files) == 1

    def test_the_record_of_uploads_is_there_whole_at_every_moment(
        self, fake: FakeZenodo, records: Target
    ) -> None:
        identity = fake.make("Theirs", {NAME: b"history"})
        container = existing(records, identity)
        old = records.listing(container)[PurePosixPath(NAME)]
        answer = fake.answer
        seen = []

        def watched(request: Any) -> Any:
            reply = answer(request)
            whole = plain_or_spare(fake, identity)
            seen.append(whole)
            return reply

        fake.answer = watched  # type: ignore[method-assign]
        records.put(container, sending(NAME, b"history and more", MD5), old)
        assert all(whole & {b"history", b"history and more"} for whole in seen)
        assert fake.contents(identity) == {NAME: b"history and more"}

    def test_the_record_of_uploads_left_under_its_spare_key_is_found_again(
        self, fake: FakeZenodo, records: Target
    ) -> None:
        spare = next(keys_for(PurePosixPath(NAME), digest_of(b"history")["md5"]))
        container = existing(records, fake.make("Theirs", {spare: b"history"}))
        item = records.listing(container)[PurePosixPath(NAME)]
        assert records.fetch(container, item, 100) == b"history"  # type: ignore[attr-defined]

    def test_a_spare_left_by_a_kill_is_not_shown_and_not_published(self, fake: FakeZenodo) -> None:
        target = connect(config_for(fake, "records", publish="after_verified"), TOKEN)
        container = new(target, creators=[{"name": "D, J"}], resource_type="Dataset")
        spare = next(keys_for(PurePosixPath(NAME), digest_of(b"history")["md5"]))
        theirs = f"data.{digest_of(b'x')['md5'][:8]}.csv"
        target.put(container, sending(NAME, b"newest history", MD5), None)
        for key, content in {spare: b"history", theirs: b"x", "data.csv": b"y"}.items():
            made = fake.make("x", {key: content})
            fake.drafts[container.id].files[key] = fake.drafts[made].files[key]
        shown = {str(path) for path in target.listing(container)}
        assert shown == {NAME, theirs, "data.csv"}
        target.publish(container)
        assert set(fake.contents(container.id)) == {NAME, theirs, "data.csv"}
        target.close()

    def test_a_spare_left_by_a_kill_goes_with_the_next_replacement(
        self, fake: FakeZenodo, records: Target
    ) -> None:
        spare = next(keys_for(PurePosixPath(NAME), digest_of(b"older")["md5"]))
        identity = fake.make("T", {NAME: b"old", spare: b"older"})
        container = existing(records, identity)
        old = records.listing(container)[PurePosixPath(NAME)]
        records.put(container, sending(NAME, b"new", MD5), old)
        assert fake.contents(identity) == {NAME: b"new"}


def plain_or_spare(fake: FakeZenodo, identity: str) -> set[bytes]:
    return set(fake.contents(identity).values())


class TestWays:
    """Whole, or in parts: what a site or a proxy before it takes."""

    @pytest.fixture
    def fake(self) -> Iterator[FakeZenodo]:
        """Without the document, which knows no proxy's answers."""
        with FakeZenodo() as server:
            yield server

    def test_parts_refused_at_the_first_one_lead_to_the_whole_file(self, fake: FakeZenodo) -> None:
        for status in (403, 404, 405):
            fake.refuses_part = status
            target = in_parts(fake.url)
            container = new(target, ticket=f"{status}{TICKET[3:]}")
            item = target.put(container, sending(ZIP, b"0123456789", MD5), None)
            assert item.digests == digest_of(b"0123456789")
            assert pending(fake, container.id) == []
            target.close()

    def test_a_proxys_413_leads_to_smaller_parts(self, fake: FakeZenodo) -> None:
        target = in_parts(fake.url, part_bytes=2000, smaller=500)
        container = new(target)
        fake.max_request = 1000
        item = target.put(container, sending(ZIP, bytes(3000), MD5), None)
        assert item.digests == digest_of(bytes(3000))
        sizes = [one.size for one in fake.seen("PUT", "/content/")]
        assert sizes == [2000, *[500] * 6]
        target.close()

    def test_a_whole_file_refused_with_413_goes_in_parts(self, fake: FakeZenodo) -> None:
        target = in_parts(fake.url, part_bytes=900, smaller=500, large_bytes=10**6)
        container = new(target)
        fake.max_request = 1000
        item = target.put(container, sending(ZIP, bytes(3000), MD5), None)
        assert item.digests == digest_of(bytes(3000))
        assert pending(fake, container.id) == []
        target.close()

    def test_what_fits_in_no_way_is_too_large_with_a_hint_and_leaves_nothing(
        self, fake: FakeZenodo
    ) -> None:
        target = in_parts(fake.url, part_bytes=900, smaller=700, large_bytes=10**6)
        container = new(target)
        fake.max_request = 600
        with pytest.raises(UserFault, match="client_max_body_size") as raised:
            target.put(container, sending(ZIP, bytes(3000), MD5), None)
        assert raised.value.code == "too-large"
        assert fake.drafts[container.id].files == {}
        target.close()

    def test_maximum_file_size_exceeded_is_too_large(
        self, fake: FakeZenodo, records: Target
    ) -> None:
        container = new(records)
        fake.max_file = 10
        with pytest.raises(UserFault, match="Maximum file size") as raised:
            records.put(container, sending(ZIP, bytes(100), MD5), None)
        assert raised.value.code == "too-large"
        assert fake.drafts[container.id].files == {}

    def test_parts_go_side_by_side(self, fake: FakeZenodo) -> None:
        target = in_parts(fake.url)
        container = new(target)
        fake.fault("pause 0.5", "PUT", "/content/2")
        fake.fault("pause 0.5", "PUT", "/content/3")
        target.put(container, sending(ZIP, b"0123456789ab", MD5), None)
        assert fake.most_running >= 2
        target.close()

    def test_a_checksum_that_a_killed_server_never_takes_is_not_waited_for_in_vain(
        self, fake: FakeZenodo
    ) -> None:
        now = [0.0]

        def sleep(seconds: float) -> None:
            now[0] += seconds

        target = in_parts(fake.url, sleep=sleep, clock=lambda: now[0])
        container = new(target)
        fake.loses_checksums = True
        item = target.put(container, sending(ZIP, b"0123456789", MD5), None)
        assert item.digests == {}
        assert now[0] <= 120
        target.close()

    def test_a_wait_for_a_digest_is_not_in_silence(
        self, fake: FakeZenodo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http, "TOLD_SECONDS", 0.0)
        monkeypatch.setattr(zenodo_files, "_POLL_SECONDS", (0.3,))
        monkeypatch.setattr(zenodo_content, "LARGE_BYTES", 1)
        fake.checksum_polls = 3
        supervisor = Supervisor()
        config = config_for(fake, "records")
        supervisor.send(job_for(staged(tmp_path), config, token=TOKEN))
        said = [one.message for one in supervisor.progress if one.message]
        assert any("the target's own digest" in message for message in said)
        assert said[-1] == "Uploading files to zenodo..."

    def test_one_404_of_an_address_just_given_is_tried_again(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path
    ) -> None:
        fake.fault("status 404", "POST", "/commit")
        _, result = send(config, staged(tmp_path))
        assert (result.failed_fixity, result.unverified_fixity) == ((), ())

    def test_a_long_folder_name_gets_a_key_that_fits(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path
    ) -> None:
        for name in ("n" * 250, "ü" * 120):
            identity, result = send(config, staged(tmp_path, {f"{name}/a.txt": b"a"}))
            assert (result.failed_fixity, result.unverified_fixity) == ((), ())
            assert [len(key) <= 255 for key in fake.contents(identity)] == [True]


class TestAccount:
    @pytest.mark.parametrize("api", ["auto", "records", "deposit"])
    def test_a_wrong_token_is_refused_as_that_and_never_a_missing_resource(
        self, fake: FakeZenodo, api: str
    ) -> None:
        target = connect(config_for(fake, api), "wrong")
        with pytest.raises(UserFault, match="refuses the token") as raised:
            target.account()
        assert raised.value.code == "unauthorized"
        target.close()

    def test_a_site_with_neither_api_says_to_look_at_the_url(self, fake: FakeZenodo) -> None:
        fake.has_records = fake.has_deposit = False
        target = connect(config_for(fake, "auto"), TOKEN)
        with pytest.raises(TargetFault, match="look at the target's `url`"):
            target.account()
        target.close()

    def test_an_account_of_5000_records_costs_five_lists_a_drop(
        self, fake: FakeZenodo, tmp_path: Path
    ) -> None:
        for number in range(5000):
            fake.make(f"Record {number}")
        config = config_for(fake, "auto")
        send(config, staged(tmp_path))
        assert fake.count("GET", "/user/records") <= 5

    def test_what_others_share_with_the_account_is_not_its_own(
        self, fake: FakeZenodo, records: Target
    ) -> None:
        mark = record_metadata("T", {}, TICKET)
        closed = {"record": "public", "files": "restricted"}
        identity = fake.make("T", owner=STRANGER, shared=True, metadata=mark, access=closed)
        assert new(records).id != identity

    @pytest.mark.parametrize(
        "more",
        [
            {"index": 2},
            {"published": True},
            {"files": {"theirs.txt": b"x"}},
            {"access": {"record": "public", "files": "public"}},
        ],
    )
    def test_a_marked_draft_that_is_not_the_tickets_own_is_not_taken(
        self, fake: FakeZenodo, records: Target, more: dict[str, Any]
    ) -> None:
        files = more.pop("files", {})
        mark = record_metadata("T", {}, TICKET)
        closed = {"record": "public", "files": "restricted"}
        identity = fake.make("T", files, metadata=mark, **{"access": closed, **more})
        assert new(records).id != identity

    def test_a_marked_draft_as_the_ticket_makes_it_is_taken(
        self, fake: FakeZenodo, records: Target
    ) -> None:
        mark = record_metadata("T", {}, TICKET)
        closed = {"record": "public", "files": "restricted"}
        identity = fake.make("T", {ZIP: b"x"}, metadata=mark, access=closed)
        assert new(records).id == identity

    @pytest.mark.parametrize(
        ("given", "identity"),
        [
            ("12345", "12345"),
            ("10.5281/zenodo.12345", "12345"),
            ("https://doi.org/10.5281/zenodo.12345", "12345"),
            ("https://zenodo.org/uploads/12345", "12345"),
            ("https://zenodo.org/records/12345?preview=1", "12345"),
            ("https://zenodo.org/api/records/abcde-12345/draft", "abcde-12345"),
            ("abcde-12345", "abcde-12345"),
        ],
    )
    def test_every_form_of_an_id_is_one_container(self, given: str, identity: str) -> None:
        assert record_id(given) == identity


class TestDescription:
    def test_one_refused_value_costs_that_value(self, fake: FakeZenodo, records: Target) -> None:
        fake.unknown = {"publication-dissertation", "cc-by-4.0", "isversionof", "fra"}
        container = new(
            records,
            resource_type="Dissertation",
            license="CC-BY-4.0",
            language="fr",
            description="What it is",
            related_identifiers=[
                {"relation": "isVersionOf", "identifier": "10.1234/x"},
                {"relation": "cites", "identifier": "10.1234/y"},
            ],
        )
        metadata = fake.drafts[container.id].metadata
        assert metadata["resource_type"] == {"id": "publication-thesis"}
        assert metadata["rights"] == [{"title": {"en": "CC-BY-4.0"}}]
        assert metadata["description"] == "What it is"
        assert [row["identifier"] for row in metadata["related_identifiers"]] == ["10.1234/y"]
        assert left_out_in(container.state) == [
            ("language", "fr"),
            ("related_identifiers", "10.1234/x (isVersionOf)"),
        ]
        assert UNDESCRIBED not in container.state

    def test_the_day_is_put_in_where_nobody_gave_a_date_and_said(
        self, fake: FakeZenodo, target: Target
    ) -> None:
        container = new(target)
        assert is_date(fake.drafts[container.id].metadata["publication_date"])
        assert "metadata-assumed" in dict(remarks_in(container.state))
        container = new(target, ticket=f"1{TICKET[1:]}", publication_date="2025-03")
        assert fake.drafts[container.id].metadata["publication_date"] == "2025-03"
        assert "metadata-assumed" not in dict(remarks_in(container.state))

    def test_a_twice_given_identifier_does_not_cost_the_mark(
        self, fake: FakeZenodo, records: Target
    ) -> None:
        row = {"relation": "isAlternateIdentifier", "identifier": "10.1234/x"}
        container = new(records, related_identifiers=[row, dict(row)])
        assert len(fake.drafts[container.id].metadata["identifiers"]) == 2

    @pytest.mark.parametrize("day", ["2025-02-31", "0000", "9999-99", "2025-2-1", "soon"])
    def test_a_date_that_is_none_is_left_out_and_named(
        self, fake: FakeZenodo, records: Target, day: str
    ) -> None:
        container = new(records, publication_date=day)
        assert ("publication_date", day) in left_out_in(container.state)
        assert fake.drafts[container.id].metadata["publication_date"] != day

    def test_what_the_server_complains_of_in_its_201_is_told(
        self, fake: FakeZenodo, records: Target
    ) -> None:
        create = fake.create

        def complaining(request: Any) -> Any:
            reply = create(request)
            errors = [{"field": "metadata.version", "messages": ["Odd version."]}]
            return replace(reply, tree={**reply.tree, "errors": errors})

        fake.create = complaining  # type: ignore[method-assign]
        container = new(records, version="1 0")
        assert "version: Odd version" in dict(remarks_in(container.state))["metadata-complaint"]

    def test_a_title_of_two_letters_is_refused_before_anything_is_made(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path
    ) -> None:
        with pytest.raises(UserFault, match="too short"):
            send(config, staged(tmp_path, {"v1/a.txt": b"a"}), title="v1")
        assert fake.drafts == {}

    def test_a_sensible_record_says_everything(self) -> None:
        fields = {
            "language": "de-AT",
            "version": "2.1",
            "described_title": "Another title",
            "related_identifiers": [
                {"relation": "isAlternateIdentifier", "identifier": "ISBN 978-3-16-148410-0"},
                {"relation": "isPublishedIn", "identifier": "ISSN 2049-3630"},
            ],
        }
        found = record_metadata("T", fields, TICKET, today=date(2026, 1, 2))
        assert found["languages"] == [{"id": "deu"}]
        assert found["version"] == "2.1"
        assert found["additional_titles"][0]["title"] == "Another title"
        assert {"scheme": "isbn", "identifier": "978-3-16-148410-0"} in found["identifiers"]
        (other,) = found["related_identifiers"]
        assert (other["scheme"], other["relation_type"]["id"]) == ("issn", "ispublishedin")
        assert found["publication_date"] == "2026-01-02"


class TestChecks:
    @pytest.mark.parametrize(
        ("orcid", "is_right"),
        [
            ("0000-0002-1825-0097", True),
            ("0000-0001-5109-3700", True),
            ("0000-0002-1694-233X", True),
            ("0000-0002-1825-0098", False),
            ("0000-0002-1825-009", False),
        ],
    )
    def test_orcid(self, orcid: str, is_right: bool) -> None:
        assert is_orcid(orcid) is is_right

    @pytest.mark.parametrize(
        ("text", "scheme"),
        [
            ("ISBN 978-3-16-148410-0", "isbn"),
            ("978-3-16-148410-0", "isbn"),
            ("ISBN 0-306-40615-2", "isbn"),
            ("ISBN 978-3-16-148410-1", None),
            ("2049-3630", "issn"),
            ("ISSN 2049-3631", None),
            ("arXiv:1501.00001v2", "arxiv"),
            ("arXiv:hep-th/9901001", "arxiv"),
            ("arXiv:1234", None),
            ("arXiv:9913.12345", None),
            ("https://doi.org/10.1234/x", "doi"),
            ("hdl:20.1000/100", "handle"),
            ("https://example.org/x", "url"),
            ("birds-7", None),
        ],
    )
    def test_identifiers(self, text: str, scheme: str | None) -> None:
        found = scheme_of(text)
        assert (found[0] if found else None) == scheme

    @pytest.mark.parametrize(
        ("text", "known"),
        [
            ("CC BY 4.0", "cc-by-4.0"),
            ("https://creativecommons.org/licenses/by-nc/4.0/legalcode", "cc-by-nc-4.0"),
            ("https://spdx.org/licenses/GPL-3.0-only.html", "gpl-3.0-only"),
            ("https://opensource.org/licenses/MIT", "mit"),
            ("EUPL-1.2", "eupl-1.2"),
            ("Ask the author", None),
        ],
    )
    def test_licences(self, text: str, known: str | None) -> None:
        assert license_id(text) == known

    def test_languages(self) -> None:
        found = [language_id(text) for text in ("en", "en-GB", "deu", "xx", "English", None)]
        assert found == ["eng", "eng", "deu", None, None, None]

    def test_keys_are_read_by_their_content_alone(self) -> None:
        md5 = digest_of(b"x")["md5"]
        mine = StoredFile(key=f"P.{md5[:8]}{PACKED}", size=1, digests={"md5": md5})
        theirs = replace(mine, key=f"P.{'0' * 8}{PACKED}")
        shown = items_of([mine, theirs])
        assert shown[PurePosixPath(f"P{PACKED}")].path == PurePosixPath(mine.key)
        assert shown[PurePosixPath(theirs.key)].asked is None


class TestAccess:
    @pytest.mark.parametrize(
        ("visibility", "files"), [("private", "restricted"), ("public", "public")]
    )
    def test_a_drafts_files_are_closed_unless_they_shall_be_public(
        self, fake: FakeZenodo, visibility: str, files: str, tmp_path: Path
    ) -> None:
        config = config_for(fake, "records", visibility=visibility)
        identity, result = send(config, staged(tmp_path))
        assert fake.drafts[identity].access["files"] == files
        assert ("restricted" in str(result.note)) is (files == "restricted")

    def test_an_existing_draft_is_closed_before_it_is_published_and_loses_nothing(
        self, fake: FakeZenodo
    ) -> None:
        metadata = {
            "title": "The title",
            "creators": [],
            "resource_type": {"id": "dataset"},
            "publication_date": "2025",
            "rights": [{"id": "mit", "title": {"en": "MIT"}}],
        }
        identity = fake.make("T", metadata=dict(metadata))
        target = connect(config_for(fake, "records", publish="after_verified"), TOKEN)
        target.publish(existing(target, identity))
        target.close()
        draft = fake.drafts[identity]
        assert (draft.published, draft.access["files"]) == (True, "restricted")
        assert draft.metadata == {**metadata, "rights": [{"id": "mit"}]}

    def test_a_pending_file_of_ours_is_cleared_before_publishing_and_anothers_is_not(
        self, fake: FakeZenodo
    ) -> None:
        target = connect(config_for(fake, "records", publish="after_verified"), TOKEN)
        container = new(target, creators=[{"name": "D, J"}], resource_type="Dataset")
        fake.fault("cut", "PUT")
        with pytest.raises(TargetFault):
            target.put(container, sending(ZIP, b"x", MD5), None)
        target.put(container, sending("Other" + PACKED, b"y", MD5), None)
        assert pending(fake, container.id)
        target.publish(container)
        assert fake.drafts[container.id].published
        identity = fake.make("Theirs")
        fake.drafts[identity].files["theirs.csv"] = fake.drafts[container.id].files.pop(
            next(iter(fake.drafts[container.id].files))
        )
        fake.drafts[identity].files["theirs.csv"].content = None
        with pytest.raises(UserFault, match=r"theirs\.csv"):
            target.publish(existing(target, identity))
        target.close()

    def test_metadata_only_is_said_as_that(self, fake: FakeZenodo, records: Target) -> None:
        identity = fake.make("No files", takes_files=False)
        with pytest.raises(UserFault, match="metadata-only") as raised:
            existing(records, identity)
        assert raised.value.code == "bad-request"


@pytest.mark.parametrize("tree", [{}, {"key": None}, {"key": "other"}, {"entries": 3}])
def test_an_answer_that_does_not_name_the_file_is_no_success(
    fake: FakeZenodo, records: Target, tree: dict[str, Any]
) -> None:
    container = new(records)
    commit = fake.commit
    fake.commit = lambda *given: replace(commit(*given), tree=tree)  # type: ignore[method-assign]
    with pytest.raises(TargetFault) as raised:
        records.put(container, sending(ZIP, b"x", MD5), None)
    assert raised.value.code == "target-misbehaved"


def test_a_link_that_is_no_page_of_the_web_is_shown_to_nobody(
    fake: FakeZenodo, records: Target
) -> None:
    create = fake.create

    def odd(request: Any) -> Any:
        reply = create(request)
        links = {"self_html": "file:///etc/passwd"}
        return replace(reply, tree={**reply.tree, "links": links})

    fake.create = odd  # type: ignore[method-assign]
    assert new(records).link is None


def test_a_draft_deleted_by_hand_is_said_to_be_gone(fake: FakeZenodo, target: Target) -> None:
    container = new(target)
    del fake.drafts[container.id]
    for ask in (target.listing, lambda it: target.stat(it, PurePosixPath(ZIP))):
        with pytest.raises(UserFault, match="deleted") as raised:
            ask(container)
        assert raised.value.code == "resource-gone"


def test_a_publishing_that_failed_is_made_good_by_the_next_go(
    fake: FakeZenodo, config: TargetConfig, tmp_path: Path
) -> None:
    publishes = replace(config, publish="after_verified")
    folder = staged(tmp_path)
    identity, result = send(publishes, folder)
    assert "not-published" in {warning.code for warning in result.warnings}
    fake.drafts[identity].metadata |= {
        "creators": [{}],
        "resource_type": {"id": "dataset"},
        "upload_type": "dataset",
        "description": "What it is",
    }
    again, result = send(publishes, folder)
    assert again == identity
    assert fake.drafts[identity].published
    assert "not-published" not in {warning.code for warning in result.warnings}
    assert fake.count("PUT", "/content") + fake.count("PUT", "/api/files/") == 1


def test_a_refused_deposit_leaves_no_unfinished_file(
    fake: FakeZenodo, config: TargetConfig, tmp_path: Path
) -> None:
    fake.fault("status 400", "PUT", times=9)
    with pytest.raises(PresqtError):
        send(config, staged(tmp_path), uploads=UploadsConfig())
    (draft,) = fake.drafts.values()
    assert draft.files == {}


def test_a_restricted_draft_says_so_in_its_state(target: Target) -> None:
    assert RESTRICTED in new(target).state
