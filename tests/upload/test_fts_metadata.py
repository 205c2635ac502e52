import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from presqt_daemon.config import TargetConfig, UploadsConfig
from presqt_daemon.errors import TargetFault
from presqt_daemon.metadata.fts_document import (
    INVALID_NAME,
    NAME,
    FtsMetadata,
    fts_bytes,
    merge,
    parse_fts,
    upload_action,
)
from presqt_daemon.model import DuplicateAction, FileResult, Fixity, Outcome, UploadResult
from presqt_daemon.targets.base import Container, Item, Traits
from presqt_daemon.upload.calls.patience import MustWait
from presqt_daemon.upload.publishing import final_message
from tests.fakes.zenodo import TOKEN, FakeZenodo, stem_of
from tests.targets.memory import MemoryStore, MemoryTarget
from tests.upload.tickets import Supervisor, job_for, staged

SCHEMA = json.loads((files("presqt_daemon.schemas") / "fts_metadata.json").read_text())
TICKET = "0b8c1f7e-3b1e-4a56-9a55-3f0f6f0c5d11"
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
PATH = PurePosixPath(NAME)


def result(name: str = "/P/a.txt", **changes: Any) -> FileResult:
    plain = FileResult(
        path=PurePosixPath(name),
        outcome=Outcome.CREATED,
        fixity=Fixity.MATCHED,
        algorithm="sha256",
        local_digest="aa",
        remote_digest="aa",
        remote_path="a.txt",
    )
    return replace(plain, **changes)


def action(ticket: str = TICKET, *results: FileResult) -> dict[str, Any]:
    return upload_action(
        ticket=ticket,
        target_type="osf",
        account="Full Name",
        container_title="P",
        results=results,
        now=NOW,
    )


def document(ticket: str = TICKET, **changes: Any) -> FtsMetadata:
    return replace(FtsMetadata(actions=(action(ticket),)), **changes)


class TestDocument:
    def test_an_action_is_as_presqt_writes_it(self) -> None:
        assert action(TICKET, result()) == {
            "id": TICKET,
            "details": "PresQT Upload to OSF",
            "actionDateTime": "2026-03-04 05:06:07.000000+00:00",
            "actionType": "resource_upload",
            "sourceTargetName": "Local Machine",
            "sourceUsername": None,
            "destinationTargetName": "osf",
            "destinationUsername": "Full Name",
            "keywords": {},
            "files": {
                "created": [
                    {
                        "title": "a.txt",
                        "sourcePath": "/P/a.txt",
                        "destinationPath": "/P/a.txt",
                        "sourceHashes": {"sha256": "aa"},
                        "destinationHashes": {"sha256": "aa"},
                        "failedFixityInfo": [],
                        "extra": {},
                    }
                ],
                "updated": [],
                "ignored": [],
            },
        }

    def test_failed_fixity_is_told_with_its_reason(self) -> None:
        bad = result(fixity=Fixity.MISMATCHED, remote_digest="bb")
        (info,) = action(TICKET, bad)["files"]["created"][0]["failedFixityInfo"]
        assert (info["NewGeneratedHash"], info["algorithmUsed"]) == ("aa", "sha256")

    def test_what_is_written_is_valid_and_read_again(self) -> None:
        ignored = result("/P/b", outcome=Outcome.IGNORED, remote_digest=None, local_digest=None)
        whole = merge(action(TICKET, result(), ignored), document("x"), document("y"))
        tree = json.loads(fts_bytes(whole))
        jsonschema.validate(tree, SCHEMA)
        assert parse_fts(fts_bytes(whole)) == whole

    def test_the_newest_action_is_first_and_each_is_there_once(self) -> None:
        merged = merge(action(), document("source"), document("old"))
        assert [one["id"] for one in merged.actions] == [TICKET, "source", "old"]
        assert [one["id"] for one in merge(action(), None, document()).actions] == [TICKET]

    def test_keywords_are_the_union_and_old_extra_metadata_stay(self) -> None:
        source = FtsMetadata(keywords=("a", "b"), extra={"title": "source"})
        old = FtsMetadata(keywords=("b", "c"), extra={"title": "old"})
        merged = merge(action(), source, old)
        assert merged.keywords == ("a", "b", "c")
        assert merged.extra == {"title": "old"}
        assert merge(action(), source, FtsMetadata()).extra == {"title": "source"}

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=3),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
            max_leaves=8,
        ),
        st.data(),
    )
    def test_the_judgement_is_the_schemas(self, value: Any, data: st.DataObject) -> None:
        tree = json.loads(fts_bytes(merge(action(TICKET, result()), None, None)))
        tree["extra_metadata"] = {"title": "x", "creators": [{"ORCID": None}], "keywords": ["y"]}
        tree["actions"][0]["keywords"] = {"enhancer": "z", "sourceKeywordsAdded": []}
        places = list(_places(tree))
        holder, key = data.draw(st.sampled_from(places))
        if data.draw(st.booleans()):
            holder[key] = value
        else:
            del holder[key]
        is_valid = jsonschema.Draft202012Validator(SCHEMA).is_valid(tree)
        assert (parse_fts(json.dumps(tree).encode()) is not None) is is_valid

    @pytest.mark.parametrize(
        "content", [b"", b"{", b"[]", b'{"allKeywords": []}', b"\xff\xfe", b"[" * 100_000]
    )
    def test_what_is_no_such_file_is_invalid(self, content: bytes) -> None:
        assert parse_fts(content) is None


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield tree, key
        if isinstance(value, dict | list):
            yield from _places(value)


