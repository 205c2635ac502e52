"""The watch heals, and where it cannot, the scan finds everything."""

import logging
import os
import resource
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from watchdog.observers.inotify_c import inotify_add_watch

from presqt_daemon.inbox import watcher
from presqt_daemon.inbox.files.places import InboxFolder
from presqt_daemon.inbox.watcher import FolderWatch, Hint, WatchInstances
from tests.bags import bag_zip, drop
from tests.inbox.running import make_config, running, until, with_intake

ZIP = bag_zip()
ALMOST_NEVER = 3600.0


class Hints:
    """A watch and what it said."""

    def __init__(self, instances: WatchInstances | None = None) -> None:
        self.hints: list[Hint] = []
        self.watch = FolderWatch(
            InboxFolder(parts=()), self.hints.append, instances or WatchInstances()
        )

    def keep(self, folder: Path) -> bool:
        status = folder.stat()
        is_new = self.watch.keep(folder, (status.st_dev, status.st_ino))
        self.watch.end_round()
        return is_new

    def says(self, folder: Path, name: str) -> bool:
        """Whether a file made now is hinted at."""
        (folder / name).write_bytes(b"x")
        end = threading.Event()
        for _ in range(200):
            if any(hint.name == name for hint in self.hints):
                return True
            end.wait(0.005)
        return False


