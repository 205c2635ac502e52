"""The log is shared by inbox folder: of each kind of line, each folder has one a minute.

So no sender fills the log, or hides somebody else's line in it. What is kept back is counted, and
the count is told when the minute is over, or when the program ends.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

LINE_SECONDS = 60.0

Group = tuple[str, str]
"""A kind of line, and the target in whose inbox folder it was caused (none: the inbox itself)."""


@dataclass(slots=True)
class _Lines:
    """When a group had its last line, and how many it has kept back since."""

    since: float
    level: int
    kept_back: int = 0


class LogShares(logging.Filter):
    """Lets a record with a `group` pass once a minute, and every other one always.

    One that passes says in `kept_back` how many were kept back before it. One that is marked `once`
    passes when its text has not been written yet. Safe from all threads.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._lines: dict[Group, _Lines] = {}
        self._said: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be written."""
        if getattr(record, "once", False):
            text = record.getMessage()
            with self._lock:
                is_new = text not in self._said
                self._said.add(text)
            return is_new
        group: Group | None = getattr(record, "group", None)
        if group is None:
            return True
        now = self._clock()
        with self._lock:
            lines = self._lines.get(group)
            if lines is not None and now - lines.since < LINE_SECONDS:
                lines.kept_back += 1
                return False
            record.kept_back = 0 if lines is None else lines.kept_back
            self._lines[group] = _Lines(since=now, level=record.levelno)
        return True

    def take_counts(self, *, at_end: bool = False) -> list[tuple[int, str]]:
        """Lines to write now, each with its level: how many were kept back of which group.

        Of groups whose minute is over; `at_end` of all.
        """
        now = self._clock()
        told = []
        with self._lock:
            for (kind, target), lines in list(self._lines.items()):
                if now - lines.since < LINE_SECONDS and not at_end:
                    continue
                if not lines.kept_back:
                    del self._lines[kind, target]
                    continue
                folder = f"inbox/{target}" if target else "inbox"
                told.append((lines.level, f"{folder}: {kind}: {lines.kept_back} more of this kind"))
                self._lines[kind, target] = _Lines(since=now, level=lines.level)
        return told
