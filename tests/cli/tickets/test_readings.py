import os
import shutil
from dataclasses import replace
from pathlib import Path

from presqt_daemon.cli.tickets.readings import ENDED_EVERY, TicketReadings
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import Uploads
from tests.cli.program import Program
from tests.tickets.infos import failed_info, finished_info, sending_info


def opened_files(program: Program) -> list[ProcessInfo]:
    infos = [sending_info(), finished_info(), failed_info()]
    for info in infos:
        program.add(info)
    return infos


def test_what_has_not_changed_is_not_read_again(program: Program) -> None:
    infos = opened_files(program)
    readings = TicketReadings(program.uploads)
    assert readings.refresh() == {info.ticket_number for info in infos}
    for _ in range(3 * ENDED_EVERY):
        assert readings.refresh() == set()
    assert readings.reads == 3


def test_an_open_ticket_that_changes_is_read_at_once_and_nothing_else(program: Program) -> None:
    infos = opened_files(program)
    readings = TicketReadings(program.uploads)
    readings.refresh()
    program.add(replace(infos[0], job_percentage=99))
    assert readings.refresh() == {infos[0].ticket_number}
    assert readings.infos[infos[0].ticket_number].job_percentage == 99
    assert readings.reads == 4


def test_a_new_ticket_comes_and_one_that_was_removed_goes(program: Program) -> None:
    infos = opened_files(program)
    readings = TicketReadings(program.uploads)
    readings.refresh()
    new = sending_info()
    program.add(new)
    shutil.rmtree(program.uploads.folder(infos[2].ticket_number).path)
    changed: set[str] = set()
    for _ in range(ENDED_EVERY + 1):
        changed |= readings.refresh()
    assert changed == {new.ticket_number, infos[2].ticket_number}
    assert readings.infos.keys() == {
        infos[0].ticket_number,
        infos[1].ticket_number,
        *[new.ticket_number],
    }


def test_an_ended_ticket_that_is_retried_is_seen_within_some_turns(program: Program) -> None:
    infos = opened_files(program)
    readings = TicketReadings(program.uploads)
    readings.refresh()
    again = sending_info(ticket_number=infos[2].ticket_number, attempt=2)
    program.add(again)
    seen = [readings.refresh() for _ in range(ENDED_EVERY)]
    assert seen.count({again.ticket_number}) == 1
    assert readings.infos[again.ticket_number].is_open


def test_a_damaged_status_is_kept_apart_until_it_is_mended(program: Program) -> None:
    info = sending_info()
    folder = program.add(info)
    readings = TicketReadings(program.uploads)
    readings.refresh()
    folder.info.write_bytes(b"{")
    readings.refresh()
    assert list(readings.damaged) == [info.ticket_number]
    assert not readings.infos
    os.unlink(folder.info)
    readings.refresh()
    assert "No such file" in readings.damaged[info.ticket_number]
    program.add(info)
    readings.refresh()
    assert not readings.damaged


def test_without_a_folder_there_are_no_tickets(tmp_path: Path) -> None:
    readings = TicketReadings(Uploads(tmp_path))
    assert readings.refresh() == set()
    (tmp_path / "uploads" / "junk").mkdir(parents=True)
    assert readings.refresh() == set()
    assert readings.infos == {}
