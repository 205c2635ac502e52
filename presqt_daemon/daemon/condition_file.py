"""Writes `mediafiles/daemon.json` when what it says has changed; by the loop's thread alone."""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from presqt_daemon.condition import (
    CONDITION_NAME,
    MAX_UNTAKEN,
    DaemonCondition,
    TargetCondition,
    UntakenDrop,
    tree_from_condition,
)
from presqt_daemon.daemon.wiring import Rooms
from presqt_daemon.system.files import json_bytes, printable_name, replace_file
from presqt_daemon.tickets.status_writer import utc_now
from presqt_daemon.workers.runs.pauses import Pause

WRITE_SECONDS = 1.0
"""It is written at most this often."""

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class ConditionFile:
    """The file, and what it says now. A file that cannot be written stops nothing."""

    rooms: Rooms
    clock: Callable[[], float]
    wall: Callable[[], datetime] = utc_now
    _looked: float = float("-inf")
    _said: DaemonCondition | None = None
    _asked_again: dict[str, tuple[float, datetime]] = field(default_factory=dict)

    def write_when_due(self) -> None:
        """Write what has changed, if it is time to look."""
        now = self.clock()
        if now - self._looked < WRITE_SECONDS:
            return
        self._looked = now
        condition = self._condition(now)
        # where mediafiles is not mounted, nothing is made below its mount point
        if condition == self._said or not self.rooms.uploads.is_there():
            return
        self.rooms.uploads.may_act()
        try:
            # it holds for this life of the daemon only, so no power cut has to keep it
            replace_file(
                self._path,
                json_bytes(tree_from_condition(condition)),
                mode=self.rooms.supervisor.config.permissions.status,
                durable=False,
            )
        except OSError as error:
            _log.debug("%s cannot be written: %s", CONDITION_NAME, error.strerror)
        else:
            self._said = condition

    def remove(self) -> None:
        """Take it away: nobody is there any more whom it speaks of."""
        self.rooms.uploads.may_act()
        with contextlib.suppress(OSError):
            self._path.unlink()

    @property
    def _path(self) -> Path:
        return self.rooms.supervisor.config.mediafiles / CONDITION_NAME

    def _condition(self, now: float) -> DaemonCondition:
        inbox = self.rooms.supervisor.config.inbox
        untaken = [
            UntakenDrop(
                path=printable_name(str((item.folder / item.name).relative_to(inbox))),
                why=item.why,
                is_stuck=item.is_stuck,
            )
            for item in self.rooms.inbox.untaken()
            if item.name or item.is_stuck
        ]
        # what waits for a person is listed whatever else there is
        untaken.sort(key=lambda item: (not item.is_stuck, item.path))
        return DaemonCondition(
            targets=self._targets(now),
            untaken=tuple(untaken[:MAX_UNTAKEN]),
            untaken_total=len(untaken),
            missing=tuple(sorted(self.rooms.mounts.missing)),
        )

    def _targets(self, now: float) -> tuple[TargetCondition, ...]:
        agenda, permits = self.rooms.dispatch.agenda, self.rooms.supervisor.permits
        configured = self.rooms.supervisor.config.targets
        # also of a target whose only ticket asks it right now
        pauses, in_use = agenda.all_pauses(), permits.sending()
        without_token = {item.target: item.cause for item in self.rooms.off_at_start()}
        # tickets may wait for a target that is configured no more
        return tuple(
            TargetCondition(
                target=name,
                down_since=pauses[name].since if name in pauses else None,
                cause=pauses[name].cause if name in pauses else without_token.get(name),
                asked_again_at=self._moment_of(pauses[name], now) if name in pauses else None,
                in_use=in_use.get(name, 0),
                places=configured[name].workers if name in configured else 1,
                waiting=agenda.count_waiting(name),
            )
            for name in {**configured, **pauses}
        )

    def _moment_of(self, pause: Pause, now: float) -> datetime | None:
        """When the target is asked again, by the wall clock; the same as long as that holds."""
        if pause.until <= now:
            return None
        until, moment = self._asked_again.get(pause.target, (None, self.wall()))
        if until != pause.until:
            moment = (self.wall() + timedelta(seconds=pause.until - now)).replace(microsecond=0)
            self._asked_again[pause.target] = (pause.until, moment)
        return moment
