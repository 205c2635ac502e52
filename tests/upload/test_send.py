import json
import threading
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from presqt_daemon.config import TargetConfig, UploadsConfig
from presqt_daemon.errors import PayloadSpoilt, PresqtError, TargetFault, UserFault
from presqt_daemon.messages import Alive, Created, Opened, Progress, Report
from presqt_daemon.model import DuplicateAction, PauseKind, UploadResult
from presqt_daemon.records.payload import PayloadError
from presqt_daemon.targets.base import Traits
from presqt_daemon.upload.calls.patience import MustWait
from tests.targets.memory import MemoryStore, MemoryTarget, Room
from tests.upload.tickets import Supervisor, folder_config, job_for, staged

UPDATE = DuplicateAction.UPDATE
DOWN = TargetFault("target-unavailable", "The target is down.", retryable=True)
MD5 = ("md5",)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def supervisor() -> Supervisor:
    return Supervisor()


@pytest.fixture
def config() -> TargetConfig:
    return TargetConfig(name="memory", type="memory")


def run(
    store: MemoryStore,
    folder: Path,
    *,
    supervisor: Supervisor | None = None,
    publish: str = "never",
    keep: str = "payload",
    **options: object,
) -> UploadResult:
    config = TargetConfig(name="memory", type="memory", publish=publish, keep=keep)
    job = job_for(folder, config, **options)  # type: ignore[arg-type]
    return (supervisor or Supervisor()).send(job, connect=store.connect)


def with_traits(**changes: object) -> MemoryStore:
    traits = replace(Traits(algorithms=("sha256", "md5")), **changes)  # type: ignore[arg-type]
    return MemoryStore(traits=traits)


def files_of(store: MemoryStore, title: str = "Project") -> dict[str, bytes]:
    room = next(room for room in store.rooms.values() if room.title == title)
    return {str(path): content for path, content in room.files.items()}


