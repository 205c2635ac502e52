"""Whether what an earlier ticket brought still stands, before a later one points at it."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import UserFault
from presqt_daemon.messages import Delayed, Report
from presqt_daemon.model import Finding, Severity
from presqt_daemon.records.record import RecordError, open_record
from presqt_daemon.targets import base
from presqt_daemon.targets.base import Target
from presqt_daemon.upload.ask_again import Caller, Now, ask_again, place_from_record
from presqt_daemon.upload.calls.connection import connected
from presqt_daemon.upload.reporting import Reporter
from presqt_daemon.upload.send import SendJob


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierDeposit:
    """A ticket that has brought the same content to the same place, and its record."""

    ticket: str
    receipt: Path


def original_deposit(earlier: EarlierDeposit) -> EarlierDeposit:
    """The ticket that has sent the files: another one where this ticket only points at it."""
    try:
        with open_record(earlier.receipt) as record:
            ticket = str(uuid.UUID(str(record.tree.get("same_as"))))
    except (RecordError, ValueError):
        return earlier
    uploads = earlier.receipt.parent.parent
    return EarlierDeposit(ticket=ticket, receipt=uploads / ticket / earlier.receipt.name)


def is_still_there(
    job: SendJob,
    earlier: EarlierDeposit,
    report: Callable[[Report], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    connect: Callable[[TargetConfig, str | None], Target] = base.connect,
    book_turn: Callable[[int], float] = lambda _requests_per_minute: 0.0,
) -> bool:
    """Whether the target's digests of today are those of the record, for every file.

    Reads only, as `verify` does. False where a file has changed, is gone, or has no digest that the
    target tells, and where the record cannot be read. Raises MustWait as an upload does.
    """
    patience = job.patience(
        sleep,
        clock,
        # from this thread alone, so it is told at once
        waits_for=lambda what, seconds: report(Delayed(waiting_for=what or None, seconds=seconds)),
    )
    reporter = Reporter(report, clock)
    try:
        connection = partial(connect, job.target, job.token)
        with connected(job.target, patience, connection, book_turn) as target:
            # asked from this thread alone, so what is heard may be told at once
            target.heard = reporter.pulse
            return _all_same(target, earlier, patience.ask)
    except (UserFault, RecordError):
        return False


def _all_same(target: Target, earlier: EarlierDeposit, call: Caller) -> bool:
    with open_record(earlier.receipt) as record:
        try:
            place = place_from_record(record.tree, earlier.ticket)
        except (KeyError, TypeError, ValueError):
            return False
        found = False
        for _path, now in ask_again(target, place, record.files or (), call):
            found = True
            if now is not Now.SAME:
                return False
        return found


def sent_again_warning(earlier: EarlierDeposit) -> Finding:
    """The warning of a ticket that brought a content anew."""
    return Finding(
        code="same-content-gone",
        message=f"Ticket {earlier.ticket} has brought the same content, but not all of it is at "
        "the target any more as it was: everything was sent again.",
        severity=Severity.WARNING,
    )
