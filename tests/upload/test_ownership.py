"""Whose file it is that stands at a place: ours by the digest that we sent, and by nothing else."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.model import DuplicateAction, UploadResult
from presqt_daemon.targets.base import Traits
from presqt_daemon.upload.containers.confirm import LOOK_AGAIN_SECONDS
from tests.targets.memory import MemoryStore
from tests.upload.tickets import Supervisor, job_for, staged

IGNORE, UPDATE = DuplicateAction
STOP = UserFault("too-large", "no")
NO_ANSWER = TargetFault("target-unavailable", "cut", retryable=True, outcome_unknown=True)
MD5 = ("md5",)


def send(
    store: MemoryStore,
    folder: Path,
    supervisor: Supervisor | None = None,
    publish: str = "never",
    **options: object,
) -> UploadResult:
    config = TargetConfig(name="memory", type="memory", publish=publish)
    job = job_for(folder, config, **options)  # type: ignore[arg-type]
    return (supervisor or Supervisor()).send(job, connect=store.connect)


def interrupted(
    store: MemoryStore, folder: Path, after: int, resource_id: str | None = None
) -> None:
    store.faults["put"] = [*[None] * after, STOP]
    with pytest.raises(UserFault):
        send(store, folder, resource_id=resource_id)
    store.faults.clear()


def files(count: int) -> dict[str, bytes]:
    return {f"{number:02}": b"ours %d" % number for number in range(count)}


def test_a_retry_leaves_what_a_person_put_there_meanwhile(tmp_path: Path) -> None:
    store = MemoryStore()
    room = store.room("Theirs")
    folder = staged(tmp_path, files(70), extra=MD5)
    interrupted(store, folder, 5, resource_id=room)
    stored = store.rooms[room].files
    stored[PurePosixPath("40")] = b"the only copy"
    stored[PurePosixPath("01")] = b"edited after it was verified"
    stored[PurePosixPath("41")] = b"ours 41"
    result = send(store, folder, resource_id=room)
    assert stored[PurePosixPath("40")] == b"the only copy"
    assert stored[PurePosixPath("01")] == b"edited after it was verified"
    assert result.ignored == ("/01", "/40", "/41")
    assert result.ignored_different == ("/01", "/40")
    assert result.updated == ()


def test_what_was_edited_in_a_new_container_stays_at_a_retry(tmp_path: Path) -> None:
    store = MemoryStore()
    folder = staged(tmp_path, {f"P/{name}": content for name, content in files(5).items()})
    interrupted(store, folder, 3)
    stored = store.rooms["room-1"].files
    stored[PurePosixPath("00")] = b"edited"
    stored[PurePosixPath("04")] = b"by hand"
    result = send(store, folder)
    assert (stored[PurePosixPath("00")], stored[PurePosixPath("04")]) == (b"edited", b"by hand")
    assert result.ignored_different == ("/P/00", "/P/04")


@pytest.mark.parametrize("action", DuplicateAction)
def test_behind_a_lost_answer_may_stand_the_file_of_another(
    tmp_path: Path, action: DuplicateAction
) -> None:
    store = MemoryStore()
    room = store.room("Theirs")
    store.faults["put"] = [NO_ANSWER]
    seen: list[PurePosixPath] = []

    def take(path: PurePosixPath) -> None:
        if not seen:
            store.rooms[room].files[path] = b"theirs"
        seen.append(path)

    store.on_put = take
    result = send(store, staged(tmp_path, {"a": b"ours"}), resource_id=room, action=action)
    there = b"theirs" if action is IGNORE else b"ours"
    assert store.files(room) == {"a": there}
    assert result.ignored_different == (("/a",) if action is IGNORE else ())


def test_a_file_that_arrived_wrong_and_was_mended_by_hand_is_not_sent_over(tmp_path: Path) -> None:
    store = MemoryStore()
    room = store.room("Theirs")
    folder = staged(tmp_path, {"a": b"ours", "b": b"ours"}, extra=MD5)
    store.spoilt.update({"a": 2, "b": 2})
    assert send(store, folder, resource_id=room).failed_fixity == ("/a", "/b")
    store.rooms[room].files[PurePosixPath("a")] = b"by hand"
    result = send(store, folder, resource_id=room)
    assert store.files(room) == {"a": b"by hand", "b": b"ours"}
    assert (result.failed_fixity, result.ignored_different) == ((), ("/a",))


CALLS = ("listing", "put", "stat", "digest", "commit")


@pytest.mark.parametrize("deferred", [False, True])
@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("call", CALLS)
def test_whenever_another_writes_the_same_name_it_stays_under_ignore(
    tmp_path: Path, call: str, lost: bool, deferred: bool
) -> None:
    """At each call of this kind, the first to the fourth; then the ticket goes again."""
    for number in range(1, 5):
        store = MemoryStore(
            traits=Traits(algorithms=("sha256", "md5"), deferred=deferred), lists_digests=False
        )
        room = store.room("Theirs")
        count = [0]

        def write(
            name: str,
            store: MemoryStore = store,
            room: str = room,
            number: int = number,
            count: list[int] = count,
        ) -> None:
            count[0] += name == call
            if name == call and count[0] == number:
                store.rooms[room].files.setdefault(PurePosixPath("b"), b"theirs")

        store.on_call = write
        store.lost["b"] = int(lost)
        folder = staged(tmp_path, {"a": b"ours", "b": b"ours", "c": b"ours"}, extra=MD5)
        for _ in range(2):
            result = send(store, folder, resource_id=room)
        stored = store.files(room)
        assert stored["a"] == stored["c"] == b"ours"
        if stored["b"] == b"theirs":
            assert result.ignored_different == ("/b",)
        else:
            assert "/b" not in result.ignored_different


def test_a_target_that_says_it_replaced_something_is_believed(tmp_path: Path) -> None:
    store = MemoryStore(replaces_silently=True)
    room = store.room("Theirs")

    def take(path: PurePosixPath) -> None:
        store.rooms[room].files[path] = b"theirs"

    store.on_put = take
    folder = staged(tmp_path, {"a": b"ours"})
    result = send(store, folder, resource_id=room)
    assert [(one.code, one.path) for one in result.warnings] == [("has-replaced", "/a")]
    assert '"has_replaced": true' in (folder / "journal.jsonl").read_text()


def test_a_listing_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    store = MemoryStore()
    store.hidden["a.txt"] = 3
    supervisor = Supervisor()
    result = send(store, staged(tmp_path, {"P/a.txt": b"a"}), supervisor)
    assert (result.failed_fixity, result.warnings) == ((), ())
    assert store.puts["a.txt"] == 1
    assert sum(supervisor.slept) == pytest.approx(sum(LOOK_AGAIN_SECONDS))


def vanish(store: MemoryStore, times: int) -> Callable[[str], None]:
    """The target forgets the file before its commit, so many times."""
    left = [times]

    def forget(name: str) -> None:
        if name == "commit" and left[0]:
            left[0] -= 1
            store.rooms["room-1"].files.pop(PurePosixPath("a.txt"), None)

    return forget


@pytest.mark.parametrize(("times", "failed"), [(1, ()), (9, ("/P/a.txt",))])
def test_what_is_not_there_after_the_last_put_is_sent_once_more_then_reported(
    tmp_path: Path, times: int, failed: tuple[str, ...]
) -> None:
    store = MemoryStore()
    store.on_call = vanish(store, times)
    result = send(store, staged(tmp_path, {"P/a.txt": b"a", "P/b.txt": b"b"}))
    assert store.puts == {"a.txt": 2, "b.txt": 1}
    assert result.failed_fixity == failed
    assert [one.code for one in result.warnings] == (["not-there"] if failed else [])


def test_a_file_changed_by_the_end_is_failed_fixity(tmp_path: Path) -> None:
    store = MemoryStore()

    def change(name: str) -> None:
        if name == "commit":
            store.rooms["room-1"].files[PurePosixPath("a.txt")] = b"x"

    store.on_call = change
    result = send(store, staged(tmp_path, {"P/a.txt": b"a"}, extra=MD5))
    assert result.failed_fixity == ("/P/a.txt",)
    assert [one.code for one in result.warnings] == ["changed-at-the-target"]
    assert store.puts["a.txt"] == 1


def test_a_file_stored_under_another_name_is_failed_fixity(tmp_path: Path) -> None:
    store = MemoryStore(renames=lambda path: PurePosixPath(str(path).lower()))
    result = send(store, staged(tmp_path, {"P/A.txt": b"a"}))
    assert result.failed_fixity == ("/P/A.txt",)
    assert [one.code for one in result.warnings] == ["stored-under-another-name"]


def test_a_new_container_that_is_gone_is_made_anew(tmp_path: Path) -> None:
    store = MemoryStore()
    folder = staged(tmp_path)
    interrupted(store, folder, 1)
    store.rooms.clear()
    store.faults["listing"] = [UserFault("resource-gone", "gone")]
    result = send(store, folder)
    assert [one.code for one in result.warnings] == ["made-anew"]
    assert len(store.files("room-1")) == 2
    assert (result.ignored, result.failed_fixity) == ((), ())
    assert send(store, folder).warnings == ()


def test_a_draft_that_holds_files_of_others_is_not_published(tmp_path: Path) -> None:
    store = MemoryStore(traits=Traits(algorithms=MD5, makes_drafts=True))
    room = store.room("Theirs", x=b"theirs")
    folder = staged(tmp_path, {"a": b"ours"}, extra=MD5)
    result = send(store, folder, resource_id=room, publish="after_verified")
    assert not store.rooms[room].is_published
    assert [one.code for one in result.warnings] == ["not-published"]
    del store.rooms[room].files[PurePosixPath("x")]
    send(store, folder, resource_id=room, publish="after_verified")
    assert store.rooms[room].is_published