class FetchingTarget(MemoryTarget):
    """A memory target that also gives contents back."""

    def __init__(self, store: MemoryStore, token: str | None, rooms: Any) -> None:
        super().__init__(store, token)
        self._rooms = rooms

    def fetch(self, container: Container, item: Item, limit: int) -> bytes | None:
        content: bytes = self._rooms[container.id].files[item.path]
        return content if len(content) <= limit else None


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


Sender = Callable[..., UploadResult]


@pytest.fixture
def send(store: MemoryStore, tmp_path: Path) -> Sender:
    def run(
        payload: Mapping[str, bytes] | None = None,
        *,
        kind: str = "osf",
        fetches: bool = True,
        folder: Path | None = None,
        uploads: UploadsConfig | None = None,
        supervisor: Supervisor | None = None,
        **options: Any,
    ) -> UploadResult:
        def connect(config: TargetConfig, token: str | None) -> MemoryTarget:
            plain = store.connect(config, token)
            return FetchingTarget(store, token, store.rooms) if fetches else plain

        job = job_for(
            folder or staged(tmp_path, payload),
            TargetConfig(name="memory", type=kind),
            uploads=uploads or UploadsConfig(),
            **options,
        )
        return (supervisor or Supervisor()).send(job, connect=connect)

    return run


def written(store: MemoryStore, room: str = "room-1", name: str = NAME) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(store.files(room)[name])
    jsonschema.validate(tree, SCHEMA)
    return tree