def journal_of(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


ALL = {"a.txt": b"alpha\n", "sub/b.txt": b"beta\n"}


def test_a_new_resource_is_created_and_matches(tmp_path: Path, store: MemoryStore) -> None:
    result = run(store, staged(tmp_path, extra=("sha256",)))
    assert files_of(store) == ALL
    assert result == UploadResult(link="memory://room-1", algorithm="sha256")


def test_what_is_reported_comes_in_order(
    tmp_path: Path, store: MemoryStore, supervisor: Supervisor
) -> None:
    run(store, staged(tmp_path), supervisor=supervisor)
    first, second, third, *_, last = supervisor.reports
    assert first == Progress(bytes_total=11, files_total=2, message="Uploading files to memory...")
    assert second == Created(identity="room-1")
    assert third == Opened(container_id="room-1", link="memory://room-1", title="Project")
    assert last == Progress(bytes_done=11, bytes_total=11, files_done=2, files_total=2)
    assert supervisor.asked == 1


def test_the_connection_is_closed_however_it_ends(tmp_path: Path, store: MemoryStore) -> None:
    seen: list[MemoryTarget] = []

    def connect(config: TargetConfig, token: str | None) -> MemoryTarget:
        seen.append(store.connect(config, token))
        return seen[-1]

    config = TargetConfig(name="memory", type="memory")
    job = job_for(staged(tmp_path), config)
    Supervisor().send(job, connect=connect)
    store.faults["put"] = [UserFault("too-large", "no")]
    with pytest.raises(UserFault):
        Supervisor().send(job_for(staged(tmp_path), config), connect=connect)
    assert [target.is_closed for target in seen] == [True, True]


def test_a_bad_token_is_known_before_anything_is_made(tmp_path: Path, store: MemoryStore) -> None:
    store.token = "right"
    supervisor = Supervisor()
    with pytest.raises(MustWait) as raised:
        run(store, staged(tmp_path), supervisor=supervisor, token="wrong")
    assert raised.value.limited.kind is PauseKind.TOKEN
    assert raised.value.limited.reason.startswith("Token is invalid")
    assert (supervisor.asked, store.rooms) == (0, {})


def test_a_taken_title_is_numbered(tmp_path: Path, store: MemoryStore) -> None:
    store.room("Project")
    assert run(store, staged(tmp_path)).link == "memory://room-2"
    assert store.rooms["room-2"].title == "Project (PresQT1)"


def test_a_title_taken_meanwhile_gets_the_next_number(tmp_path: Path, store: MemoryStore) -> None:
    store.faults["container"] = [FileExistsError("Project")] * 2
    run(store, staged(tmp_path))
    assert store.rooms["room-1"].title == "Project (PresQT2)"


def test_a_target_that_takes_no_title_is_not_asked_for_ever(
    tmp_path: Path, store: MemoryStore
) -> None:
    store.faults["container"] = [FileExistsError("Project")] * 500
    supervisor = Supervisor()
    with pytest.raises(TargetFault, match="100 titles"):
        run(store, staged(tmp_path), supervisor=supervisor)
    assert supervisor.reports[-1] == Created()


def test_the_title_is_written_as_the_target_would(tmp_path: Path) -> None:
    store = with_traits(title_from=lambda title: title.replace(" ", "-"))
    store.room("My-Project")
    run(store, staged(tmp_path), title="My Project")
    assert store.rooms["room-2"].title == "My-Project (PresQT1)"


def test_a_title_too_short_for_the_target_is_refused(tmp_path: Path) -> None:
    store = with_traits(min_title_length=3)
    with pytest.raises(UserFault, match="at least 3 characters"):
        run(store, staged(tmp_path), title="ab")


def test_limits_are_checked_before_anything_is_made(tmp_path: Path) -> None:
    store = with_traits(max_file_bytes=5)
    supervisor = Supervisor()
    with pytest.raises(UserFault, match=r"/Project/a.txt") as raised:
        run(store, staged(tmp_path), supervisor=supervisor)
    assert raised.value.code == "too-large"
    assert (supervisor.asked, store.rooms) == (0, {})


def test_a_lost_answer_to_creation_makes_no_second_resource(
    tmp_path: Path, store: MemoryStore
) -> None:
    store.lost["container"] = 1
    run(store, staged(tmp_path))
    assert [room.title for room in store.rooms.values()] == ["Project"]


def test_without_a_mark_creation_is_not_repeated_blindly(tmp_path: Path) -> None:
    store = with_traits(carries_mark=False)
    store.lost["container"] = 1
    folder = staged(tmp_path)
    with pytest.raises(TargetFault, match="no answer"):
        run(store, folder)
    assert len(store.rooms) == 1
    result = run(store, folder)
    assert [warning.code for warning in result.warnings] == ["maybe-left-behind"]


def test_into_an_existing_container_everything_goes(tmp_path: Path, store: MemoryStore) -> None:
    identity = store.room("Theirs", x__txt=b"theirs")
    supervisor = Supervisor()
    run(store, staged(tmp_path), supervisor=supervisor, resource_id=identity)
    assert store.files(identity) == {
        "x.txt": b"theirs",
        "Project/a.txt": b"alpha\n",
        "Project/sub/b.txt": b"beta\n",
    }
    assert supervisor.asked == 0
    assert supervisor.opened.container_id == identity


def test_no_such_resource_is_said(tmp_path: Path, store: MemoryStore) -> None:
    with pytest.raises(UserFault, match="Resource with id 'none' not found for this user"):
        run(store, staged(tmp_path), resource_id="none")


PAIR = {"same.txt": b"same", "other.txt": b"ours", "new.txt": b"new"}


@pytest.mark.parametrize("lists_digests", [True, False])
def test_ignored_duplicates_stay_and_are_compared(
    tmp_path: Path, store: MemoryStore, lists_digests: bool
) -> None:
    store.lists_digests = lists_digests
    identity = store.room("Theirs", same__txt=b"same", other__txt=b"they")
    result = run(store, staged(tmp_path, PAIR, extra=MD5), resource_id=identity)
    assert store.files(identity)["other.txt"] == b"they"
    assert store.files(identity)["new.txt"] == b"new"
    assert result.ignored == ("/other.txt", "/same.txt")
    assert result.ignored_different == ("/other.txt",)
    assert (result.failed_fixity, result.unverified_fixity) == ((), ())


@pytest.mark.parametrize("lists_digests", [True, False])
def test_an_update_sends_only_what_differs(
    tmp_path: Path, store: MemoryStore, lists_digests: bool
) -> None:
    store.lists_digests = lists_digests
    identity = store.room("Theirs", same__txt=b"same", other__txt=b"they")
    folder = staged(tmp_path, PAIR, extra=MD5)
    result = run(store, folder, resource_id=identity, action=UPDATE)
    assert store.files(identity) == PAIR
    assert (result.ignored, result.updated) == (("/same.txt",), ("/other.txt",))
    assert store.puts == {"other.txt": 1, "new.txt": 1}


def test_a_digest_is_computed_where_staging_took_none(tmp_path: Path, store: MemoryStore) -> None:
    result = run(store, staged(tmp_path))
    assert (result.algorithm, result.unverified_fixity) == ("sha256", ())


def test_a_target_without_digests_matches_nothing(tmp_path: Path, store: MemoryStore) -> None:
    store.gives_digests = False
    result = run(store, staged(tmp_path))
    assert result.unverified_fixity == ("/Project/a.txt", "/Project/sub/b.txt")
    assert result.failed_fixity == ()


def test_an_ignored_file_nobody_could_compare_is_not_verified(
    tmp_path: Path, store: MemoryStore
) -> None:
    store.gives_digests = False
    identity = store.room("Theirs", same__txt=b"same")
    result = run(store, staged(tmp_path, {"same.txt": b"same"}), resource_id=identity)
    assert (result.ignored, result.unverified_fixity) == (("/same.txt",), ("/same.txt",))


def test_a_file_that_arrives_wrong_is_sent_once_more(tmp_path: Path, store: MemoryStore) -> None:
    store.spoilt["a.txt"] = 1
    result = run(store, staged(tmp_path))
    assert (files_of(store), result.failed_fixity) == (ALL, ())
    assert store.puts["a.txt"] == 2


@pytest.mark.parametrize("deferred", [True, False])
def test_a_file_the_target_spoils_is_failed_fixity(tmp_path: Path, deferred: bool) -> None:
    store = with_traits(deferred=deferred)
    store.spoilt["a.txt"] = 5
    folder = staged(tmp_path)
    result = run(store, folder)
    assert result.failed_fixity == ("/Project/a.txt",)
    assert store.puts["a.txt"] == 2
    rows = {row["file"]: row["fixity"] for row in journal_of(folder) if "file" in row}
    assert rows == {"/Project/a.txt": "mismatched", "/Project/sub/b.txt": "matched"}


def test_a_retry_sends_again_what_failed_and_only_that(tmp_path: Path, store: MemoryStore) -> None:
    store.spoilt["a.txt"] = 2
    folder = staged(tmp_path)
    assert run(store, folder).failed_fixity == ("/Project/a.txt",)
    store.puts.clear()
    supervisor = Supervisor()
    assert run(store, folder, supervisor=supervisor).failed_fixity == ()
    assert (store.puts, supervisor.asked) == ({"a.txt": 1}, 0)


def test_a_disk_that_has_turned_bad_is_no_failed_fixity(tmp_path: Path, store: MemoryStore) -> None:
    folder = staged(tmp_path)
    (folder / "bag/data/Project/a.txt").write_bytes(b"alpho\n")
    with pytest.raises(PayloadSpoilt):
        run(store, folder)
    assert "a.txt" not in files_of(store)


def test_a_missing_payload_file_is_staged_again(tmp_path: Path, store: MemoryStore) -> None:
    folder = staged(tmp_path)
    (folder / "bag/data/Project/a.txt").unlink()
    with pytest.raises(PayloadSpoilt):
        run(store, folder)


def test_a_missing_payload_list_is_staged_again(tmp_path: Path, store: MemoryStore) -> None:
    folder = staged(tmp_path)
    (folder / "payload.jsonl").unlink()
    with pytest.raises(PayloadError):
        run(store, folder)


def test_after_a_reboot_the_payload_is_read_again_once(tmp_path: Path, store: MemoryStore) -> None:
    folder = staged(tmp_path)
    store.faults["titles"] = [UserFault("forbidden", "no")]
    first, second = Supervisor(), Supervisor()
    with pytest.raises(UserFault):
        run(store, folder, supervisor=first, boot_id="boot-2")
    run(store, folder, supervisor=second, boot_id="boot-2")
    texts = [[r.message for r in s.progress if r.message] for s in (first, second)]
    assert texts[0][0] == "Verifying the files again after a restart..."
    assert texts[1][0] == "Uploading files to memory..."


def test_after_a_reboot_changed_bytes_are_found_before_anything_is_sent(
    tmp_path: Path, store: MemoryStore
) -> None:
    folder = staged(tmp_path)
    (folder / "bag/data/Project/sub/b.txt").write_bytes(b"bet!\n")
    with pytest.raises(PayloadSpoilt, match=r"/Project/sub/b.txt"):
        run(store, folder, boot_id="boot-2")
    assert store.calls["connect"] == 0


def test_a_target_in_trouble_is_asked_again(tmp_path: Path, store: MemoryStore) -> None:
    for call in ("connect", "account", "titles", "container", "listing", "put", "commit"):
        store.faults[call] = [DOWN, ConnectionResetError(104, "Connection reset by peer")]
    supervisor = Supervisor()
    result = run(store, staged(tmp_path), supervisor=supervisor)
    assert (files_of(store), result.failed_fixity) == (ALL, ())
    assert max(supervisor.slept) <= 0.5


def test_a_rate_limit_of_minutes_gives_the_worker_back(tmp_path: Path, store: MemoryStore) -> None:
    limit = TargetFault("rate-limited", "Too many requests.", retryable=True, retry_after=900)
    store.faults["put"] = [None, limit]
    folder = staged(tmp_path)
    with pytest.raises(MustWait) as raised:
        run(store, folder)
    assert raised.value.limited.seconds == 900
    store.faults.clear()
    supervisor = Supervisor()
    result = run(store, folder, supervisor=supervisor)
    assert (files_of(store), supervisor.asked) == (ALL, 0)
    assert (result.ignored, sum(store.puts.values())) == ((), 2)


def test_what_the_target_refuses_names_the_file(tmp_path: Path, store: MemoryStore) -> None:
    store.faults["put"] = [None, TargetFault("target-refused", "The target says: bad name.")]
    with pytest.raises(PresqtError) as raised:
        run(store, staged(tmp_path))
    assert raised.value.message == "The target says: bad name."
    assert [finding.path for finding in raised.value.findings] == ["/Project/sub/b.txt"]


def test_after_a_failure_nothing_more_is_begun(tmp_path: Path, store: MemoryStore) -> None:
    payload = {f"P/{number:03}": b"x" for number in range(200)}
    store.faults["put"] = [None] * 10 + [UserFault("too-large", "no")]
    folder = staged(tmp_path, payload)
    with pytest.raises(UserFault):
        run(store, folder)
    assert store.calls["put"] < 15
    assert run(store, folder).ignored == ()
    assert set(store.puts.values()) == {1}


def test_a_bug_is_not_taken_for_a_fault_of_the_target(tmp_path: Path, store: MemoryStore) -> None:
    store.faults["put"] = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        run(store, staged(tmp_path))


@pytest.mark.parametrize("resource", [True, False])
def test_a_lost_answer_after_storing_sends_nothing_twice(
    tmp_path: Path, store: MemoryStore, resource: bool
) -> None:
    identity = store.room("Theirs") if resource else None
    remote = "Project/a.txt" if resource else "a.txt"
    store.lost[remote] = 1
    result = run(store, staged(tmp_path), resource_id=identity)
    assert store.puts[remote] == 1
    assert (result.ignored, result.failed_fixity) == ((), ())


def test_an_answer_lost_after_storing_wrong_bytes_is_mended(
    tmp_path: Path, store: MemoryStore
) -> None:
    store.lost["a.txt"] = store.spoilt["a.txt"] = 1
    result = run(store, staged(tmp_path))
    assert (files_of(store), result.failed_fixity) == (ALL, ())
    assert store.puts["a.txt"] == 2


def test_a_name_taken_meanwhile_is_a_duplicate(tmp_path: Path, store: MemoryStore) -> None:
    identity = store.room("Theirs")

    def take(path: PurePosixPath) -> None:
        store.rooms[identity].files.setdefault(path, b"theirs")

    for action, there in ((DuplicateAction.IGNORE, b"theirs"), (UPDATE, b"ours")):
        store.rooms[identity].files.clear()
        store.on_put = take
        folder = staged(tmp_path, {"a.txt": b"ours"})
        result = run(store, folder, resource_id=identity, action=action)
        assert store.files(identity) == {"a.txt": there}
        is_update = action is UPDATE
        assert result.updated == (("/a.txt",) if is_update else ())
        assert result.ignored_different == (() if is_update else ("/a.txt",))


def test_a_target_that_contradicts_itself_is_not_believed_for_ever(
    tmp_path: Path, store: MemoryStore
) -> None:
    store.faults["put"] = [FileExistsError("a")] * 50
    with pytest.raises(TargetFault, match="that it is there and that it is not"):
        run(store, staged(tmp_path))


def test_a_readme_the_target_made_by_itself_gives_way(tmp_path: Path, store: MemoryStore) -> None:
    store.added = {"README.md": b"# Project"}
    result = run(store, staged(tmp_path, {"P/README.md": b"ours", "P/x": b"x"}))
    assert files_of(store)["README.md"] == b"ours"
    assert (result.ignored, result.updated) == ((), ())


def test_a_file_where_the_bag_has_a_folder_stops_before_anything_is_sent(
    tmp_path: Path, store: MemoryStore
) -> None:
    identity = store.room("Theirs", Project=b"a file")
    with pytest.raises(UserFault, match="/Project is a folder in the bag, but a file"):
        run(store, staged(tmp_path), resource_id=identity)
    assert store.calls["put"] == 0


def test_parents_are_made_before_children_and_empty_folders_too(tmp_path: Path) -> None:
    store = with_traits(needs_folders=True, keeps_empty_folders=True, parallel_puts=4)
    folder = staged(tmp_path, {"P/a/b/c/f": b"x"}, folders=("P/e/e2", "P/a"))
    result = run(store, folder)
    room = store.rooms["room-1"]
    assert {str(path) for path in room.folders} == {"a", "a/b", "a/b/c", "e", "e/e2"}
    assert result.ignored == ()


def test_only_empty_folders_are_made_where_paths_make_the_others(tmp_path: Path) -> None:
    store = with_traits(keeps_empty_folders=True)
    run(store, staged(tmp_path, {"P/a/f": b"x"}, folders=("P/e/e2",)))
    assert {str(path) for path in store.rooms["room-1"].folders} == {"e", "e/e2"}


def test_empty_folders_that_cannot_be_kept_are_listed_as_ignored(
    tmp_path: Path, store: MemoryStore
) -> None:
    folder = staged(tmp_path, {"Egg/egg.json": b"{}"}, folders=("Egg/Empty_Folder",))
    assert run(store, folder).ignored == ("/Egg/Empty_Folder",)


def test_puts_run_at_once_as_far_as_target_and_configuration_allow(tmp_path: Path) -> None:
    payload = {f"P/{number}": b"x" for number in range(36)}
    for promised, connections, expected in ((3, 8, 3), (8, 2, 2)):
        store = with_traits(parallel_puts=promised)
        meeting = threading.Barrier(expected)
        store.on_put = lambda _path, meeting=meeting: _meet(meeting)  # type: ignore[misc]
        run(store, staged(tmp_path, payload), uploads=UploadsConfig(connections=connections))
        assert store.most_at_once == expected


def _meet(meeting: threading.Barrier) -> None:
    try:
        meeting.wait(5)
    except threading.BrokenBarrierError:
        return


def test_progress_never_shrinks_and_never_exceeds_its_total(tmp_path: Path) -> None:
    store = with_traits(parallel_puts=4)
    payload = {f"P/{number}": bytes(200_000) for number in range(30)}
    for number in range(0, 30, 3):
        store.lost[str(number)] = store.spoilt[str(number)] = 1
    supervisor = Supervisor()
    ticks = iter(range(10**6))
    job = job_for(staged(tmp_path, payload), TargetConfig(name="memory", type="memory"))
    supervisor.send(job, connect=store.connect, clock=lambda: float(next(ticks)))
    figures = [(r.bytes_done, r.files_done) for r in supervisor.progress]
    assert figures == sorted(figures)
    assert figures[-1] == (30 * 200_000, 30)
    assert len(figures) > 5


def test_answers_without_figures_are_signs_of_life(tmp_path: Path, store: MemoryStore) -> None:
    heard = threading.Event()

    class Listener(list[Report]):
        def append(self, report: Report, /) -> None:
            super().append(report)
            if isinstance(report, Alive):
                heard.set()

    def poll(target: MemoryTarget) -> None:
        for _ in range(1000):
            target.heard()
            if heard.wait(0.01):
                return

    store.on_commit = poll
    supervisor = Supervisor(reports=Listener())
    run(store, staged(tmp_path), supervisor=supervisor)
    assert Alive() in supervisor.reports


def test_a_resume_knows_the_container_and_what_is_there(tmp_path: Path, store: MemoryStore) -> None:
    folder = staged(tmp_path)
    run(store, folder)
    store.puts.clear()
    supervisor = Supervisor()
    result = run(store, folder, supervisor=supervisor)
    assert (supervisor.asked, len(store.rooms), store.puts) == (0, 1, {})
    assert result.ignored == ()
    assert supervisor.opened.title == "Project"


def test_a_resume_into_an_existing_container_tells_its_own_files_from_theirs(
    tmp_path: Path, store: MemoryStore
) -> None:
    identity = store.room("Theirs", b=b"theirs")
    folder = staged(tmp_path, {"a": b"ours", "b": b"ours", "c": b"ours"})
    store.faults["put"] = [None, UserFault("too-large", "no")]
    with pytest.raises(UserFault):
        run(store, folder, resource_id=identity)
    lines = (folder / "journal.jsonl").read_text().splitlines(keepends=True)
    (folder / "journal.jsonl").write_text("".join(x for x in lines if '"file"' not in x))
    result = run(store, folder, resource_id=identity)
    assert result.ignored == ("/b",)
    assert store.files(identity) == {"a": b"ours", "b": b"theirs", "c": b"ours"}


def test_a_file_of_ours_stays_created_through_every_resume(
    tmp_path: Path, store: MemoryStore
) -> None:
    store.lists_digests = False
    identity = store.room("Theirs")
    folder = staged(tmp_path, {"a": b"ours", "b": b"ours"})
    for _ in range(2):
        store.faults["put"] = [None, UserFault("too-large", "no")]
        if store.puts:
            store.faults["put"].pop(0)
        with pytest.raises(UserFault):
            run(store, folder, resource_id=identity, action=UPDATE)
        lines = (folder / "journal.jsonl").read_text().splitlines(keepends=True)
        (folder / "journal.jsonl").write_text("".join(x for x in lines if '"file"' not in x))
    result = run(store, folder, resource_id=identity, action=UPDATE)
    assert (result.updated, result.ignored) == ((), ())


def test_a_deferred_target_is_judged_by_its_commit(tmp_path: Path) -> None:
    store = with_traits(deferred=True, parallel_puts=4)
    supervisor = Supervisor()
    folder = staged(tmp_path)
    result = run(store, folder, supervisor=supervisor)
    assert (files_of(store), result.unverified_fixity) == (ALL, ())
    assert supervisor.progress[-1].files_done == 2
    store.calls.clear()
    assert run(store, folder).unverified_fixity == ()
    assert store.calls["put"] == 0


def test_a_commit_that_passes_over_a_file_leaves_it_unverified(tmp_path: Path) -> None:
    store = with_traits(deferred=True)
    store.gives_digests = False
    assert run(store, staged(tmp_path)).unverified_fixity == (
        "/Project/a.txt",
        "/Project/sub/b.txt",
    )


def flat(**changes: object) -> MemoryStore:
    return with_traits(has_folders=False, algorithms=("md5",), **changes)


def test_a_flat_target_gets_the_bag_as_one_zip_that_can_be_dropped_again(tmp_path: Path) -> None:
    store = flat()
    folder = staged(tmp_path, folders=("Project/empty",))
    supervisor = Supervisor()
    result = run(store, folder, supervisor=supervisor)
    content = files_of(store)["Project.presqt.zip"]
    (tmp_path / "back.zip").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "back.zip") as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.read("bag/data/Project/a.txt") == b"alpha\n"
        assert sorted(archive.namelist()) == [
            "bag/bag-info.txt",
            "bag/bagit.txt",
            "bag/data/Project/a.txt",
            "bag/data/Project/empty/",
            "bag/data/Project/sub/b.txt",
            "bag/manifest-sha512.txt",
            "bag/tagmanifest-sha512.txt",
        ]
    assert (result.algorithm, result.ignored, result.unverified_fixity) == ("md5", (), ())
    assert supervisor.progress[-1].files_total == 1
    assert not (folder / ".packed.zip").exists()


