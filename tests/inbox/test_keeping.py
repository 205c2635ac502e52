"""A claim is told of when it is durable, in its order, and waits for no other's trouble."""

import logging
import threading
from pathlib import Path

import pytest

from presqt_daemon.inbox import keeping
from presqt_daemon.inbox.events import Claimed
from presqt_daemon.inbox.keeping import Keeper
from presqt_daemon.model import Route
from presqt_daemon.tickets.claim_record import ClaimRecord, Owner
from presqt_daemon.tickets.store import TicketFolder, Uploads
from tests.inbox.running import until


def ticket(number: int) -> str:
    return f"{number:08x}-d9cb-469f-a165-70867728950e"


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    found = Uploads(tmp_path)
    found.root.mkdir()
    return found


def claim(uploads: Uploads, number: int) -> Claimed:
    """A claim that is named and not durable."""
    folder = uploads.folder(ticket(number))
    folder.path.mkdir()
    record = ClaimRecord(
        ticket=ticket(number), inbox_folder="/in", inbox_name="a.zip", zip_name="a.zip",
        sidecar_name=None, route=Route(target=None, resource_id=None), dropped_by_uid=0,
        dropped_by_name=None, received_at="2026-01-01T00:00:00+00:00",
        owner=Owner(host="h", boot_id="b", pid=1, started=1),
    )  # fmt: skip
    folder.write_origin(Path("/in/a.zip"))
    folder.write_claim(record, durable=False)
    return Claimed(ticket=record.ticket, folder=folder, record=record, size=1)


class SlowDisk(Uploads):
    """A disk that answers when it is let."""

    def __init__(self, mediafiles: Path) -> None:
        super().__init__(mediafiles)
        self.ready = threading.Event()
        self.batches: list[list[str]] = []

    def keep_claims(self, folders: "list[TicketFolder]") -> None:  # type: ignore[override]
        self.batches.append([folder.ticket for folder in folders])
        self.ready.wait(20)
        super().keep_claims(folders)


def test_claims_that_come_while_the_disk_is_slow_share_the_next_wait(
    tmp_path: Path, uploads: Uploads
) -> None:
    disk, told = SlowDisk(tmp_path), list[Claimed]()
    keeper = Keeper(disk, told.append)
    claims = [claim(uploads, number) for number in range(5)]
    keeper.put(claims[0])
    until(lambda: disk.batches)
    for one in claims[1:]:
        keeper.put(one)
    assert told == []
    assert all(keeper.has(one.ticket) for one in claims)
    assert not keeper.is_idle()
    disk.ready.set()
    until(keeper.is_idle)
    assert told == claims
    assert disk.batches == [[ticket(0)], [ticket(number) for number in range(1, 5)]]
    assert all(one.folder.read_origin() is None for one in claims)
    keeper.stop(5)


def test_a_claim_that_the_disk_refuses_holds_up_no_other_and_is_tried_again(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(keeping, "PAUSE_SECONDS", 0.05)
    told = list[Claimed]()
    keeper = Keeper(uploads, told.append)
    bad, good = claim(uploads, 1), claim(uploads, 2)
    record = bad.folder.path / "claim.json"
    content = record.read_bytes()
    record.unlink()
    record.symlink_to("elsewhere")  # opened without following links, so the sync fails
    with caplog.at_level(logging.WARNING):
        keeper.put(bad)
        keeper.put(good)
        until(lambda: told)
        assert told == [good]
        assert keeper.has(bad.ticket)
        record.unlink()
        record.write_bytes(content)
        until(keeper.is_idle)
    assert told == [good, bad]
    assert len([entry for entry in caplog.messages if "must wait" in entry]) == 1
    keeper.stop(5)


def test_a_folder_that_is_gone_is_told_of_all_the_same(uploads: Uploads) -> None:
    told = list[Claimed]()
    keeper = Keeper(uploads, told.append)
    one = claim(uploads, 1)
    for path in one.folder.path.iterdir():
        path.unlink()
    one.folder.path.rmdir()
    keeper.put(one)
    until(keeper.is_idle)
    assert told == [one]
    keeper.stop(5)


def test_after_the_stop_nothing_is_kept_and_what_waited_has_been(uploads: Uploads) -> None:
    told = list[Claimed]()
    keeper = Keeper(uploads, told.append)
    first, late = claim(uploads, 1), claim(uploads, 2)
    keeper.put(first)
    keeper.stop(5)
    keeper.put(late)
    assert told == [first]
    assert late.folder.read_origin() == Path("/in/a.zip")