class TestWriting:
    def test_a_new_resource_gets_one_that_tells_every_file(
        self, store: MemoryStore, send: Sender
    ) -> None:
        outcome = send()
        tree = written(store)
        created = tree["actions"][0]["files"]["created"]
        assert [file["sourcePath"] for file in created] == ["/Project/a.txt", "/Project/sub/b.txt"]
        assert created[1]["destinationPath"] == "/Project/sub/b.txt"
        assert all(file["destinationHashes"] for file in created)
        assert outcome.warnings == ()

    def test_it_can_be_switched_off(self, store: MemoryStore, send: Sender) -> None:
        send(uploads=UploadsConfig(fts_metadata=False))
        assert NAME not in store.files("room-1")

    @pytest.mark.parametrize("kind", ["folder", "shelf"])
    def test_other_than_presqts_targets_get_the_payload_alone(
        self, store: MemoryStore, send: Sender, kind: str
    ) -> None:
        send(kind=kind)
        assert set(store.files("room-1")) == {"a.txt", "sub/b.txt"}

    def test_targets_that_defer_get_it_in_a_commit_of_its_own(
        self, store: MemoryStore, send: Sender
    ) -> None:
        store.traits = Traits(algorithms=("sha256",), deferred=True)
        outcome = send(kind="github")
        assert written(store)["actions"][0]["details"] == "PresQT Upload to GitHub"
        assert outcome.warnings == ()
        assert store.calls["commit"] == 2

    def test_a_flat_target_gets_it_beside_the_zip(self, store: MemoryStore, send: Sender) -> None:
        store.traits = Traits(algorithms=("md5",), has_folders=False)
        send(kind="zenodo")
        (file,) = written(store)["actions"][0]["files"]["created"]
        assert file["sourcePath"] == "/Project/Project.presqt.zip"
        assert set(store.files("room-1")) == {NAME, "Project.presqt.zip"}

    @pytest.mark.parametrize("fetches", [True, False])
    def test_sending_again_writes_nothing(
        self, store: MemoryStore, send: Sender, tmp_path: Path, fetches: bool
    ) -> None:
        folder = staged(tmp_path)
        first = send(folder=folder, fetches=fetches)
        before = store.files("room-1")
        assert send(folder=folder, fetches=fetches) == first
        assert store.files("room-1") == before
        assert store.puts[NAME] == 1


class TestMerging:
    def into(self, store: MemoryStore, content: bytes) -> str:
        identity = store.room("Theirs")
        store.rooms[identity].files[PATH] = content
        return identity

    def test_a_valid_one_at_the_target_keeps_its_actions(
        self, store: MemoryStore, send: Sender
    ) -> None:
        old = document("old", keywords=("owl",), extra={"title": "Old"})
        identity = self.into(store, fts_bytes(old))
        send(resource_id=identity)
        tree = written(store)
        assert [one["id"] for one in tree["actions"]][1:] == ["old"]
        assert (tree["allKeywords"], tree["extra_metadata"]) == (["owl"], {"title": "Old"})

    def test_an_invalid_one_is_kept_under_another_name(
        self, store: MemoryStore, send: Sender
    ) -> None:
        identity = self.into(store, b"{broken")
        outcome = send(resource_id=identity)
        assert store.files(identity)[INVALID_NAME] == b"{broken"
        assert len(written(store)["actions"]) == 1
        assert outcome.warnings == ()

    def test_an_older_invalid_one_is_not_lost_either(
        self, store: MemoryStore, send: Sender
    ) -> None:
        identity = self.into(store, b"{newer")
        store.rooms[identity].files[PurePosixPath(INVALID_NAME)] = b"{older"
        send(resource_id=identity)
        stored = store.files(identity)
        assert stored[INVALID_NAME] == b"{older"
        assert stored["INVALID_PRESQT_FTS_METADATA_2.json"] == b"{newer"

    def test_one_that_cannot_be_read_is_left_alone_and_told(
        self, store: MemoryStore, send: Sender
    ) -> None:
        identity = self.into(store, b"whatever")
        outcome = send(resource_id=identity, fetches=False)
        assert store.files(identity)[NAME] == b"whatever"
        assert [warning.code for warning in outcome.warnings] == ["metadata-error"]

    def test_the_bags_own_history_goes_on_and_its_file_stays_as_it_is(
        self, store: MemoryStore, send: Sender
    ) -> None:
        own = fts_bytes(document("source"))
        outcome = send({f"Project/{NAME}": own, "Project/a.txt": b"a"})
        assert store.files("room-1")[NAME] == own
        (other,) = {name for name in store.files("room-1") if name.startswith("PRESQT")} - {NAME}
        tree = written(store, name=other)
        assert [one["id"] for one in tree["actions"]][1:] == ["source"]
        assert (outcome.failed_fixity, outcome.warnings) == ((), ())

    def test_a_users_nested_file_is_only_a_file(self, store: MemoryStore, send: Sender) -> None:
        own = fts_bytes(document("source"))
        send({f"Project/deep/{NAME}": own})
        assert store.files("room-1")[f"deep/{NAME}"] == own
        assert len(written(store)["actions"]) == 1

    def test_an_ignored_one_is_merged_in_its_place(self, store: MemoryStore, send: Sender) -> None:
        identity = self.into(store, fts_bytes(document("old")))
        outcome = send(
            {NAME: fts_bytes(document("source"))},
            resource_id=identity,
            action=DuplicateAction.IGNORE,
        )
        ids = [one["id"] for one in written(store)["actions"]]
        assert ids[1:] == ["source", "old"]
        assert outcome.ignored == (f"/{NAME}",)


