"""What a worker logs goes to the daemon, which alone knows what has been said before."""

import contextlib
import logging
from collections.abc import Callable, Iterator

from presqt_daemon.messages import Remark
from presqt_daemon.system.logs import ROOT


class _Relay(logging.Handler):
    """Hands each record on as a `Remark`; those of no group are one by the text they are made of.

    A daemon that is gone hears nothing, and its worker ends for that reason elsewhere.
    """

    def __init__(self, tell: Callable[[Remark], None]) -> None:
        super().__init__()
        self._tell = tell
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        kind, _ = getattr(record, "group", (str(record.msg), ""))
        trace = self._formatter.formatException(record.exc_info) if record.exc_info else ""
        with contextlib.suppress(OSError):
            self._tell(
                Remark(
                    kind=kind,
                    level=record.levelno,
                    text=record.getMessage(),
                    trace=trace,
                    once=getattr(record, "once", False),
                )
            )


@contextlib.contextmanager
def log_relayed(tell: Callable[[Remark], None]) -> Iterator[None]:
    """While it lasts, what this process logs is told and not written."""
    logger = logging.getLogger(ROOT)
    before = logger.handlers[:]
    logger.handlers[:] = [_Relay(tell)]
    try:
        yield
    finally:
        logger.handlers[:] = before