def test_what_is_written_renamed_or_linked_in_is_told(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    hints = Hints()
    assert hints.keep(inbox)
    (tmp_path / "moved.zip").write_bytes(ZIP)
    (tmp_path / "moved.zip").rename(inbox / "moved.zip")
    (inbox / "written.zip").write_bytes(ZIP)
    (inbox / "x.part").write_bytes(ZIP)
    (inbox / "x.part").rename(inbox / "renamed.zip")
    os.link(inbox / "written.zip", inbox / "linked.zip")
    until(
        lambda: (
            {"moved.zip", "written.zip", "renamed.zip", "linked.zip"}
            <= {h.name for h in hints.hints}
        )
    )
    assert hints.hints[0].folder == inbox
    hints.watch.stop()


def test_a_folder_renamed_away_and_made_anew_is_watched_again(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    hints = Hints()
    hints.keep(inbox)
    assert not hints.keep(inbox)
    inbox.rename(tmp_path / "old")
    inbox.mkdir()
    assert hints.keep(inbox)
    assert hints.says(inbox, "a.zip")
    hints.watch.stop()


def test_a_folder_deleted_and_made_anew_is_watched_again(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    hints = Hints()
    hints.keep(inbox)
    inbox.rmdir()
    inbox.mkdir()
    hints.keep(inbox)
    until(lambda: hints.keep(inbox) or hints.says(inbox, "a.zip"))
    assert hints.says(inbox, "b.zip")
    hints.watch.stop()


def test_a_folder_that_is_not_kept_is_no_longer_watched(tmp_path: Path) -> None:
    hints = Hints()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        hints.keep(tmp_path / name)
    assert hints.says(tmp_path / "b", "x.zip")
    assert not hints.says(tmp_path / "a", "y.zip")
    hints.watch.stop()


def test_an_instance_that_died_is_replaced(tmp_path: Path) -> None:
    hints = Hints()
    hints.keep(tmp_path)
    instance = next(iter(hints.watch._watched.values())).instance
    instance.stop()
    instance.join()
    assert hints.keep(tmp_path)
    assert hints.says(tmp_path, "a.zip")
    hints.watch.stop()


def test_all_local_folders_share_one_instance_and_each_other_mount_has_its_own(
    tmp_path: Path,
) -> None:
    instances = WatchInstances()
    lanes = [Hints(instances) for _ in range(8)]
    before = threading.active_count()
    for number, lane in enumerate(lanes):
        for inner in range(80):
            folder = tmp_path / str(number) / str(inner)
            folder.mkdir(parents=True)
            status = folder.stat()
            assert lane.watch.keep(folder, (status.st_dev, status.st_ino))
    assert threading.active_count() == before + 1
    assert lanes[7].says(tmp_path / "7" / "79", "a.zip")
    assert not lanes[0].hints
    assert lanes[0].watch.keep(tmp_path, (1, 2), is_local=False)
    assert threading.active_count() == before + 2
    for lane in lanes:
        lane.watch.stop()
    until(lambda: threading.active_count() == before)


def test_where_no_thread_can_be_started_the_scan_goes_on_alone_and_it_heals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    hints = Hints()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        assert not hints.keep(tmp_path)
        assert hints.watch.is_blind
    assert hints.keep(tmp_path)
    assert not hints.watch.is_blind
    hints.watch.stop()


def test_at_the_kernels_limit_it_says_so_once_and_heals(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    hints = Hints()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        assert [hints.keep(tmp_path) for _ in range(3)] == [False] * 3
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert hints.watch.is_blind
    lines = [record.getMessage() for record in caplog.records]
    assert sum("not watched" in line for line in lines) == 1
    assert hints.keep(tmp_path)
    assert not hints.watch.is_blind
    assert "watched again" in caplog.records[-1].getMessage()
    assert hints.says(tmp_path, "a.zip")
    hints.watch.stop()


def test_a_folder_whose_watch_never_returns_holds_up_its_own_lane_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(tmp_path, rescan=ALMOST_NEVER)
    released, hangs = threading.Event(), threading.Event()
    real = inotify_add_watch

    def add(handle: int, path: bytes, mask: int) -> Any:
        if path.endswith(b"/archive"):
            hangs.set()
            released.wait()
        return real(handle, path, mask)

    monkeypatch.setattr(watcher, "inotify_add_watch", add)
    with running(config) as daemon:
        until(hangs.is_set)
        drop(ZIP, config.inbox / "archive" / "held.zip")
        for number in range(3):
            drop(ZIP, config.inbox / "osf" / f"{number}.zip")
            daemon.claims(number + 1)
        drop(ZIP, config.inbox / "root.zip")
        daemon.claims(4)
        released.set()
        daemon.claims(5)


def test_an_inbox_that_is_a_link_is_watched(tmp_path: Path) -> None:
    config = make_config(tmp_path, rescan=ALMOST_NEVER)
    config.inbox.rename(tmp_path / "real")
    config.inbox.symlink_to(tmp_path / "real")
    with running(config) as daemon:
        daemon.scanned()
        drop(ZIP, config.inbox / "osf" / "bag.zip")
        claim = daemon.claim()
    assert Path(claim.record.inbox_folder) == tmp_path / "real" / "osf"


def test_a_new_resource_folder_is_watched_at_once(tmp_path: Path) -> None:
    config = make_config(tmp_path, rescan=ALMOST_NEVER)
    with running(config) as daemon:
        daemon.scanned()
        folder = config.inbox / "osf" / "abc12"
        folder.mkdir()
        drop(ZIP, folder / "one.zip")
        daemon.claims(1)
        drop(ZIP, folder / "two.zip")
        assert {claim.record.route.resource_id for claim in daemon.claims(2)} == {"abc12"}


@pytest.mark.parametrize("way", ["renamed", "deleted"])
def test_an_inbox_that_goes_and_comes_again_loses_no_drop(tmp_path: Path, way: str) -> None:
    config = with_intake(make_config(tmp_path), rescan=0.1)
    with running(config) as daemon:
        drop(ZIP, config.inbox / "osf" / "one.zip")
        daemon.claims(1)
        if way == "renamed":
            config.inbox.rename(tmp_path / "old")
        else:
            # the lanes make their folders again for as long as the inbox is there
            while config.inbox.exists():
                shutil.rmtree(config.inbox, ignore_errors=True)
        daemon.scanned()
        config.inbox.mkdir(exist_ok=True)
        until((config.inbox / "osf").is_dir)
        drop(ZIP, config.inbox / "osf" / "two.zip")
        daemon.claims(2)
        drop(ZIP, config.inbox / "three.zip")
        daemon.claims(3)


def test_a_missing_inbox_is_said_once_and_so_is_its_return(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    config = with_intake(make_config(tmp_path), rescan=0.02)
    with running(config) as daemon:
        daemon.scanned()
        config.inbox.rename(tmp_path / "old")
        for _ in range(4):
            daemon.scanned()
        (tmp_path / "old").rename(config.inbox)
        daemon.scanned()
        drop(ZIP, config.inbox / "bag.zip")
        daemon.claim()
    lines = [record.getMessage() for record in caplog.records]
    assert sum("inbox cannot be read" in line for line in lines) == 1
    assert sum("inbox can be read again" in line for line in lines) == 1


def test_a_hint_is_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FolderWatch, "keep", lambda *_, **__: False)
    config = with_intake(make_config(tmp_path), rescan=0.05)
    with running(config) as daemon:
        drop(ZIP, config.inbox / "osf" / "bag.zip")
        daemon.claim()


def test_nothing_is_left_open_after_a_stop(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    counts = []
    for number in range(4):
        with running(config) as daemon:
            drop(ZIP, config.inbox / "osf" / f"{number}.zip")
            daemon.claim()
        until(lambda: not any("inbox" in thread.name for thread in threading.enumerate()))
        counts.append((len(os.listdir("/proc/self/fd")), threading.active_count()))
    assert counts[0] == counts[-1]
