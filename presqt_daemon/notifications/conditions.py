"""When a target, the disk or a long wait is told: once when it begins, once when it is over.

Pure: what is seen and what was told come in, what is to be told comes out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from presqt_daemon.notifications.events import Notification, NotificationKind
from presqt_daemon.receivers import NotifyConfig
from presqt_daemon.units import text_from_bytes, text_from_seconds

BACK_SHARE = 1.1
"""So many times `staging.min_free_bytes` must be free before a disk is told to be well again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldTarget:
    """A target whose tickets are held: since when, why, how many; whether only a person mends it.

    `is_limited`: it has only asked for a pause.
    """

    since: datetime
    cause: str
    waiting: int = 0
    needs_person: bool = False
    is_limited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the daemon's loop sees: targets that are held, and when each has served last.

    `open_tickets` are all that have not ended, `long_waits` those of them that have waited for
    longer than `notify.held_after`; `waiting_for_disk` counts those for which there is no room.
    """

    held_targets: Mapping[str, HeldTarget] = field(default_factory=dict)
    served: Mapping[str, datetime] = field(default_factory=dict)
    open_tickets: frozenset[str] = frozenset()
    long_waits: frozenset[str] = frozenset()
    waiting_for_disk: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFigures:
    """A disk in bytes: what the service may still write, what it keeps free, the whole."""

    folder: str
    free: int
    keep: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What receivers believe now: targets that are down and since when, the disk, long waits."""

    targets: Mapping[str, datetime] = field(default_factory=dict)
    disk_since: datetime | None = None
    waits: frozenset[str] = frozenset()


def target_changes(
    seen: Observation, told: Told, config: NotifyConfig, now: datetime
) -> tuple[list[Notification], Told]:
    """The targets to be told of as down or back, and what is believed afterwards.

    An outage is told when it has lasted for `notify.down_after`, what only a person mends at once,
    a rate limit never. Back is a target that has taken something since, and only if it was told.
    """
    changes = []
    down = dict(told.targets)
    for name, held in seen.held_targets.items():
        lasted = now - held.since
        is_due = held.needs_person or lasted >= timedelta(seconds=config.down_after)
        if name not in down and not held.is_limited and is_due:
            down[name] = held.since
            changes.append(_target_down(name, held, now))
    for name, since in told.targets.items():
        served = seen.served.get(name)
        if name not in seen.held_targets and served is not None and served > since:
            del down[name]
            changes.append(_target_back(name, since, served))
    return changes, replace(told, targets=down)


def disk_changes(
    seen: Observation, disk: DiskFigures, told: Told, now: datetime
) -> tuple[list[Notification], Told]:
    """Whether the disk is to be told of as short, or as well again."""
    is_short = disk.free < disk.keep or seen.waiting_for_disk > 0
    if is_short and told.disk_since is None:
        return [_disk_short(seen, disk, now)], replace(told, disk_since=now)
    is_well = disk.free >= disk.keep * BACK_SHARE and not seen.waiting_for_disk
    if is_well and told.disk_since is not None:
        return [_disk_back(disk, told.disk_since, now)], replace(told, disk_since=None)
    return [], told


def new_waits(seen: Observation, told: Told) -> tuple[list[str], Told]:
    """The tickets to be told of as waiting for long, each once until it ends."""
    still_open = told.waits & seen.open_tickets
    new = seen.long_waits - still_open
    return sorted(new), replace(told, waits=still_open | new)


def _target_down(name: str, held: HeldTarget, now: datetime) -> Notification:
    return Notification(
        id=_name(NotificationKind.TARGET_DOWN, name, held.since),
        kind=NotificationKind.TARGET_DOWN,
        at=now,
        about=name,
        message=held.cause,
        target=name,
        count=held.waiting,
        since=held.since,
        needs_person=held.needs_person,
    )


def _target_back(name: str, since: datetime, served: datetime) -> Notification:
    lasted = text_from_seconds((served - since).total_seconds())
    return Notification(
        id=_name(NotificationKind.TARGET_BACK, name, since),
        kind=NotificationKind.TARGET_BACK,
        at=served,
        about=name,
        message=f"serves again, after {lasted}.",
        target=name,
        since=since,
    )


def _disk_short(seen: Observation, disk: DiskFigures, now: datetime) -> Notification:
    too_little = "" if disk.free < disk.keep else "; what waits needs more than the rest"
    return Notification(
        id=_name(NotificationKind.DISK_SHORT, "mediafiles", now),
        kind=NotificationKind.DISK_SHORT,
        at=now,
        about=disk.folder,
        message=f"{text_from_bytes(disk.free)} of {text_from_bytes(disk.total)} are free, "
        f"{text_from_bytes(disk.keep)} are kept free (staging.min_free_bytes)"
        f"{too_little}.",
        count=seen.waiting_for_disk,
        since=now,
    )


def _disk_back(disk: DiskFigures, since: datetime, now: datetime) -> Notification:
    lasted = text_from_seconds((now - since).total_seconds())
    return Notification(
        id=_name(NotificationKind.DISK_BACK, "mediafiles", since),
        kind=NotificationKind.DISK_BACK,
        at=now,
        about=disk.folder,
        message=f"has room again, after {lasted}: {text_from_bytes(disk.free)} of "
        f"{text_from_bytes(disk.total)} are free.",
        since=since,
    )


def _name(kind: NotificationKind, about: str, since: datetime) -> str:
    return f"{kind}.{about}.{since.astimezone(UTC):%Y%m%dT%H%M%S%fZ}"
