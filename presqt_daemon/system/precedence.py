"""Letting others have the processor first: staging and uploading a little, a job all the way."""

import contextlib
import os
from pathlib import Path

import psutil

LOWEST = 19


def step_back(niceness: int) -> None:
    """Let others go before this process, as far as that is allowed.

    Linux weighs sessions against each other before the processes in them (sched(7), autogroup), so
    that in a session of its own a process is not nice before its session is. A session that others
    are in, as a person's terminal, stays as it is: its niceness would outlast this process.
    """
    with contextlib.suppress(OSError):
        os.nice(niceness)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(niceness), encoding="ascii")


def yield_to_others() -> None:
    """Take this process's turns only where nobody else wants them, as far as that is allowed."""
    step_back(LOWEST)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError, psutil.Error):
        psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)
