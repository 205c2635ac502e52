"""What the inbox tells the daemon, and what it shows of itself."""

from dataclasses import dataclass
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


class Action(StrEnum):
    """What a sender may ask for beside the receipt; the value is the file name's ending."""

    CANCEL = "cancel"
    RETRY = "retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderRequest:
    """Somebody who may has asked for something; the file that asked is gone."""

    ticket: str
    action: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Something in the inbox that is not taken yet; `name` is empty for a whole folder."""

    folder: Path
    name: str
    why: str


Event = Claimed | SenderRequest
