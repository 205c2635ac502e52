"""Which ticket a start has in hand, for the next start, should this one die over it.

One fixed file, `mediafiles/.in-hand`: the ticket, and how many starts have died with it before.
"""

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import open_regular, remove_tree
from presqt_daemon.tickets.store import is_ticket

IN_HAND_NAME = ".in-hand"
_MAX_BYTES = 64


@dataclass(slots=True)
class InHand:
    """Used by one thread, from `open` to `close`; a start that dies between leaves the file.

    `died` tells with which ticket the last starts died, and how many of them.
    """

    mediafiles: Path
    died: tuple[str, int] | None = None
    _handle: int | None = field(default=None)

    def open(self) -> Self:
        """Read what a start that died has left, and begin to note. Raises OSError."""
        path = self.mediafiles / IN_HAND_NAME
        self.died = _read(path)
        remove_tree(path)  # a folder too: nobody but this module has anything under this name
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._handle = os.open(path, flags, 0o600)
        if self.died is not None:
            self._write(*self.died)
        return self

    def take(self, ticket: str) -> None:
        """The next look is at this ticket. It costs one write, and waits for no disk."""
        name, deaths = self.died or ("", 0)
        self._write(ticket, deaths if ticket == name else 0)
        reach("start-in-hand")

    def rest(self) -> None:
        """No ticket is in hand now."""
        self._write("", 0)

    def close(self) -> None:
        """The start is over; nobody died."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
            with contextlib.suppress(OSError):
                (self.mediafiles / IN_HAND_NAME).unlink()

    def _write(self, ticket: str, deaths: int) -> None:
        if self._handle is not None:
            with contextlib.suppress(OSError):
                os.pwrite(self._handle, f"{ticket:36} {deaths:8}\n".encode("ascii"), 0)


def _read(path: Path) -> tuple[str, int] | None:
    try:
        with open_regular(path) as stream:
            name, _, count = stream.read(_MAX_BYTES).decode("ascii").partition(" ")
            return (name, int(count) + 1) if is_ticket(name) else None
    except (OSError, ValueError):
        return None