def test_packing_again_gives_the_same_zip(tmp_path: Path) -> None:
    store = flat()
    identity = store.room("Theirs")
    run(store, staged(tmp_path), resource_id=identity)
    first = store.files(identity)
    result = run(store, staged(tmp_path), resource_id=identity)
    assert result.ignored == ("/Project/Project.presqt.zip",)
    assert (store.files(identity), result.ignored_different) == (first, ())


def test_a_wait_keeps_the_zip_for_the_next_go(tmp_path: Path) -> None:
    store, folder = flat(), staged(tmp_path)
    limited = TargetFault("rate-limited", "Too many.", retryable=True, retry_after=1000)
    store.faults["put"] = [limited]
    with pytest.raises(MustWait):
        run(store, folder)
    packed = folder / ".packed.zip"
    first = packed.stat()
    seen = []
    store.on_put = lambda _path: seen.append(packed.stat())
    result = run(store, folder)
    assert [(one.st_ino, one.st_mtime_ns) for one in seen] == [(first.st_ino, first.st_mtime_ns)]
    assert (result.failed_fixity, result.unverified_fixity) == ((), ())
    assert not packed.exists()


@pytest.mark.parametrize("is_shorter", [False, True])
def test_a_kept_zip_that_is_not_the_same_any_more_is_made_anew(
    tmp_path: Path, is_shorter: bool
) -> None:
    store, folder = flat(), staged(tmp_path)
    limited = TargetFault("rate-limited", "Too many.", retryable=True, retry_after=1000)
    store.faults["put"] = [limited]
    with pytest.raises(MustWait):
        run(store, folder)
    packed = folder / ".packed.zip"
    content = packed.read_bytes()
    packed.write_bytes(content[:-1] if is_shorter else b"x" + content[1:])
    if not is_shorter:
        with pytest.raises(PayloadSpoilt):
            run(store, folder)
        assert not packed.exists()
    run(store, folder)
    assert files_of(store)["Project.presqt.zip"] == content


