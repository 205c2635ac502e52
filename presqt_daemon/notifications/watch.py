"""What is seen of targets, the disk and long waits becomes notifications; what was told is kept.

Kept in the outbox's folder, so that a restart tells nothing twice and forgets no good news.
"""

import contextlib
import json
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from presqt_daemon.config import Config
from presqt_daemon.notifications.conditions import (
    DiskFigures,
    Observation,
    Told,
    disk_changes,
    new_waits,
    target_changes,
)
from presqt_daemon.notifications.events import Notification, notification_of_wait
from presqt_daemon.notifications.outbox import TOLD_NAME
from presqt_daemon.schemas.json_values import tree_from_value, value_from_tree
from presqt_daemon.system.files import json_bytes, replace_file
from presqt_daemon.tickets.store import Uploads


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
