"""How many bags are staged at once, and whose: shared by size and by inbox folder.

One place is kept for small bags, so that none waits for large ones. One more, beyond the
configured ones, is a guest's: for a folder that has none, when others hold all there are. So no
group of senders takes all places, and a site with one group is as fast as before.
"""

import threading
from dataclasses import dataclass, field, replace

from presqt_daemon.config import StagingConfig

OUTGROWN_SECONDS = 30.0
OUTGROWN_BYTES_PER_SECOND = 2e6
"""A small bag that takes longer than this explains is no small one, whatever its size."""


@dataclass(frozen=True, slots=True)
class StagingPlace:
    """A place that a ticket holds."""

    folder: str
    is_large: bool
    is_guest: bool = False


def stage_slots(configured: int, cores: int) -> int:
    """How many bags are staged at once: at least two, so that one slot is left for small bags."""
    return max(2, configured or cores)


def small_seconds(size: int, staging: StagingConfig) -> float:
    """How long a bag of so many bytes may take and still count as small.

    The operator's own check takes its time with any bag, a small one too.
    """
    check = 0.0 if staging.check_command is None else staging.check_time_limit
    return OUTGROWN_SECONDS + size / OUTGROWN_BYTES_PER_SECOND + check


@dataclass(slots=True)
class StagingPlaces:
    """Who holds which place. Safe from several threads."""

    _held: dict[str, StagingPlace] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, ticket: str, folder: str, *, is_large: bool, slots: int) -> bool:
        """Take a place, if there is one for a bag of that folder and size."""
        with self._lock:
            plain = [place for place in self._held.values() if not place.is_guest]
            large = sum(place.is_large for place in plain)
            if len(plain) < slots and not (is_large and large >= slots - 1):
                self._held[ticket] = StagingPlace(folder, is_large)
                return True
            has_guest = len(plain) < len(self._held)
            if has_guest or any(place.folder == folder for place in self._held.values()):
                return False
            self._held[ticket] = StagingPlace(folder, is_large, is_guest=True)
            return True

    def end(self, ticket: str) -> None:
        """Give the place back."""
        with self._lock:
            self._held.pop(ticket, None)

    def count(self, folder: str) -> int:
        """How many places a folder's bags hold."""
        with self._lock:
            return sum(place.folder == folder for place in self._held.values())

    def outgrow(self, ticket: str, slots: int) -> bool:
        """Count a bag as a large one from now on; False when no large one's place is free.

        Then it holds a place that is not meant for it, and has to leave.
        """
        with self._lock:
            place = self._held.get(ticket)
            if place is None or place.is_large:
                return True
            large = sum(held.is_large and not held.is_guest for held in self._held.values())
            if place.is_guest or large >= slots - 1:
                return False
            self._held[ticket] = replace(place, is_large=True)
            return True
