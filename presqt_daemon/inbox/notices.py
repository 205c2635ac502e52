"""What lanes say in the log: each cause once, and for each kind and folder one line a minute."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass

LINE_SECONDS = 60.0
MAX_CAUSES = 10_000
"""Of one kind in one folder; what is beyond is not said at all, so that it is not said again."""

Group = tuple[str, Hashable]
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Lines:
    """When a group had its last line, and what it has kept to itself since."""

    since: float
    level: int
    untold: int = 0


class Notices:
    """Keeps senders from filling the log. A lane's thread and its copying threads use it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._raised: dict[Hashable, Group] = {}
        self._causes: Counter[Group] = Counter()
        self._lines: dict[Group, _Lines] = {}

    def warn(self, key: Hashable, message: str, kind: str = "") -> None:
        """Say it, unless it has been said under this key; a key is a place, or begins with one."""
        place = key[0] if isinstance(key, tuple) and key else key
        group = (kind, place)
        with self._lock:
            if key in self._raised or self._causes[group] >= MAX_CAUSES:
                return
            self._raised[key] = group
            self._causes[group] += 1
        self.say(logging.WARNING, kind, place, message)

    def say(self, level: int, kind: str, place: Hashable, message: str) -> None:
        """Say it, or count it where this kind has had its line for this place in this minute."""
        now = self._clock()
        with self._lock:
            lines = self._lines.get((kind, place))
            if lines is not None and now - lines.since < LINE_SECONDS:
                lines.untold += 1
                return
            untold = 0 if lines is None else lines.untold
            self._lines[kind, place] = _Lines(since=now, level=level)
        more = f" (and {untold} more of this kind before)" if untold else ""
        _log.log(level, "%s%s", message, more)

    def flush(self) -> None:
        """Say how many there were of each kind whose minute is over."""
        now = self._clock()
        with self._lock:
            due = [
                (group, lines)
                for group, lines in self._lines.items()
                if now - lines.since >= LINE_SECONDS
            ]
            for group, lines in due:
                if lines.untold:
                    self._lines[group] = _Lines(since=now, level=lines.level)
                else:
                    del self._lines[group]
        for (kind, place), lines in due:
            if lines.untold:
                shown = getattr(place, "shown", place)
                what = f"{lines.untold} more of this kind in the last minute"
                _log.log(lines.level, "%s: %s%s", shown, f"{kind}: " if kind else "", what)

    def clear(self, key: Hashable, message: str = "") -> None:
        """The cause is gone; the message, if any, is said when there was one."""
        with self._lock:
            group = self._raised.pop(key, None)
            if group is not None:
                self._causes[group] -= 1
        if group is not None and message:
            _log.info("%s", message)
