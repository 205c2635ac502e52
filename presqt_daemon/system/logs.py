"""Log lines: one fact a line, the ticket first, nothing in them that could forge another line.

What a sender can cause again and again is said through `shared_log`: the log is shared by inbox
folder, and of each kind of line each folder has one a minute. So no sender fills the log, or hides
somebody else's line in it. What is kept back is counted, and the count is told when the minute is
over, or when the program ends.
"""

import logging
import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from presqt_daemon.safe_text import on_one_line

ROOT = "presqt_daemon"
LINE_SECONDS = 60.0

Group = tuple[str, str]
"""A kind of line, and the target in whose inbox folder it was caused (none: the inbox itself)."""

_SECRET = re.compile(
    r"(?i)((?:authorization|private-token|x-dataverse-key|access_token|upload_token|"
    r"x-amz-signature|x-amz-credential)['\"]?\s*[:=]\s*['\"]?(?:bearer\s+|token\s+)?)"
    r"[^\s'\"&,}]+"
)
_PRIORITY = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}


def clean(text: str) -> str:
    """The text on one line: controls, directions and what cannot be seen are escaped.

    Known secrets are replaced by `***`.
    """
    return _SECRET.sub(r"\1***", on_one_line(text))


class _Formatter(logging.Formatter):
    """`<ticket> message`; under the journal `<N>` in front, else time and level."""

    def __init__(self, *, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        ticket = getattr(record, "ticket", None)
        text = record.getMessage().encode("utf-8", "backslashreplace").decode()
        if more := getattr(record, "kept_back", 0):
            text += f" (and {more} more of this kind before)"
        line = clean(f"{ticket} {text}" if ticket else text)
        trace = getattr(record, "trace", "")
        if record.exc_info:
            trace = self.formatException(record.exc_info)
        line += "".join(f"\n    {clean(row)}" for row in trace.splitlines())
        if self._journal:
            return f"<{_PRIORITY.get(record.levelname, 6)}>{line}"
        return f"{self.formatTime(record, '%Y-%m-%d %H:%M:%S')} {record.levelname:<7} {line}"


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


def open_log(verbosity: int, *, journal: bool, stream: TextIO | None = None) -> None:
    """Send the package's log to a stream (stderr); verbosity 0 shows facts, 1 and more details."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Formatter(journal=journal))
    handler.addFilter(LogShares())
    logger = logging.getLogger(ROOT)
    logger.handlers[:] = [handler]
    logger.setLevel(logging.DEBUG if verbosity else logging.INFO)
    logger.propagate = False


def ticket_log(ticket: str) -> logging.LoggerAdapter[logging.Logger]:
    """A logger whose lines begin with the ticket."""
    return logging.LoggerAdapter(logging.getLogger(ROOT), {"ticket": ticket})


def shared_log(
    kind: str,
    target: str | None,
    ticket: str | None = None,
    *,
    trace: str = "",
    once: bool = False,
) -> logging.LoggerAdapter[logging.Logger]:
    """A logger for what drops into a target's inbox folder (None: the inbox itself) cause.

    One line a minute of each kind and folder is written, with a count of the others; below it the
    rows of `trace`. What is to be said `once` is written when its text has not been yet.
    """
    group = (kind, target or "")
    extra = {"ticket": ticket, "group": group, "trace": trace, "once": once}
    return logging.LoggerAdapter(logging.getLogger(ROOT), extra)


def tell_kept_back(*, at_end: bool = False) -> None:
    """Write how many lines were kept back; called now and then, and once at the end."""
    logger = logging.getLogger(ROOT)
    for handler in logger.handlers:
        for shares in handler.filters:
            if isinstance(shares, LogShares):
                for level, line in shares.take_counts(at_end=at_end):
                    logger.log(level, "%s", line)
