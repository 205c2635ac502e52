"""Log lines: one fact a line, the ticket first, nothing in them that could forge another line.

What a sender can cause again and again is said through `shared_log`.
"""

import logging
import re
import sys
from typing import TextIO

from presqt_daemon.safe_text import UNSAFE, escape
from presqt_daemon.system.log_shares import LogShares

ROOT = "presqt_daemon"
_UNSAFE = re.compile(UNSAFE)
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
    escaped = _UNSAFE.sub(escape, text)
    return _SECRET.sub(r"\1***", escaped)


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
