"""A machine short of threads, processes, handles or memory makes work wait, and nothing else."""

import errno
import logging
import threading
import time
from collections.abc import Callable

WARN_EVERY_SECONDS = 60.0

_SHORT = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
_log = logging.getLogger(__name__)
_warned_at = float("-inf")


def start_thread(work: Callable[[], None], name: str) -> threading.Thread | None:
    """A thread at its work, None where none can be had now: ask again later.

    It holds up no end of the process. That none can be had is logged once a minute.
    """
    global _warned_at  # noqa: PLW0603  (one process, one shortage)
    thread = threading.Thread(target=work, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        now = time.monotonic()
        if now - _warned_at >= WARN_EVERY_SECONDS:
            _warned_at = now
            _log.warning("no thread can be started now, so work waits (%s): %s", name, error)
        return None
    return thread


def is_shortage(error: BaseException) -> bool:
    """Whether the machine had no thread, process, handle or kernel memory for what failed."""
    if isinstance(error, OSError):
        return error.errno in _SHORT
    return isinstance(error, RuntimeError) and str(error).startswith("can't start new thread")
