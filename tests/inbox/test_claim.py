"""The claim itself: what is moved is what was decided on, and whatever fails leaves the drop."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.config import Config
from presqt_daemon.inbox.claim import Claimer, DropChangedError
from presqt_daemon.inbox.new_ticket import Drop
from presqt_daemon.inbox.places import OpenPlace, Place, open_place
from presqt_daemon.tickets.holder import utc_now
from presqt_daemon.tickets.store import Uploads
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
        folder = stack.enter_context(open_place(config.inbox, Place(parts=("osf",))))
        yield Desk(config, folder)


def nothing_is_taken(desk: Desk) -> bool:
    return names_in(desk.config.uploads_folder) == []


def test_a_file_put_in_the_drops_place_meanwhile_goes_back(desk: Desk) -> None:
    drop = desk.drop()
    other = desk.path.with_name(".other")
    other.write_bytes(b"other")
    other.rename(desk.path)
    with pytest.raises(DropChangedError):
        desk.claimer.take(desk.config, drop)
    os.close(drop.handle)
    assert desk.path.read_bytes() == b"other"
    assert nothing_is_taken(desk)


def test_a_file_written_to_meanwhile_goes_back(desk: Desk) -> None:
    drop = desk.drop()
    with desk.path.open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(DropChangedError):
        desk.claimer.take(desk.config, drop)
    os.close(drop.handle)
    assert desk.path.read_bytes() == ZIP + b"more"
    assert nothing_is_taken(desk)


@pytest.mark.parametrize("links", [1, 2])
def test_a_file_opened_for_writing_meanwhile_goes_back(desk: Desk, links: int) -> None:
    if links == 2:
        os.link(desk.path, desk.path.with_name(".link"))
    drop = desk.drop(unwritten=True)
    with desk.path.open("r+b"), pytest.raises(DropChangedError):
        desk.claimer.take(desk.config, drop)
    os.close(drop.handle)
    assert desk.path.read_bytes() == ZIP
    assert nothing_is_taken(desk)


def test_a_file_that_went_away_leaves_nothing(desk: Desk) -> None:
    drop = desk.drop()
    desk.path.unlink()
    with pytest.raises(FileNotFoundError):
        desk.claimer.take(desk.config, drop)
    os.close(drop.handle)
    assert nothing_is_taken(desk)


def test_naming_may_be_repeated(desk: Desk) -> None:
    drop = desk.drop()
    taken = desk.claimer.take(desk.config, drop)
    os.close(drop.handle)
    earlier = replace(taken, folder=desk.claimer.uploads.new_folder(taken.record.ticket))
    assert desk.claimer.name(earlier) == taken
    assert desk.claimer.name(taken) == taken
