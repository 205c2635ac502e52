"""What receivers can be told of, as values; what an ended ticket makes, and who is told of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from presqt_daemon.model import Status
from presqt_daemon.receivers import ReceiverConfig
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.verdict import Verdict, verdict

CANCELLED_CODE = "cancelled"


class NotificationKind(StrEnum):
    """What has happened."""

    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    FIXITY = "fixity"
    """Finished, but a digest at the target differs, is missing, or an ignored file is another."""

    HELD = "held"
    TARGET_DOWN = "target-down"
    TARGET_BACK = "target-back"
    DISK_SHORT = "disk-short"
    DISK_BACK = "disk-back"

    @property
    def word(self) -> str:
        """The word by which a receiver asks for it in the configuration."""
        return self.value.partition("-")[0]

    @property
    def is_of_ticket(self) -> bool:
        """Whether it is about one ticket."""
        return "-" not in self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One thing that has happened; the same `id` is the same thing, however often it is told.

    `message` is the ticket's own, or says in words how the target or the disk stands; `about` names
    what it is about: the dropped file, the target, the folder. `count` are the tickets that wait.
    """

    id: str
    kind: NotificationKind
    at: datetime
    about: str
    message: str
    ticket: str | None = None
    attempt: int = 1
    target: str | None = None
    folder: str | None = None
    """The target in whose inbox folder the drop lay."""

    error_code: str | None = None
    dropped_by: str | None = None
    link: str | None = None
    differing: int = 0
    """Files of which the digest at the target is another one."""

    count: int = 0
    needs_person: bool = False
    """A target that does not come back before somebody has mended something."""

    since: datetime | None = None
    is_of_down_target: bool = False
    """A wait for a target that is told to be down: who is told of targets knows already."""


def end_id(ticket: str, attempt: int) -> str:
    """What an end of a ticket is called: each attempt has one."""
    return f"{ticket}.{attempt}"


def kind_of_end(info: ProcessInfo) -> NotificationKind:
    """What has happened to a ticket that has ended."""
    if info.status is Status.FAILED:
        is_cancelled = info.error_code == CANCELLED_CODE
        return NotificationKind.CANCELLED if is_cancelled else NotificationKind.FAILED
    is_whole = verdict(info) is Verdict.VERIFIED
    return NotificationKind.FINISHED if is_whole else NotificationKind.FIXITY


def notification_of_end(info: ProcessInfo, folder: str | None) -> Notification:
    """What is to be told of a ticket that has ended; `folder` is the target of its inbox folder."""
    return _of_ticket(
        info,
        end_id(info.ticket_number, info.attempt),
        kind_of_end(info),
        folder,
        info.finished_at or info.updated_at,
    )


def notification_of_wait(info: ProcessInfo, folder: str | None, at: datetime) -> Notification:
    """What is to be told of a ticket that has waited for too long."""
    name = f"{end_id(info.ticket_number, info.attempt)}.held"
    return _of_ticket(info, name, NotificationKind.HELD, folder, at)


def _of_ticket(
    info: ProcessInfo, name: str, kind: NotificationKind, folder: str | None, at: datetime
) -> Notification:
    owner = info.dropped_by.get("name") or info.dropped_by.get("uid")
    return Notification(
        id=name,
        kind=kind,
        at=at,
        about=info.source_file or info.ticket_number,
        message=info.message,
        ticket=info.ticket_number,
        attempt=info.attempt,
        target=info.target,
        folder=folder,
        error_code=info.error_code,
        dropped_by=None if owner is None else str(owner),
        link=info.link_to_resource,
        differing=len(info.failed_fixity),
        since=info.waiting_since,
    )


def receivers_of(
    notification: Notification, receivers: Mapping[str, ReceiverConfig]
) -> tuple[str, ...]:
    """The names of the receivers that are told, in the order of the configuration.

    A receiver that names `targets` is told of their tickets, of drops into their inbox folders
    and of these targets themselves; what concerns the whole server, or a drop that belongs to
    none, goes to receivers without such a list. A wait is told to nobody who is told of targets
    and knows that its target is down: each ticket would be a message, for as long as that lasts.
    """
    of = {notification.target, notification.folder} - {None}
    return tuple(
        name
        for name, receiver in receivers.items()
        if notification.kind.word in receiver.events
        and (not receiver.targets or not of.isdisjoint(receiver.targets))
        and not (notification.is_of_down_target and "target" in receiver.events)
    )
