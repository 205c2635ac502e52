"""Which tickets a table shows, and in which order. Pure."""

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from presqt_daemon.cli.output.figures import is_at_work
from presqt_daemon.model import Status
from presqt_daemon.tickets.process_info import ProcessInfo

A_WORKER = "a worker"
"""What an open ticket waits for whose turn has not come: nothing is wrong with it."""


_RECEIVED = operator.attrgetter("received_at", "ticket_number")


def is_held_back(info: ProcessInfo) -> bool:
    """Whether an open ticket waits for something that must change first, not for its turn."""
    return info.is_open and info.waiting_for not in {None, A_WORKER}


GROUPS: Mapping[str, Callable[[ProcessInfo], bool]] = {
    "failed": lambda info: info.status is Status.FAILED,
    "open": lambda info: info.is_open,
    "held": is_held_back,
    "finished": lambda info: info.status is Status.FINISHED,
}
"""A group of tickets that may be asked for, by the option's name -> whether a ticket is in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is asked for; of several groups a ticket must be in one. `order`: age, size, target."""

    groups: frozenset[str] = frozenset()
    target: str | None = None
    since: datetime | None = None
    order: str = "age"
    most: int | None = None

    @property
    def is_everything(self) -> bool:
        """Whether no ticket is left out but for the number."""
        return not self.groups and self.target is None and self.since is None

    def has(self, info: ProcessInfo) -> bool:
        """Whether a ticket is among those asked for."""
        if self.groups and not any(GROUPS[group](info) for group in self.groups):
            return False
        if self.target is not None and info.target != self.target:
            return False
        return self.since is None or info.received_at >= self.since

    def choose(self, infos: Iterable[ProcessInfo]) -> list[ProcessInfo]:
        """All that are asked for, in order; `most` is not applied."""
        # twice, since a sort keeps the order of equals: the newest first among those
        found = sorted(filter(self.has, infos), key=_RECEIVED, reverse=True)
        if self.order == "size":
            found.sort(key=size_of, reverse=True)
        elif self.order == "target":
            found.sort(key=lambda info: info.target or "")
        return found


def size_of(info: ProcessInfo) -> int:
    """A ticket's bytes, as far as they are known yet."""
    return max(info.upload_total_bytes, info.staging_total_bytes)


def urgency(info: ProcessInfo) -> int:
    """For a screen that has no room for all: at work, then held, then waiting, then ended."""
    if is_at_work(info):
        return 0
    return (1 if is_held_back(info) else 2) if info.is_open else 3