def test_a_payload_without_folders_is_named_after_its_first_file(tmp_path: Path) -> None:
    store = flat()
    store.gives_digests = False
    result = run(store, staged(tmp_path, {"b.csv": b"b", "a.csv": b"a"}))
    assert result.unverified_fixity == ("/a.csv.presqt.zip",)


def test_a_payload_that_changed_is_not_packed(tmp_path: Path) -> None:
    store = flat()
    folder = staged(tmp_path)
    (folder / "bag/data/Project/a.txt").write_bytes(b"alpho\n")
    with pytest.raises(PayloadSpoilt):
        run(store, folder)
    assert (store.rooms, (folder / ".packed.zip").exists()) == ({}, False)


def test_a_zip_too_large_for_the_target_is_not_even_made(tmp_path: Path) -> None:
    store = flat(max_file_bytes=10)
    with pytest.raises(UserFault, match=r"/Project/Project.presqt.zip") as raised:
        run(store, staged(tmp_path))
    assert raised.value.code == "too-large"


def test_empty_files_go_into_the_zip(tmp_path: Path) -> None:
    store = flat(takes_empty_files=False, max_files=1)
    run(store, staged(tmp_path, {"P/empty": b"", "P/more": b""}))
    assert list(files_of(store)) == ["P.presqt.zip"]


