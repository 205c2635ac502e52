"""What the arbiter is told by those who work for it."""

from dataclasses import dataclass
from enum import StrEnum

from presqt_daemon.errors import PresqtError
from presqt_daemon.workers.runs.proof import Serves
from presqt_daemon.workers.runs.run import Run, RunEnd, RunKind, WentOn


class Refusal(StrEnum):
    """Why a ticket cannot be reopened."""

    OPEN = "it has not ended"
    MATCHED = "it has ended well"
    NO_ZIP = "its zip is gone: drop it again"
    LOST = "there is no such ticket"
    DISK = "its status cannot be written now"
    BUSY = "another program is changing its record: ask again"
    BUG = "something went wrong in the server: look into the log"


@dataclass(frozen=True, slots=True)
class Reopened:
    """What came of asking a ticket to go again."""

    ticket: str
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a worker's run."""

    end: RunEnd
    run: Run


@dataclass(frozen=True, slots=True)
class Closed:
    """A ticket was ended with an error, or that could not be written yet."""

    end: RunEnd
    error: PresqtError


@dataclass(frozen=True, slots=True)
class Noted:
    """It was written on a ticket what it waits for; `end` when it waited too long."""

    ticket: str
    end: RunEnd | None


@dataclass(frozen=True, slots=True)
class Busy:
    """The record of a ticket that is to be reopened is being changed by another program."""

    ticket: str


ChangeEvent = Closed | Noted | Reopened | Busy
Event = Ended | Serves | WentOn | ChangeEvent


def ended_by(event: Event) -> str | None:
    """The ticket whose end has been written, None for every other event."""
    end = event.end if isinstance(event, Ended | Closed | Noted) else None
    return end.ticket if end is not None and end.kind is RunKind.OVER else None
