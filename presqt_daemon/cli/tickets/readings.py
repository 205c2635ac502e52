"""The statuses of all tickets, read once and then only where something has changed."""

import os
import stat
from dataclasses import dataclass, field

from presqt_daemon.cli.output.figures import TicketRate, is_at_work
from presqt_daemon.system.files import NO_FILE
from presqt_daemon.tickets.legacy import read_any_info
from presqt_daemon.tickets.process_info import InfoError, ProcessInfo
from presqt_daemon.tickets.store import INFO_NAME, Uploads, is_ticket

ENDED_EVERY = 16
"""An ended ticket changes when it is retried or goes: it is looked at in one of so many turns."""

LISTED_EVERY = 16
"""The folder of all tickets is listed when it has changed, and in one of so many turns anyway."""

_Mark = tuple[int, int, int]


@dataclass(slots=True)
class TicketReadings:
    """Every ticket's status as it was read last; used by one thread.

    `damaged` says of tickets why their status cannot be read. `rates` are those of tickets at work.
    """

    uploads: Uploads
    infos: dict[str, ProcessInfo] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)
    rates: dict[str, TicketRate] = field(default_factory=dict)
    reads: int = 0
    """How many status files were opened, ever."""

    _marks: dict[str, _Mark] = field(default_factory=dict)
    _names: list[str] = field(default_factory=list)
    _listed: int = -1
    _turn: int = -1

    def refresh(self) -> set[str]:
        """Read what has changed since the last time; the tickets that have changed or are gone."""
        self._turn += 1
        try:
            root = os.open(self.uploads.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            gone = set(self._marks)
            for name in gone:
                self._forget(name)
            self._listed = -1
            return gone
        try:
            changed = self._list(root)
            for number, name in enumerate(self._names):
                info = self.infos.get(name)
                is_due = info is None or info.is_open or (number - self._turn) % ENDED_EVERY == 0
                if is_due and self._look_again(root, name):
                    changed.add(name)
        finally:
            os.close(root)
        return changed

    def _list(self, root: int) -> set[str]:
        """List the tickets where that is due; those that are gone."""
        mtime = os.fstat(root).st_mtime_ns
        if mtime == self._listed and self._turn % LISTED_EVERY:
            return set()
        self._listed = mtime
        self._names = [name for name in os.listdir(root) if is_ticket(name)]
        gone = self._marks.keys() - set(self._names)
        for name in gone:
            self._forget(name)
        return set(gone)

    def _look_again(self, root: int, name: str) -> bool:
        """Read one ticket's status if its file is another one than before; whether it was."""
        try:
            found = os.stat(f"{name}/{INFO_NAME}", dir_fd=root, follow_symlinks=False)
            mark = (found.st_mtime_ns, found.st_ino, found.st_size)
        except OSError as error:
            if error.errno in NO_FILE and not _is_folder(root, name):
                return False  # no ticket, or gone since it was listed
            mark = (0, 0, 0)
        if self._marks.get(name) == mark:
            return False
        self._marks[name] = mark
        self.reads += 1
        try:
            info = read_any_info(self.uploads.folder(name))
        except InfoError as error:
            self.infos.pop(name, None)
            self.rates.pop(name, None)
            self.damaged[name] = str(error)
            return True
        self.damaged.pop(name, None)
        self.infos[name] = info
        if is_at_work(info):
            self.rates.setdefault(name, TicketRate()).add(info)
        else:
            self.rates.pop(name, None)
        return True

    def _forget(self, name: str) -> None:
        for known in (self.infos, self.damaged, self.rates, self._marks):
            known.pop(name, None)


def _is_folder(root: int, name: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=root, follow_symlinks=False).st_mode)
    except OSError:
        return False
