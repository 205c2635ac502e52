"""One run of a ticket as values: what is asked, what may interrupt it, how it ended."""

import signal
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from presqt_daemon.errors import HouseFault, PresqtError, TargetFault, UserFault
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.units import text_from_seconds
from presqt_daemon.workers.runs.pauses import Held

CREDENTIAL = "a token"
RATE_LIMIT = "the target's rate limit"
DISK = "the disk"
DISK_SPACE = "disk space"
SCRATCH = "the server's scratch folder"
ENGINE = "the engine"
ELSEWHERE = "another process that has this ticket"
SHORTAGE = "free threads and processes of the server"
POLICY = "the check of this service's rules"
"""What tickets wait for, where more than words depend on it."""

BUG = "a bug of ours"
"""What the log calls an error that has no name of ours; its traceback follows."""

UNKNOWN_WAIT_SECONDS = 60.0
WRITE_RETRY_SECONDS = 5.0
"""Until a ticket is tried again that could not be written on."""

POLICY_SECONDS = 300.0
"""Until a bag is checked again: it is unpacked anew for that."""

SCRATCH_SECONDS = 60.0
"""Until it is looked at again whether the scratch folder can be used."""

ENGINE_SECONDS = 5.0
SHORTAGE_SECONDS = 2.0
"""Until a run is tried again for which there was no thread, process or handle."""


class Work(StrEnum):
    """What a run does."""

    STAGE = "stage"
    UPLOAD = "upload"


class RunKind(StrEnum):
    """How a run ended, as far as the arbiter needs to know."""

    STAGED = "staged"
    OVER = "over"
    PARKED = "parked"
    AGAIN = "again"
    OUTGROWN = "outgrown"
    """It took too long for a small bag, and is staged anew among the large ones."""

    HANDED_BACK = "handed back"


@dataclass(slots=True)
class Interruption:
    """What others may ask of a run that goes on, which looks at it again and again.

    `stop_by` is a moment of the daemon's clock.
    """

    is_cancelled: bool = False
    stop_by: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One go at a ticket, as plain data that may go to another process or host.

    `deaths` counts goes before it that ended without new progress.

    `folder` is the target's whose inbox folder it came through, empty for the inbox itself.
    `is_restaged`: it was staged before, and what lay on the disk was another content.
    `is_asking`: its target is paused, and this run asks whether it serves again.
    `waited_seconds` is how long the ticket has waited so far, for anything but a worker.
    """

    ticket: str
    work: Work
    deaths: int = 0
    is_restaged: bool = False
    is_resume: bool = False
    waited_seconds: float = 0.0
    zip_bytes: int = 0
    folder: str = ""
    is_asking: bool = False

    def into_sending(self) -> "Run":
        """The same run once it has staged: it sends now, and has waited for nothing yet."""
        return replace(
            self,
            work=Work.UPLOAD,
            deaths=self.deaths if self.is_restaged else 0,
            is_resume=False,
            waited_seconds=0.0,
        )


@dataclass(frozen=True, slots=True)
class WentOn:
    """A run has staged its ticket and goes on into sending, in a place of that target."""

    ticket: str
    target: str
    resource_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """What came of a run.

    `seconds` until a parked ticket is tried again (None: as the pause says); `held` is why no
    other ticket of that target would fare better, `is_delivered` says that the target has taken a
    whole deposit. `learnt` is what a run on another host has found out for all.
    """

    ticket: str
    kind: RunKind
    info: ProcessInfo | None
    seconds: float | None = None
    waiting_for: str | None = None
    held: Held | None = None
    made_progress: bool = False
    is_delivered: bool = False
    learnt: Any = None

    def wait_from(self, now: float) -> float:
        """The moment until which it is waited."""
        return now + (UNKNOWN_WAIT_SECONDS if self.seconds is None else self.seconds)


def not_begun(run: Run) -> RunEnd:
    """The end of a run for which there was no thread; it is nobody's fault."""
    return RunEnd(
        ticket=run.ticket,
        kind=RunKind.PARKED,
        info=None,
        seconds=SHORTAGE_SECONDS,
        waiting_for=SHORTAGE,
    )


class ParkError(Exception):
    """The run cannot go on now; fields as in `RunEnd`."""

    def __init__(
        self, waiting_for: str, seconds: float | None, *, cause: str | None = None
    ) -> None:
        super().__init__(waiting_for)
        self.waiting_for = waiting_for
        self.seconds = seconds
        self.cause = cause
        self.held: Held | None = None


class TargetHeldError(ParkError):
    """No ticket of the target can go on now."""

    def __init__(self, held: Held) -> None:
        super().__init__(held.waiting_for, held.seconds, cause=held.cause)
        self.held = held


def given_up(waiting_for: str, waited_seconds: float, cause: str | None = None) -> PresqtError:
    """The error that ends a ticket which has waited for longer than `uploads.deadline`."""
    text = f"Given up after waiting {text_from_seconds(waited_seconds)} for {waiting_for}; retry "
    text += f"when it is mended. The drop is kept.{f' The last cause: {cause}' if cause else ''}"
    if waiting_for == CREDENTIAL:
        return UserFault("unauthorized", text)
    if waiting_for == RATE_LIMIT:
        return TargetFault("rate-limited", text)
    if waiting_for == POLICY:
        return HouseFault("check-failed", text)
    if waiting_for == SHORTAGE:
        return HouseFault("worker-died", text)
    if waiting_for in {DISK_SPACE, DISK, SCRATCH}:
        return HouseFault("out-of-space", text)
    return TargetFault("target-unavailable", text)


def fault_from_bug(error: Exception) -> HouseFault:
    """What the sender is told of an error that is none of ours by name."""
    if isinstance(error, MemoryError):
        return HouseFault(
            "worker-died",
            "The worker ran out of memory. Ask the operator to look at uploads.memory_limit.",
        )
    return HouseFault(
        "internal-error",
        f"Something went wrong in the server ({type(error).__name__}); the drop is kept. "
        "Ask the operator to look into the log, then retry.",
    )


def describe_exit(code: int | None) -> str:
    """How a process ended, as a sentence's end: `was killed by signal 9 (SIGKILL)`."""
    if code is None:
        return "stopped answering"
    if code < 0:
        try:
            name = f" ({signal.Signals(-code).name})"
        except ValueError:
            name = ""
        return f"was killed by signal {-code}{name}"
    return f"ended by itself with exit code {code}"
