"""When a change of a ticket is told, and what is on the disk by then."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from presqt_daemon.errors import UserFault
from presqt_daemon.model import DuplicateAction, Stage
from presqt_daemon.tickets.process_info import ProcessInfo, advance, fail
from presqt_daemon.tickets.status_writer import SOON_SECONDS
from presqt_daemon.tickets.store import TicketFolder, Uploads
from tests.tickets.infos import write_info, writer_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TICKET = "0f2a4ef5-4d2c-4f5e-9f0a-3b8f4d2c1a00"


class Desk:
    """A holder with a clock that a test turns, and what it has synced by name."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moment = 100.0
        self.synced: list[str] = []
        uploads = Uploads(root)
        folder = uploads.folder(TICKET)
        folder.path.mkdir(parents=True)
        folder.payload.write_bytes(b"digests")
        info = ProcessInfo(
            ticket_number=TICKET, source_file="a.zip", received_at=NOW, updated_at=NOW
        )
        write_info(uploads, folder, info)
        self.folder: TicketFolder = folder
        self.holder = writer_of(uploads, folder, info, clock=lambda: self.moment, now=lambda: NOW)
        for name in ("fsync", "fdatasync"):
            monkeypatch.setattr(os, name, self._noting(getattr(os, name)))

    def _noting(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def sync(handle: int) -> None:
            self.synced.append(Path(os.readlink(f"/proc/self/fd/{handle}")).name)
            real(handle)

        return sync

    @property
    def told(self) -> str:
        return str(self.folder.read_info().stage)

    def staged(self) -> ProcessInfo:
        info = advance(advance(self.holder.info, Stage.VALIDATED), Stage.HASHED)
        return replace(
            info, target="archive", title="T", file_duplicate_action=DuplicateAction.IGNORE
        )


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


def test_what_a_fact_rests_on_is_on_the_disk_before_it_is_told(desk: Desk) -> None:
    desk.holder.unsynced = desk.folder.payload
    desk.holder.fact(desk.staged())
    assert desk.synced == ["payload.jsonl", ".process_info.json.tmp", TICKET]
    assert desk.told == Stage.HASHED


def test_a_fact_that_may_come_later_is_told_within_a_second_and_never_before_it_is_durable(
    desk: Desk,
) -> None:
    desk.holder.unsynced = desk.folder.payload
    desk.holder.fact_soon(desk.staged())
    desk.moment += SOON_SECONDS - 0.1
    desk.holder.note(replace(desk.holder.info, message="Uploading..."))
    assert (desk.told, desk.synced) == (Stage.RECEIVED, [])
    desk.moment += 0.1
    desk.holder.write_when_due()
    assert desk.told == Stage.HASHED
    assert desk.synced == ["payload.jsonl", ".process_info.json.tmp", TICKET]
    desk.moment += SOON_SECONDS
    desk.holder.note(replace(desk.holder.info, message="Still uploading..."))
    assert len(desk.synced) == 3, "what is no fact is written without a sync"
    assert desk.folder.read_info().message == "Still uploading..."


def test_a_fact_that_could_not_be_written_is_tried_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.holder.fact_soon(desk.staged())
    desk.moment += SOON_SECONDS
    with monkeypatch.context() as broken:
        broken.setattr(Uploads, "write_info", _full)
        desk.holder.write_when_due()
    assert desk.told == Stage.RECEIVED
    desk.moment += SOON_SECONDS
    desk.holder.write_when_due()
    assert desk.told == Stage.HASHED


def test_the_end_of_a_ticket_needs_no_digests_on_the_disk(desk: Desk) -> None:
    desk.holder.unsynced = desk.folder.payload
    desk.holder.fact_soon(desk.staged())
    desk.holder.fact(fail(desk.holder.info, UserFault("bad-request", "No."), NOW))
    assert desk.synced == [".process_info.json.tmp", TICKET]


def _full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")