def test_a_bag_kept_whole_has_its_tag_files_too(tmp_path: Path, store: MemoryStore) -> None:
    store.gives_digests = False
    supervisor = Supervisor()
    result = run(store, staged(tmp_path), supervisor=supervisor, keep="bag")
    assert sorted(files_of(store)) == [
        "bag-info.txt",
        "bagit.txt",
        "data/Project/a.txt",
        "data/Project/sub/b.txt",
        "manifest-sha512.txt",
        "tagmanifest-sha512.txt",
    ]
    assert result.unverified_fixity[:2] == ("/Project/a.txt", "/Project/sub/b.txt")
    assert result.unverified_fixity[2:4] == ("bag-info.txt", "bagit.txt")
    assert supervisor.progress[-1].files_total == 6


def test_a_verified_draft_is_published_where_that_is_wanted(tmp_path: Path) -> None:
    store = with_traits(makes_drafts=True)
    result = run(store, staged(tmp_path), publish="after_verified")
    assert (result.link, result.note) == ("memory://published/room-1", None)
    assert store.rooms["room-1"].is_published


@pytest.mark.parametrize("trouble", ["spoilt", "no digests", "never"])
def test_a_draft_that_is_not_published_says_so(tmp_path: Path, trouble: str) -> None:
    store = with_traits(makes_drafts=True)
    store.spoilt["a.txt"] = 5 if trouble == "spoilt" else 0
    store.gives_digests = trouble != "no digests"
    publish = "never" if trouble == "never" else "after_verified"
    result = run(store, staged(tmp_path), publish=publish)
    assert result.note == "Draft, not published: open memory://room-1."
    assert not store.rooms["room-1"].is_published


def test_a_draft_with_an_ignored_file_of_other_content_is_not_published(tmp_path: Path) -> None:
    store = with_traits(makes_drafts=True)
    store.rooms["room-1"] = Room(title="T", mark="", files={PurePosixPath("a"): b"theirs"})
    folder = staged(tmp_path, {"a": b"ours", "b": b"b"})
    run(store, folder, resource_id="room-1", publish="after_verified")
    assert not store.rooms["room-1"].is_published


def test_a_failed_publication_is_a_warning(tmp_path: Path) -> None:
    store = with_traits(makes_drafts=True)
    store.faults["publish"] = [TargetFault("target-refused", "Licence is missing.")]
    result = run(store, staged(tmp_path), publish="after_verified")
    assert [(w.code, w.message) for w in result.warnings] == [
        ("not-published", "All files are there, but publishing failed: Licence is missing.")
    ]
    assert result.note is not None


def test_a_folder_asks_nobody_before_it_makes_a_deposit(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    job = job_for(staged(tmp_path), folder_config(tmp_path / "archive"))
    supervisor.send(job)
    assert supervisor.asked == 0
    (created,) = (told for told in supervisor.reports if isinstance(told, Created))
    assert created.identity is not None, "it is known as this ticket's all the same"
