"""Who may start and create now: slots for staging, lanes per target, one creation at a time, space.

All in the parent, so that two tickets for one target share its limits.
"""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from presqt_daemon.config import Config

SPACE_MARGIN = 1.05
"""Unpacked bags take more than their bytes: names, folders, the last block of each file."""

FILE_OVERHEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Space:
    """Free and total bytes of a file system."""

    free: int
    total: int


def space_of(folder: Path) -> tuple[int, Space]:
    """The file system's device number and its space."""
    figures = os.statvfs(folder)
    device = folder.stat().st_dev
    free = figures.f_bavail * figures.f_frsize
    return device, Space(free=free, total=figures.f_blocks * figures.f_frsize)


def needed_bytes(content: int, entries: int) -> int:
    """What a tree of so many bytes in so many files may take on disk."""
    return int(content * SPACE_MARGIN) + entries * FILE_OVERHEAD_BYTES


def stage_slots(configured: int, cores: int) -> int:
    """How many bags are staged at once: at least two, so that one slot is left for small bags."""
    return max(2, configured or cores)


@dataclass(slots=True)
class Permits:
    """What is in use. Safe from several threads."""

    config: Config
    look: Callable[[Path], tuple[int, Space]] = space_of
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _staging_large: int = 0
    _staging: int = 0
    _sending: dict[str, int] = field(default_factory=dict)
    _busy_resources: set[tuple[str, str]] = field(default_factory=set)
    _creating: dict[str, str] = field(default_factory=dict)
    _reserved: dict[str, tuple[int, int]] = field(default_factory=dict)

    def begin_staging(self, zip_bytes: int) -> bool:
        """Take a slot for staging; the last one is kept for bags under `staging.small`."""
        slots = stage_slots(self.config.staging.workers, os.cpu_count() or 1)
        is_large = zip_bytes > self.config.staging.small
        with self._lock:
            if self._staging >= slots or (is_large and self._staging_large >= slots - 1):
                return False
            self._staging += 1
            self._staging_large += is_large
        return True

    def end_staging(self, zip_bytes: int) -> None:
        """Give the slot back."""
        with self._lock:
            self._staging -= 1
            self._staging_large -= zip_bytes > self.config.staging.small

    def begin_sending(self, target: str, resource_id: str | None) -> bool:
        """Take one of a target's lanes; one container takes one ticket at a time."""
        known = self.config.targets.get(target)
        lanes = 1 if known is None else known.workers
        with self._lock:
            key = (target, resource_id or "")
            if self._sending.get(target, 0) >= lanes or (
                resource_id is not None and key in self._busy_resources
            ):
                return False
            self._sending[target] = self._sending.get(target, 0) + 1
            if resource_id is not None:
                self._busy_resources.add(key)
        return True

    def end_sending(self, target: str, resource_id: str | None) -> None:
        """Give the lane back."""
        with self._lock:
            self._sending[target] -= 1
            if resource_id is not None:
                self._busy_resources.discard((target, resource_id))

    def begin_creating(self, target: str, ticket: str) -> bool:
        """Let one ticket of a target create its container; the same ticket may ask again."""
        with self._lock:
            return self._creating.setdefault(target, ticket) == ticket

    def end_creating(self, target: str, ticket: str) -> None:
        """Let the next ticket create; does nothing when another one holds the permit."""
        with self._lock:
            if self._creating.get(target) == ticket:
                del self._creating[target]

    def reserve(self, ticket: str, folder: Path, wanted: int) -> Space | None:
        """Set bytes aside for a ticket on a folder's file system; None when that was possible.

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
            if wanted + keep > space.free - taken:
                return space
            self._reserved[ticket] = (device, wanted)
        return None

    def release(self, ticket: str) -> None:
        """Give back what was set aside."""
        with self._lock:
            self._reserved.pop(ticket, None)

    def lanes(self) -> int:
        """How many runs there can be at once in all."""
        staging = stage_slots(self.config.staging.workers, os.cpu_count() or 1)
        return staging + sum(target.workers for target in self.config.targets.values())

    def sending(self) -> Mapping[str, int]:
        """Target -> tickets being sent now."""
        with self._lock:
            return dict(self._sending)