class TestFailing:
    def refuse(self, store: MemoryStore, error: Exception) -> None:
        def on_put(path: PurePosixPath) -> None:
            if path.name == NAME:
                raise error

        store.on_put = on_put

    def test_an_error_is_told_and_fails_nothing(self, store: MemoryStore, send: Sender) -> None:
        self.refuse(store, TargetFault("target-refused", "zenodo answered 400 to it."))
        outcome = send()
        (warning,) = outcome.warnings
        assert warning.code == "metadata-error"
        assert "zenodo answered 400 to it." in warning.message
        assert final_message(outcome, "osf") == "Upload successful but with metadata errors."

    def test_failed_fixity_is_said_before_it(self, store: MemoryStore, send: Sender) -> None:
        self.refuse(store, TargetFault("target-refused", "no"))
        store.spoilt["a.txt"] = 2
        message = final_message(send(), "osf")
        assert message == "Upload successful but with fixity and metadata errors."

    def test_a_target_that_stays_away_costs_the_file_and_not_the_upload(
        self, store: MemoryStore, send: Sender
    ) -> None:
        self.refuse(store, TargetFault("target-unavailable", "It is down.", retryable=True))
        outcome = send(uploads=UploadsConfig(retries=1))
        assert [warning.code for warning in outcome.warnings] == ["metadata-error"]

    def test_a_rate_limit_is_waited_for(self, store: MemoryStore, send: Sender) -> None:
        limit = TargetFault("rate-limited", "Slow.", retryable=True, retry_after=900.0)
        self.refuse(store, limit)
        with pytest.raises(MustWait):
            send()

    @pytest.mark.parametrize(("times", "codes"), [(1, []), (2, ["metadata-error"])])
    def test_it_is_verified_too(
        self, store: MemoryStore, send: Sender, times: int, codes: list[str]
    ) -> None:
        store.spoilt[NAME] = times
        assert [warning.code for warning in send().warnings] == codes


@pytest.mark.parametrize("api", ["records", "deposit"])
def test_zenodo_gets_one_beside_the_zip_and_keeps_what_was_there(tmp_path: Path, api: str) -> None:
    with FakeZenodo() as fake:
        identity = fake.make("Theirs", {NAME: b"{broken"})
        config = TargetConfig(name="zenodo", type="zenodo", url=f"{fake.url}/api", own={"api": api})
        job = job_for(
            staged(tmp_path), config, token=TOKEN, resource_id=identity, uploads=UploadsConfig()
        )
        outcome = Supervisor().send(job)
        stored = fake.contents(identity)
    assert outcome.warnings == ()
    assert {stem_of(key) for key in stored} == {NAME, INVALID_NAME, "Project.presqt.zip"}
    assert stored[INVALID_NAME] == b"{broken"
    tree = json.loads(stored[NAME])
    jsonschema.validate(tree, SCHEMA)
    assert tree["actions"][0]["destinationTargetName"] == "zenodo"
