"""Status values for tests, in every state that a ticket can have."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from presqt_daemon.errors import HouseFault, PresqtError, TargetFault, UserFault
from presqt_daemon.model import DuplicateAction, Finding, Severity, Stage, UploadResult
from presqt_daemon.tickets.process_info import ProcessInfo, advance, fail, finish
from presqt_daemon.tickets.status_writer import StatusWriter
from presqt_daemon.tickets.store import TicketFolder, Uploads

BEGAN = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
ENDED = BEGAN + timedelta(minutes=5)


def write_info(
    uploads: Uploads, folder: TicketFolder, info: ProcessInfo, *, durable: bool = True
) -> None:
    """Write a status as the party that has the ticket for this moment."""
    with uploads.parties.having(folder.ticket) as party:
        uploads.write_info(folder, info, party, durable=durable)


def writer_of(
    uploads: Uploads, folder: TicketFolder, info: ProcessInfo, **clocks: Any
) -> StatusWriter:
    """The writer of a ticket that nobody has; it is the party from now on."""
    return StatusWriter(uploads, folder, info, uploads.parties.take(folder.ticket), **clocks)


def new_info(**changes: Any) -> ProcessInfo:
    """A ticket that has just been taken."""
    values: dict[str, Any] = {
        "ticket_number": str(uuid.uuid4()),
        "source_file": "thesis.zip",
        "target": "archive",
        "dropped_by": {"uid": 1000, "name": "anna"},
        "received_at": BEGAN,
        "updated_at": BEGAN,
    }
    return ProcessInfo(**{**values, **changes})


def sending_info(**changes: Any) -> ProcessInfo:
    """A ticket whose upload is under way."""
    values: dict[str, Any] = {
        "stage": Stage.HASHED,
        "title": "Thesis",
        "file_duplicate_action": DuplicateAction.IGNORE,
        "options_from": {"target": "folder", "title": "payload"},
        "function_process_id": 4242,
        "host": "depot",
        "staging_attempt": 1,
        "staging_total_bytes": 3_000_000,
        "staging_bytes_finished": 3_000_000,
        "upload_total_files": 4,
        "upload_files_finished": 1,
        "upload_total_bytes": 3_000_000,
        "upload_bytes_finished": 1_000_000,
        "job_percentage": 50,
    }
    return new_info(**{**values, **changes})


def finished_info(result: UploadResult | None = None, **changes: Any) -> ProcessInfo:
    """A ticket that ended with a deposit; every file matched unless the result says otherwise."""
    outcome = result or UploadResult(link="file:///archive/Thesis", algorithm="sha256")
    ended = finish(
        advance(sending_info(**changes), Stage.UPLOADED), outcome, "Upload successful.", ENDED
    )
    return replace(ended, updated_at=ENDED)


def failed_info(error: PresqtError | None = None, **changes: Any) -> ProcessInfo:
    """A ticket that was refused before anything was sent, or that failed as told."""
    fault = error or UserFault("invalid-bag", "The bag is not valid: 1 file is damaged.")
    return replace(fail(new_info(**changes), fault, ENDED), updated_at=ENDED)


def infos_of_every_kind() -> dict[str, ProcessInfo]:
    """One ticket for each kind of state."""
    odd = Finding(code="odd-name", path="data/\\xff", message="odd", severity=Severity.WARNING)
    many = tuple(Finding(code="missing", path=f"data/{n}", message="gone") for n in range(70))
    return {
        "taken": new_info(),
        "taken without a target": new_info(target=None, dropped_by={"uid": 7, "name": None}),
        "sending": sending_info(),
        "waiting": sending_info(
            waiting_for="the target's rate limit", next_attempt_at=ENDED, function_process_id=None
        ),
        "verified": finished_info(expiration=ENDED + timedelta(days=5)),
        "failed fixity": finished_info(
            UploadResult(
                link=None,
                algorithm="md5",
                failed_fixity=("/Project/a",),
                ignored=("/Project/b",),
                updated=("/Project/c",),
                warnings=(odd,),
            )
        ),
        "unverified": finished_info(
            UploadResult(link=None, algorithm=None, unverified_fixity=("/a",))
        ),
        "ignored different": finished_info(
            UploadResult(link=None, algorithm="sha1", ignored=("/a",), ignored_different=("/a",))
        ),
        "refused": failed_info(UserFault("invalid-bag", "no", findings=many, findings_total=900)),
        "target down": failed_info(TargetFault("target-unavailable", "The target is down.")),
        "ours": failed_info(HouseFault("internal-error", "Something broke.")),
    }
