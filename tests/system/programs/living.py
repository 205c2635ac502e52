"""Waiting for other processes to begin and to end."""

import time
from collections.abc import Callable

import psutil

LONG = 120.0
"""Seconds that no test comes near, however busy the machine is."""


def wait_until(predicate: Callable[[], bool], seconds: float = LONG) -> None:
    """Return as soon as it holds; AssertionError after that time."""
    deadline = time.monotonic() + seconds
    while not predicate():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not waited for yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
