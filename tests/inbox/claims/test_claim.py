"""The claim itself: what is moved is what was decided on, and whatever fails leaves the drop."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from presqt_daemon.config import Config
from presqt_daemon.inbox.answers.events import Claimed
from presqt_daemon.inbox.claims.claim import Claimer, DropChangedError
from presqt_daemon.inbox.claims.new_ticket import Drop
from presqt_daemon.inbox.files.places import InboxFolder, OpenPlace, open_place
from presqt_daemon.tickets.status_writer import utc_now
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.processes.options import claim_of
from tests.bags import bag_zip
from tests.inbox.running import make_config, names_in

ZIP = bag_zip()


class Desk:
    """A drop that was decided on, and who takes it."""

    def __init__(self, config: Config, folder: OpenPlace) -> None:
        self.config = config
        self.folder = folder
        self.claimer = Claimer(Uploads(config.mediafiles), utc_now)
        self.path = config.inbox / "osf" / "bag.zip"
        self.path.write_bytes(ZIP)

    def drop(self, *, unwritten: bool = False) -> Drop:
        handle = os.open(self.path, os.O_RDONLY)
        return Drop(
            folder=self.folder, name="bag.zip", handle=handle, status=os.fstat(handle),
            unwritten=unwritten,
        )  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    config = make_config(tmp_path)
    with ExitStack() as stack:
        folder = stack.enter_context(open_place(config.inbox, InboxFolder(parts=("osf",))))
        yield Desk(config, folder)


def take(desk: Desk, drop: Drop) -> Claimed:
    """The ticket, or the error that came of it."""
    (found,) = desk.claimer.take(desk.config, [drop])
    if isinstance(found, Exception):
        raise found
    return found


def nothing_is_taken(desk: Desk) -> bool:
    return names_in(desk.config.uploads_folder) == []


def test_a_file_put_in_the_drops_place_meanwhile_goes_back(desk: Desk) -> None:
    drop = desk.drop()
    other = desk.path.with_name(".other")
    other.write_bytes(b"other")
    other.rename(desk.path)
    with pytest.raises(DropChangedError):
        take(desk, drop)
    os.close(drop.handle)
    assert desk.path.read_bytes() == b"other"
    assert nothing_is_taken(desk)


def test_a_file_written_to_meanwhile_goes_back(desk: Desk) -> None:
    drop = desk.drop()
    with desk.path.open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(DropChangedError):
        take(desk, drop)
    os.close(drop.handle)
    assert desk.path.read_bytes() == ZIP + b"more"
    assert nothing_is_taken(desk)


@pytest.mark.parametrize("links", [1, 2])
def test_a_file_opened_for_writing_meanwhile_goes_back(desk: Desk, links: int) -> None:
    if links == 2:
        os.link(desk.path, desk.path.with_name(".link"))
    drop = desk.drop(unwritten=True)
    with desk.path.open("r+b"), pytest.raises(DropChangedError):
        take(desk, drop)
    os.close(drop.handle)
    assert desk.path.read_bytes() == ZIP
    assert nothing_is_taken(desk)


@pytest.mark.parametrize("links", [1, 2])
def test_a_file_that_gets_another_name_meanwhile_goes_back(desk: Desk, links: int) -> None:
    # the other name would be one of a file that is ours then, to be renamed as its sender likes
    if links == 2:
        os.link(desk.path, desk.path.with_name(".link"))
    drop = desk.drop()
    os.link(desk.path, desk.path.with_name(".kept"))
    with pytest.raises(DropChangedError):
        take(desk, drop)
    os.close(drop.handle)
    assert desk.path.read_bytes() == ZIP
    assert desk.path.stat().st_mode & 0o777 == desk.path.with_name(".kept").stat().st_mode & 0o777
    assert nothing_is_taken(desk)


def test_a_file_that_went_away_leaves_nothing(desk: Desk) -> None:
    drop = desk.drop()
    desk.path.unlink()
    with pytest.raises(FileNotFoundError):
        take(desk, drop)
    os.close(drop.handle)
    assert nothing_is_taken(desk)


def test_naming_may_be_repeated(desk: Desk) -> None:
    drop = desk.drop()
    taken = take(desk, drop)
    os.close(drop.handle)
    earlier = replace(taken, folder=desk.claimer.uploads.new_folder(taken.record.ticket))
    assert desk.claimer.finish([earlier]) == [taken]
    assert desk.claimer.finish([taken]) == [taken]


class Calls:
    """The calls that change or sync something, in their order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[str] = []
        for name in ("fsync", "fdatasync", "rename"):
            monkeypatch.setattr(os, name, self._noting(name, getattr(os, name)))
        monkeypatch.setattr(os, "sync", lambda: pytest.fail("everybody's files were synced"))

    def _noting(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def note(*arguments: Any, **more: Any) -> Any:
            target = arguments[0]
            if isinstance(target, int):
                target = os.readlink(f"/proc/self/fd/{target}")
            self.made.append(f"{name} {Path(target).name}")
            return call(*arguments, **more)

        return note


def test_a_group_waits_for_its_records_then_moves_all_then_syncs_the_folders(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    drops = []
    for number in range(3):
        path = desk.path.with_name(f"d{number}.zip")
        path.write_bytes(ZIP)
        handle = os.open(path, os.O_RDONLY)
        drops.append(
            Drop(folder=desk.folder, name=path.name, handle=handle, status=os.fstat(handle))
        )
    calls = Calls(monkeypatch)
    found = desk.claimer.take(desk.config, drops)
    for drop in drops:
        os.close(drop.handle)
    tickets = [taken.record.ticket for taken in found if isinstance(taken, Claimed)]
    assert len(tickets) == 3
    finished = [f"fsync .new-{ticket}" for ticket in tickets]
    assert [call for call in calls.made if "sync" in call] == [
        *["fdatasync claim.json"] * 3, *finished, "fsync uploads",
    ]  # fmt: skip
    last_record = max(n for n, call in enumerate(calls.made) if call.startswith("fdatasync"))
    assert last_record < calls.made.index("rename d0.zip")
    assert calls.made.index("rename d2.zip") < calls.made.index(finished[0])


def test_one_that_fails_in_a_group_holds_up_no_other(desk: Desk) -> None:
    drops = [desk.drop()]
    path = desk.path.with_name("second.zip")
    path.write_bytes(ZIP)
    handle = os.open(path, os.O_RDONLY)
    drops.append(Drop(folder=desk.folder, name=path.name, handle=handle, status=os.fstat(handle)))
    desk.path.unlink()
    first, second = desk.claimer.take(desk.config, drops)
    for drop in drops:
        os.close(drop.handle)
    assert isinstance(first, FileNotFoundError)
    assert isinstance(second, Claimed)
    assert desk.claimer.coming == {second.record.ticket}


def test_the_record_says_which_file_was_claimed(desk: Desk) -> None:
    drop = desk.drop()
    taken = take(desk, drop)
    os.close(drop.handle)
    file = claim_of(taken.folder).drop_file
    assert file is not None
    status = (taken.folder.path / "bag.zip").stat()
    assert (file.device, file.inode, file.size, file.mtime_ns) == (
        status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns,
    )  # fmt: skip
