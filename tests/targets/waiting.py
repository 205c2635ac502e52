"""Waiting for something to become true, in tests that watch other processes."""

import time
from collections.abc import Callable


def wait_until(is_true: Callable[[], object], *, seconds: float = 20.0) -> None:
    """Return as soon as it is true; AssertionError after that time."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it did not become true"
        time.sleep(0.01)
