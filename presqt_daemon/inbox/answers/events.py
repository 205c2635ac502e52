"""What the inbox tells the daemon, and what it shows of itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from presqt_daemon.errors import UserFault
from presqt_daemon.inbox.files.places import InboxFolder
from presqt_daemon.tickets.claim_record import ClaimRecord
from presqt_daemon.tickets.store import TicketFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A drop of a place in the inbox that is ours: it has become a ticket, or is about to.

    `aside` is its name in the inbox while it has still to be copied. When the daemon is told, its
    folder has its final name and a status file.
    """

    place: InboxFolder
    folder: TicketFolder
    record: ClaimRecord
    size: int
    aside: str | None = None

    @property
    def ticket(self) -> str:
        """Its number."""
        return self.record.ticket

    @property
    def error(self) -> UserFault | None:
        """Why it can only fail, None for one that may go on."""
        return self.record.fault


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
