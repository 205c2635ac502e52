"""What the inbox tells the daemon, and what it shows of itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from presqt_daemon.errors import UserFault
from presqt_daemon.tickets.claim_record import ClaimRecord
from presqt_daemon.tickets.store import TicketFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A drop has become a ticket: its folder has its final name and a status file.

    `error` is set for a drop that can only fail; it is the record's fault.
    """

    ticket: str
    folder: TicketFolder
    record: ClaimRecord
    size: int
    error: UserFault | None = None


class RequestedAction(StrEnum):
    """What may be asked for by a file; the value is the file name's ending."""

    CANCEL = "cancel"
    RETRY = "retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Somebody who may has asked for something by a file.

    The file lies where it is until `answered` is called, once, when what came of it is durable;
    so a request that a crash or a stop interrupts is found again. It may be called by any thread.
    """

    ticket: str
    action: RequestedAction
    answered: Callable[[], None] = field(default=lambda: None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Something in the inbox that is not taken yet; `name` is empty for a whole folder.

    `is_stuck` marks what waits for a person rather than for time.
    """

    folder: Path
    name: str
    why: str
    is_stuck: bool = False


Event = Claimed | Request
