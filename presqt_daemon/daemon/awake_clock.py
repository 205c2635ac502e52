"""A clock that stands still while this process does.

So a pause of its container, or of the whole machine, uses up no time limit of a ticket.
"""

import threading
import time
from collections.abc import Callable

LONGEST_GAP_SECONDS = 3.0
"""The daemon's loop asks every second, each run four times as often. Where nobody has asked for so
long, everything stood still: frozen (cgroup freezer, SIGSTOP), or without a turn of a processor."""


class AwakeClock:
    """Monotonic seconds without the gaps in which nobody looked; safe from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen = clock()
        self._lost = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        """The moment. Of a gap only as much counts as may pass between two looks."""
        with self._lock:
            now = self._clock()
            if now - self._seen > LONGEST_GAP_SECONDS:
                self._lost += now - self._seen - LONGEST_GAP_SECONDS
            self._seen = now
            return now - self._lost
