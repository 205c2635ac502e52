"""What the daemon asks of a run on another host: one word in a file of the ticket's folder.

The file is made before the run begins and written in place: an NFS client asks its server about a
file that it opens, but not about a name that was missing a moment ago.
"""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

REQUEST_NAME = ".requested"
REQUEST_BYTES = 16
LOOK_SECONDS = 1.0
CANCEL, STOP, HOLD, NOTHING = "cancel", "stop", "hold", ""


def write_request(folder: Path, word: str) -> None:
    """Ask for something, or for nothing any more. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    handle = os.open(folder / REQUEST_NAME, flags, 0o600)
    try:
        os.pwrite(handle, word.encode("ascii").ljust(REQUEST_BYTES), 0)
    finally:
        os.close(handle)


def forget_request(folder: Path) -> None:
    """Remove the file of a ticket that has ended."""
    with contextlib.suppress(OSError):
        (folder / REQUEST_NAME).unlink()


class RequestedByFile:
    """What is asked of one run, as `Interruption` says it; looked at once a second."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._word = NOTHING
        self._looked = float("-inf")

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody has cancelled the ticket."""
        return self._read() == CANCEL

    @property
    def stop_by(self) -> float | None:
        """A moment that has passed where the run is to end now, else None."""
        return float("-inf") if self._read() == STOP else None

    @property
    def is_held(self) -> bool:
        """Whether nothing may be sent that has not begun to be."""
        return self._read() == HOLD

    def _read(self) -> str:
        now = self._clock()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            try:
                handle = os.open(self._folder / REQUEST_NAME, flags)
                try:
                    self._word = os.read(handle, REQUEST_BYTES).decode("ascii", "replace").strip()
                finally:
                    os.close(handle)
            except OSError:
                # nobody can ask now; what was asked before holds
                return self._word
        return self._word
