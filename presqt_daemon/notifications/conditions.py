"""When a target, the disk or a long wait is told: once when it begins, once when it is over.

What is seen and what was told come in, what is to be told comes out. What was told is kept in the
outbox's folder, so that a restart tells nothing twice and forgets no good news.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from presqt_daemon.config import Config
from presqt_daemon.notifications.events import (
    Notification,
    NotificationKind,
    notification_of_wait,
)
from presqt_daemon.notifications.outbox import TOLD_NAME
from presqt_daemon.receivers import NotifyConfig
from presqt_daemon.schemas.json_values import tree_from_value, value_from_tree
from presqt_daemon.system.files import json_bytes, replace_file
from presqt_daemon.tickets.store import Uploads
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
            changes.append(
                _change(
                    NotificationKind.TARGET_DOWN,
                    name,
                    held.since,
                    now,
                    held.cause,
                    target=name,
                    count=held.waiting,
                    needs_person=held.needs_person,
                )
            )
    for name, since in told.targets.items():
        served = seen.served.get(name)
        if name not in seen.held_targets and served is not None and served > since:
            del down[name]
            outage = text_from_seconds((served - since).total_seconds())
            message = f"serves again, after {outage}."
            changes.append(
                _change(NotificationKind.TARGET_BACK, name, since, served, message, target=name)
            )
    return changes, replace(told, targets=down)


def disk_changes(
    seen: Observation, disk: DiskFigures, told: Told, now: datetime
) -> tuple[list[Notification], Told]:
    """Whether the disk is to be told of as short, or as well again."""
    figures = f"{text_from_bytes(disk.free)} of {text_from_bytes(disk.total)} are free"
    is_short = disk.free < disk.keep or seen.waiting_for_disk > 0
    if is_short and told.disk_since is None:
        too_little = "" if disk.free < disk.keep else "; what waits needs more than the rest"
        message = (
            f"{figures}, {text_from_bytes(disk.keep)} are kept free "
            f"(staging.min_free_bytes){too_little}."
        )
        short = _change(NotificationKind.DISK_SHORT, "mediafiles", now, now, message)
        short = replace(short, about=disk.folder, count=seen.waiting_for_disk)
        return [short], replace(told, disk_since=now)
    is_well = disk.free >= disk.keep * BACK_SHARE and not seen.waiting_for_disk
    if is_well and told.disk_since is not None:
        lasted = text_from_seconds((now - told.disk_since).total_seconds())
        message = f"has room again, after {lasted}: {figures}."
        back = _change(NotificationKind.DISK_BACK, "mediafiles", told.disk_since, now, message)
        return [replace(back, about=disk.folder)], replace(told, disk_since=None)
    return [], told


def new_waits(seen: Observation, told: Told) -> tuple[list[str], Told]:
    """The tickets to be told of as waiting for long, each once until it ends."""
    still_open = told.waits & seen.open_tickets
    new = seen.long_waits - still_open
    return sorted(new), replace(told, waits=still_open | new)


def _change(
    kind: NotificationKind, about: str, since: datetime, at: datetime, message: str, **more: Any
) -> Notification:
    """The notification of what has been so since a moment, which is part of its name."""
    name = f"{kind}.{about}.{since.astimezone(UTC):%Y%m%dT%H%M%S%fZ}"
    return Notification(
        id=name, kind=kind, at=at, about=about, message=message, since=since, **more
    )


class Watch:
    """Remembers what was told; used by one thread."""

    def __init__(self, folder: Path, uploads: Uploads) -> None:
        self._path = folder / TOLD_NAME
        self._uploads = uploads
        self._told = Told()

    def open(self) -> None:
        """Take in what an earlier life has told; what cannot be read is nothing told."""
        with contextlib.suppress(OSError, ValueError, RecursionError):
            self._told = value_from_tree(Told, json.loads(self._path.read_bytes()))

    def changes(self, seen: Observation, config: Config, now: datetime) -> list[Notification]:
        """What is to be told of what is seen now."""
        changes, told = target_changes(seen, self._told, config.notify, now)
        if (disk := disk_figures(config)) is not None:
            of_disk, told = disk_changes(seen, disk, told, now)
            changes += of_disk
        waits, told = new_waits(seen, told)
        for ticket in waits:
            if (one := self._wait_of(ticket, now)) is not None:
                is_down = one.target in told.targets
                changes.append(replace(one, is_of_down_target=is_down))
        if told != self._told:
            self._told = told
            # on a full disk it is told once more after a restart
            with contextlib.suppress(OSError):
                content = json_bytes(tree_from_value(told))
                replace_file(self._path, content, mode=0o600, durable=False)
        return changes

    def _wait_of(self, ticket: str, now: datetime) -> Notification | None:
        folder = self._uploads.folder(ticket)
        info = folder.known_info()
        if info is None or not info.is_open:
            return None
        return notification_of_wait(info, folder.came_through(), now)


def disk_figures(config: Config) -> DiskFigures | None:
    """The disk of `mediafiles` now; None where it cannot be asked."""
    try:
        figures = os.statvfs(config.mediafiles)
    except OSError:
        return None
    return DiskFigures(
        folder=str(config.mediafiles),
        free=figures.f_bavail * figures.f_frsize,
        keep=config.staging.min_free_bytes,
        total=figures.f_blocks * figures.f_frsize,
    )
