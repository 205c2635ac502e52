"""Who may start, create and ask now: slots for staging, lanes per target, pace, creations, space.

What was taken is remembered by ticket, so that it comes back whole whatever is configured by then.

All in the parent, so that two tickets for one target share its limits.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from presqt_daemon.config import Config, TargetConfig
from presqt_daemon.tickets.holds import Holds
from presqt_daemon.workers.limits.accounts import AccountKey, ContainerKey, account_of, site_of
from presqt_daemon.workers.limits.rate_limit import book
from presqt_daemon.workers.limits.same_process import SameProcess
from presqt_daemon.workers.limits.staging_places import StagingPlaces, stage_slots
from presqt_daemon.workers.runs.proof import Serves
from presqt_daemon.workers.runs.run import Interruption, WentOn

SPACE_MARGIN = 1.05
"""Unpacked bags take more than their bytes: names, folders, the last block of each file."""

FILE_OVERHEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """An upload that goes on: where to, and whether the bag is large.

    `asked` is the place by the id that the sender gave, `container` that or what the target has
    resolved it to.
    """

    target: str
    asked: ContainerKey | None
    container: ContainerKey | None
    is_large: bool


@dataclass(frozen=True, slots=True)
class Space:
    """Free and total bytes of a file system."""

    free: int
    total: int

    def part(self, share: float, keep: int) -> int:
        """A share of all bytes but those that are kept."""
        return max(0, int((self.total - keep) * share))


def space_of(folder: Path) -> tuple[int, Space]:
    """The file system's device number and its space."""
    figures = os.statvfs(folder)
    device = folder.stat().st_dev
    free = figures.f_bavail * figures.f_frsize
    return device, Space(free=free, total=figures.f_blocks * figures.f_frsize)


def needed_bytes(content: int, entries: int) -> int:
    """What a tree of so many bytes in so many files may take on disk."""
    return int(content * SPACE_MARGIN) + entries * FILE_OVERHEAD_BYTES


