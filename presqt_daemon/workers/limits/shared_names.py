"""What one ticket at a time may have among all hosts: a name in a folder that they share.

Made with O_EXCL, which every share keeps; the file holds the ticket, which may take it again, and
the process that took it. A host that dies leaves it to the next run of the same ticket, or to the
daemon when nobody has that ticket; one that thaws afterwards lets go of nothing that is another's.
"""

import contextlib
import hashlib
import os
from pathlib import Path

from presqt_daemon.system.host import instance_id

FOLDER_NAME = ".engine"


class SharedNames:
    """The names in `mediafiles/.engine/`; used by runs on any host."""

    def __init__(self, mediafiles: Path, instance: str | None = None) -> None:
        self._instance = instance or instance_id()
        self._folder = mediafiles / FOLDER_NAME
        self._taken: dict[str, set[Path]] = {}

    def take(self, kind: str, key: object, ticket: str) -> bool:
        """Have the name of a thing; False while another ticket has it. Raises OSError."""
        digest = hashlib.sha256(repr(key).encode()).hexdigest()[:32]
        path = self._folder / f"{kind}-{digest}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with contextlib.suppress(FileExistsError):
            self._folder.mkdir(mode=0o700)
        try:
            handle = os.open(path, flags, 0o600)
        except FileExistsError:
            if _holder(path)[0] != ticket:
                return False
            handle = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.write(handle, f"{ticket} {self._instance}".encode())
        finally:
            os.close(handle)
        self._taken.setdefault(ticket, set()).add(path)
        return True

    def free(self, ticket: str, kind: str = "") -> None:
        """Let others have what this process took for a ticket."""
        taken = self._taken.pop(ticket, set())
        for path in taken:
            if path.name.startswith(kind):
                _remove(path, ticket, self._instance)
            else:
                self._taken.setdefault(ticket, set()).add(path)

    def tickets(self) -> set[str]:
        """Those that have a name, by any host."""
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return set()
        return {_holder(self._folder / name)[0] for name in names} - {""}

    def free_all(self, ticket: str) -> None:
        """Let others have what any host took for a ticket that has ended."""
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(self._folder):
                _remove(self._folder / name, ticket)


def _holder(path: Path) -> tuple[str, str]:
    """The ticket that has a name, and the process that took it; empty texts for nobody."""
    with contextlib.suppress(OSError):
        ticket, _, instance = path.read_text("ascii", "replace").partition(" ")
        return ticket, instance
    return "", ""


def _remove(path: Path, ticket: str, instance: str | None = None) -> None:
    found = _holder(path)
    if found[0] == ticket and instance in {None, found[1]}:
        with contextlib.suppress(OSError):
            path.unlink()
