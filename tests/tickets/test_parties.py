"""One party at a time has a ticket, and nobody else can write its files."""

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.config import Config
from presqt_daemon.errors import UserFault
from presqt_daemon.leases.lease import FencedError, LeaseTerms
from presqt_daemon.model import Status
from presqt_daemon.tickets.parties import OtherPartyError, Parties, Party
from presqt_daemon.tickets.status_writer import StatusWriter
from presqt_daemon.tickets.store import INFO_NAME, RECEIPT_NAME, TicketFolder, Uploads
from presqt_daemon.workers.outcomes import end_failed
from tests.tickets.infos import new_info, sending_info, write_info, writer_of


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path)


@pytest.fixture
def folder(uploads: Uploads) -> TicketFolder:
    info = sending_info()
    folder = uploads.folder(info.ticket_number)
    folder.path.mkdir(parents=True)
    write_info(uploads, folder, info)
    return folder


def test_a_ticket_has_one_party_at_a_time(folder: TicketFolder) -> None:
    parties = Parties()
    with parties.having(folder.ticket) as first:
        with pytest.raises(OtherPartyError, match=folder.ticket), parties.having(folder.ticket):
            pytest.fail("two parties have one ticket")
        parties.assert_has(first, folder.ticket)
    with parties.having(folder.ticket) as second:
        assert second.number > first.number
        parties.give_back(first)
        parties.assert_has(second, folder.ticket)


def test_of_many_who_want_a_ticket_at_once_one_gets_it(folder: TicketFolder) -> None:
    parties, together = Parties(), threading.Barrier(16)
    got: list[Party] = []

    def want() -> None:
        together.wait(60)
        try:
            got.append(parties.take(folder.ticket))
        except OtherPartyError:
            return

    threads = [threading.Thread(target=want) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(got) == 1


@pytest.mark.parametrize("durable", [True, False])
def test_who_does_not_have_a_ticket_writes_nothing_on_it(
    uploads: Uploads, folder: TicketFolder, *, durable: bool
) -> None:
    before = folder.info.read_bytes()
    info = replace(folder.read_info(), message="by nobody")
    with uploads.parties.having(new_info().ticket_number) as other:
        strangers = [other, Party(folder.ticket, other.number), Party(folder.ticket, 0)]
        for party in strangers:
            with pytest.raises(OtherPartyError):
                uploads.write_info(folder, info, party, durable=durable)
    assert folder.info.read_bytes() == before
    assert {path.name for path in folder.path.iterdir()} == {"process_info.json"}


def test_a_party_that_gave_its_ticket_back_writes_neither_status_nor_receipt(
    uploads: Uploads, folder: TicketFolder
) -> None:
    late = writer_of(uploads, folder, folder.read_info())
    uploads.parties.give_back(uploads.parties._present[folder.ticket])
    with uploads.parties.having(folder.ticket):
        for write in (late.fact, late.note):
            with pytest.raises(OtherPartyError):
                write(replace(late.info, message="too late"))
        with pytest.raises(OtherPartyError):
            end_failed(late, UserFault("cancelled", "Too late."), Config())
    assert not folder.receipt.exists()
    assert folder.read_info().status is Status.IN_PROGRESS


@pytest.mark.parametrize("name", ["process_info.json", "receipt.json"])
def test_who_freezes_while_its_disk_syncs_replaces_nothing_of_who_took_over(
    tmp_path: Path, folder: TicketFolder, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    now = 0.0
    sync = os.fsync

    def host(host_name: str) -> Uploads:
        def sleep(seconds: float) -> None:
            nonlocal now
            now += seconds

        terms = LeaseTerms(
            ttl=1, is_alone=False, instance=f"{host_name}:boot:1", clock=lambda: now, sleep=sleep
        )
        return Uploads(tmp_path, terms=terms)

    def end(uploads: Uploads, message: str) -> None:
        with uploads.leasing(folder, wait=True) as party:
            holder = StatusWriter(uploads, folder, folder.read_info(), party)
            end_failed(holder, UserFault("cancelled", message), Config())

    def freeze(handle: int) -> None:
        sync(handle)
        if Path(os.readlink(f"/proc/self/fd/{handle}")).name.startswith(f".{name}"):
            monkeypatch.setattr(os, "fsync", sync)
            end(host("second"), "Taken over.")
            ended.append({path.name: path.read_bytes() for path in folder.path.iterdir()})

    ended: list[dict[str, bytes]] = []
    monkeypatch.setattr(os, "fsync", freeze)
    with pytest.raises(FencedError):
        end(host("first"), "Frozen.")
    (after_end,) = ended
    kept = {INFO_NAME, RECEIPT_NAME}
    assert {path.name for path in folder.path.iterdir()} >= kept
    for name_kept in kept:
        assert (folder.path / name_kept).read_bytes() == after_end[name_kept]
