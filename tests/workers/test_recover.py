"""What a start finds of tickets that have not ended."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from presqt_daemon.model import Stage
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import TicketFolder, Uploads
from presqt_daemon.workers.recover import find_open, give_up, open_ticket
from presqt_daemon.workers.runs.run import Work
from tests.tickets.infos import finished_info, new_info, sending_info, write_info
from tests.tickets.records import claim_record

NOW = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    uploads = Uploads(tmp_path)
    uploads.root.mkdir()
    return uploads


def add(uploads: Uploads, info: ProcessInfo, *, fault: str | None = None) -> TicketFolder:
    folder = uploads.folder(info.ticket_number)
    folder.path.mkdir()
    (folder.path / "thesis.zip").write_bytes(b"zip")
    record = replace(claim_record(folder.ticket), fault_code=fault, fault_message="Mend it.")
    folder.write_claim(record)
    write_info(uploads, folder, info)
    return folder


def test_a_drop_that_was_taken_only_to_be_refused_is_refused_after_a_crash(
    uploads: Uploads,
) -> None:
    refused = add(uploads, new_info(), fault="bad-sidecar")
    good = add(uploads, new_info())
    found = {item.ticket.ticket: item.fault for item in find_open(uploads, uploads.tickets())}
    assert found[good.ticket] is None
    fault = found[refused.ticket]
    assert fault is not None
    assert (fault.code, fault.message) == ("bad-sidecar", "Mend it.")


def test_a_staged_ticket_goes_on_sending_and_remembers_that_a_worker_had_it(
    uploads: Uploads,
) -> None:
    folder = add(uploads, sending_info(function_process_id=7, waited_seconds=60))
    ticket = open_ticket(folder)
    assert ticket is not None
    assert (ticket.work, ticket.is_resume, ticket.waited) == (Work.UPLOAD, True, 60.0)
    assert ticket.zip_bytes == 3
    early = open_ticket(add(uploads, new_info(stage=Stage.VALIDATED)))
    assert early is not None
    assert (early.work, early.is_resume) == (Work.STAGE, False)


def test_ended_tickets_and_folders_of_others_are_left_alone(uploads: Uploads) -> None:
    assert open_ticket(add(uploads, finished_info())) is None
    strange = uploads.folder("00000000-0000-4000-8000-000000000000")
    strange.path.mkdir()
    assert open_ticket(strange) is None


def test_one_ticket_over_which_a_start_stumbles_holds_up_no_other(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = add(uploads, new_info()), add(uploads, new_info())
    read = TicketFolder.read_info

    def stumble(folder: TicketFolder) -> ProcessInfo:
        if folder.ticket == bad.ticket:
            raise ZeroDivisionError
        return read(folder)

    monkeypatch.setattr(TicketFolder, "read_info", stumble)
    taken: list[str] = []
    found = list(find_open(uploads, [bad.ticket, good.ticket], taken.append))
    assert [item.ticket.ticket for item in found] == [good.ticket]
    assert taken == [bad.ticket, good.ticket]
    assert "ZeroDivisionError" in caplog.text


def test_a_ticket_that_is_given_up_keeps_its_zip_and_is_not_looked_at(uploads: Uploads) -> None:
    folder = add(uploads, new_info())
    folder.info.write_bytes(b"\xff" * 1000)
    give_up(uploads, folder.ticket, 6, NOW)
    info = folder.read_info()
    assert (info.error_code, info.source_file) == ("resume-limit", "thesis.zip")
    assert (folder.path / "thesis.zip").read_bytes() == b"zip"
    give_up(uploads, "00000000-0000-4000-8000-000000000000", 6, NOW)
