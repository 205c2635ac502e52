"""A lost status made anew from the ticket's record."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest

from presqt_daemon.errors import UserFault
from presqt_daemon.model import (
    Bag,
    DuplicateAction,
    FileResult,
    Fixity,
    Outcome,
    PayloadFile,
    Stage,
    UploadResult,
)
from presqt_daemon.records.file_rows import row_from_result
from presqt_daemon.records.payload import PayloadHead
from presqt_daemon.records.receipt import write_receipt
from presqt_daemon.records.recovery import rebuild_info
from presqt_daemon.tickets.process_info import ProcessInfo, fail, finish
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.tickets.verdict import Verdict, verdict
from tests.payloads import write_payload
from tests.records.appending import append_lines

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
LATER = datetime(2026, 1, 31, 9, 40, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> TicketFolder:
    path = tmp_path / str(uuid.uuid4())
    path.mkdir()
    return TicketFolder(path)


def opened(folder: TicketFolder) -> ProcessInfo:
    return ProcessInfo(
        ticket_number=folder.ticket,
        stage=Stage.UPLOADED,
        source_file="Project.zip",
        target="osf",
        title="Project",
        file_duplicate_action=DuplicateAction.IGNORE,
        options_from={"target": "folder"},
        dropped_by={"uid": 1000, "name": "ada"},
        received_at=NOW,
        updated_at=LATER,
    )


def sent(folder: TicketFolder, **files: tuple[Outcome, Fixity, bool]) -> None:
    """The payload list and the journal of an upload."""
    head = PayloadHead(
        bag=Bag(
            folder="bag", version="1.0", algorithms=("sha256",), info=(),
            payload_files=len(files), payload_bytes=3 * len(files),
        ),
        algorithm="sha256",
        boot_id="b",
    )  # fmt: skip
    paths = [PurePosixPath(name) for name in files]
    write_payload(
        folder.payload, head, (PayloadFile(path=p, size=3, digests={"sha256": "ab"}) for p in paths)
    )
    results = [
        FileResult(
            path=PurePosixPath(f"/{name}"), outcome=outcome, fixity=fixity, size=3,
            algorithm="sha256", local_digest="ab", remote_digest="ab", remote_path=name,
            differs=differs,
        )
        for name, (outcome, fixity, differs) in files.items()
    ]  # fmt: skip
    append_lines(folder.journal, [row_from_result(result) for result in results], durable=False)


def test_a_finished_ticket_is_what_its_record_says_down_to_every_file_that_is_not_well(
    folder: TicketFolder,
) -> None:
    sent(
        folder,
        good=(Outcome.CREATED, Fixity.MATCHED, False),
        wrong=(Outcome.CREATED, Fixity.MISMATCHED, False),
        unsure=(Outcome.UPDATED, Fixity.UNKNOWN, False),
        kept=(Outcome.IGNORED, Fixity.MATCHED, False),
        other=(Outcome.IGNORED, Fixity.MISMATCHED, True),
    )
    result = UploadResult(
        link="https://osf.io/x",
        algorithm="sha256",
        failed_fixity=("/wrong",),
        unverified_fixity=("/unsure",),
        ignored=("/kept", "/other"),
        updated=("/unsure",),
        ignored_different=("/other",),
    )
    info = replace(opened(folder), upload_total_files=5, upload_total_bytes=15)
    info = finish(info, result, "With fixity errors.", LATER)
    write_receipt(folder, info, now=LATER)
    assert rebuild_info(folder, NOW) == info


def test_a_failed_ticket_stays_failed(folder: TicketFolder) -> None:
    fault = UserFault("forbidden", "The target says no.")
    write_receipt(folder, fail(opened(folder), fault, LATER), now=LATER)
    info = rebuild_info(folder, NOW)
    assert verdict(info) is Verdict.FAILED
    assert (info.status_code, info.error_code, info.message) == (403, "forbidden", fault.message)


def test_a_file_of_which_nothing_is_known_lets_no_zip_go(folder: TicketFolder) -> None:
    sent(folder, good=(Outcome.CREATED, Fixity.MATCHED, False))
    folder.journal.unlink()
    done = finish(opened(folder), UploadResult(link=None, algorithm="sha256"), "Done.", LATER)
    write_receipt(folder, done, now=LATER)
    assert verdict(rebuild_info(folder, NOW)) is Verdict.DIFFERS


@pytest.mark.parametrize("content", [b"", b"junk", b'{"schema_version": 1}', b"[]"])
def test_a_record_that_is_no_record_tells_nothing(folder: TicketFolder, content: bytes) -> None:
    folder.receipt.write_bytes(content)
    assert rebuild_info(folder, NOW).is_open


def test_another_tickets_record_tells_nothing(folder: TicketFolder) -> None:
    other = replace(opened(folder), ticket_number=str(uuid.uuid4()))
    fault = UserFault("forbidden", "No.")
    write_receipt(folder, fail(other, fault, LATER), now=LATER)
    assert rebuild_info(folder, NOW).is_open