@dataclass(slots=True)
class Permits(SameProcess):
    """What is in use. Safe from several threads.

    `interruptions` are those of the runs that go on, by ticket; `tell` takes what is known before a
    run ends; `cores` says how many bags are staged at once where the configuration does not.
    """

    config: Config
    look: Callable[[Path], tuple[int, Space]] = space_of
    tell: Callable[[Serves | WentOn], None] = lambda _event: None
    cores: Callable[[], int] = lambda: os.cpu_count() or 1
    interruptions: dict[str, Interruption] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    staging: StagingPlaces = field(default_factory=StagingPlaces)
    _sending: dict[str, OpenUpload] = field(default_factory=dict)
    _resolved: dict[ContainerKey, ContainerKey] = field(default_factory=dict)
    _creating: dict[AccountKey, str] = field(default_factory=dict)
    _due: dict[AccountKey, float] = field(default_factory=dict)
    _refused: dict[str, str | None] = field(default_factory=dict)
    _reserved: dict[str, tuple[int, int]] = field(default_factory=dict)
    goes_on: bool = True
    """Whether a run that has staged may go on into sending."""

    holds: Holds = field(default_factory=Holds)
    """What the operator has put on hold."""

    _queued: Collection[str] = ()
    _coming: dict[str, str] = field(default_factory=dict)
    """Ticket -> target, of those that were refused to go on and are not queued yet."""

    def interruption(self, ticket: str) -> Interruption:
        """What is asked of a ticket's run; the same object as long as it goes on."""
        return self.interruptions.get(ticket) or Interruption()

    def begin_staging(
        self, ticket: str, zip_bytes: int, *, folder: str = "", is_slow: bool = False
    ) -> bool:
        """Take a place for staging, as `StagingPlaces` has them."""
        is_large = is_slow or zip_bytes > self.config.staging.small
        return self.staging.begin(ticket, folder, is_large=is_large, slots=self._slots)

    def outgrow(self, ticket: str) -> bool:
        """Count a bag that is staged as a large one; False when it has to leave its place."""
        return self.staging.outgrow(ticket, self._slots)

    def end_staging(self, ticket: str) -> None:
        """Give the place back."""
        self.staging.end(ticket)

    @property
    def _slots(self) -> int:
        return stage_slots(self.config.staging.workers, self.cores())

    def begin_sending(
        self, ticket: str, target: str, resource_id: str | None, zip_bytes: int
    ) -> bool:
        """Take one of a target's lanes; one container takes one ticket at a time.

        Where there are several, the last is kept for bags under `staging.small`.
        """
        with self._lock:
            return self._take_lane(ticket, target, resource_id, zip_bytes)

    def go_on_sending(
        self, ticket: str, target: str, resource_id: str | None, zip_bytes: int
    ) -> bool:
        """Exchange the place for staging for one of a target's lanes, if that is free.

        False also while others wait there, or are held: a ticket that goes on passes nobody; and
        for one that the operator has put on hold.
        """
        with self._lock:
            if not self._take_free_lane(ticket, target, resource_id, zip_bytes):
                self._coming[ticket] = target
                return False
        self.end_staging(ticket)
        return True

    def begin_sending_after(self, ticket: str, target: str, zip_bytes: int) -> bool:
        """Take one of a target's lanes for a ticket that is staged first, passing nobody."""
        with self._lock:
            return self._take_free_lane(ticket, target, None, zip_bytes)

    def _take_free_lane(self, ticket: str, target: str, given: str | None, size: int) -> bool:
        is_waited_for = target in {*self._queued, *self._coming.values()}
        may_go = self.goes_on and not is_waited_for and not self.holds.cover(ticket, target)
        return may_go and self._take_lane(ticket, target, given, size)

    def have_queued(self, targets: Collection[str], is_running: Callable[[str], bool]) -> None:
        """Know for which targets tickets wait; one whose run has ended is among them by now."""
        with self._lock:
            self._queued = targets
            for ticket in [name for name in self._coming if not is_running(name)]:
                del self._coming[ticket]

    def _take_lane(self, ticket: str, target: str, resource_id: str | None, zip_bytes: int) -> bool:
        known = self.config.targets.get(target)
        lanes = 1 if known is None else known.workers
        is_large = zip_bytes > self.config.staging.small
        asked = None
        if resource_id is not None and known is not None:
            asked = ContainerKey(account_of(known, None), resource_id)
        container = self._resolved.get(asked, asked) if asked is not None else None
        busy = [taken for taken in self._sending.values() if taken.target == target]
        large = sum(taken.is_large for taken in busy)
        if (
            len(busy) >= lanes
            or (is_large and large >= max(1, lanes - 1))
            or (container is not None and self._is_busy(ticket, container))
        ):
            return False
        self._sending[ticket] = OpenUpload(target, asked, container, is_large)
        return True

    def begin_container(self, ticket: str, target: TargetConfig, identity: str) -> bool:
        """Take the container to which the target has resolved a ticket's id; False while it is not.

        One container takes one ticket, by whatever id, entry or token it is reached; what an id is
        resolved to is remembered.
        """
        with self._lock:
            taken = self._sending.get(ticket)
            if taken is None:
                return True
            container = ContainerKey(site_of(target), identity)
            if taken.asked is not None:
                self._resolved[taken.asked] = container
            if self._is_busy(ticket, container):
                return False
            self._sending[ticket] = replace(taken, container=container)
        return True

    def _is_busy(self, ticket: str, container: ContainerKey) -> bool:
        return any(
            taken.container == container for name, taken in self._sending.items() if name != ticket
        )

    def end_sending(self, ticket: str) -> None:
        """Give the lane back."""
        with self._lock:
            self._sending.pop(ticket, None)

    def sending(self) -> Counter[str]:
        """How many of each target's lanes are in use."""
        with self._lock:
            return Counter(taken.target for taken in self._sending.values())

    def begin_creating(self, account: AccountKey, ticket: str) -> bool:
        """Let one ticket of an account create its container; the same ticket may ask again."""
        with self._lock:
            return self._creating.setdefault(account, ticket) == ticket

    def end_creating(self, ticket: str) -> None:
        """Let the next ticket create; does nothing when this one does not hold the permit."""
        with self._lock:
            for account in [one for one, name in self._creating.items() if name == ticket]:
                del self._creating[account]

    def book_turn(self, account: AccountKey, requests_per_minute: int, now: float) -> float:
        """The seconds from now until an account may make its next request; that turn is taken."""
        with self._lock:
            due = self._due.get(account, 0.0)
            seconds, self._due[account] = book(due, requests_per_minute, now)
        return seconds

    def refuse(self, target: str, token_mark: str | None) -> bool:
        """Know that the target refuses a token; False when that was known already."""
        with self._lock:
            if target in self._refused and self._refused[target] == token_mark:
                return False
            self._refused[target] = token_mark
        return True

    def refused_mark(self, target: str) -> str | None:
        """The mark of the token that the target refuses, None while it refuses none."""
        with self._lock:
            return self._refused.get(target)

    def accept(self, target: str) -> None:
        """Know that the target takes its token."""
        with self._lock:
            self._refused.pop(target, None)

    def space_at(self, folder: Path) -> Space:
        """The space of a folder's file system. Raises OSError."""
        return self.look(folder)[1]

    def reserve(
        self, ticket: str, folder: Path, wanted: int, spare: int = 0, *, headroom: float = 0.0
    ) -> Space | None:
        """Set bytes aside for a ticket on a folder's file system; None when that was possible.

        `spare` bytes more than what is kept free anyway must be left to others, and the part
        `headroom` of the rest of the disk.
        Else the space as it is, so that the caller can tell a full disk from one too small.
        """
        device, space = self.look(folder)
        keep = self.config.staging.min_free_bytes
        with self._lock:
            taken = sum(
                size
                for name, (where, size) in self._reserved.items()
                if where == device and name != ticket
            )
            if wanted + keep + spare + space.part(headroom, keep) > space.free - taken:
                return space
            self._reserved[ticket] = (device, wanted)
        return None

    def release(self, ticket: str) -> None:
        """Give back what was set aside."""
        with self._lock:
            self._reserved.pop(ticket, None)
