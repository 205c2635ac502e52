"""What an operator has put on hold: files in `mediafiles/control/`, which last until they go.

| file | holds |
|---|---|
| `hold` | everything |
| `<target>.hold` | what goes to that target |
| `<ticket>.hold` | that ticket |

Such a file is the hold itself: nothing else is kept, so that no restart and no crash changes it,
and a folder listing shows it. `resume`, `<target>.resume` and `<ticket>.resume` take it away.
"""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from presqt_daemon.system.files import create_file, sync_folder
from presqt_daemon.tickets.store import is_ticket

HOLD = "hold"
RESUME = "resume"
_LAST_SECOND = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
"""A file may have any time, and a calendar has not."""

ON_HOLD = "hold"
"""What `waiting_for` says of a ticket that is kept from being sent."""


@dataclass(frozen=True, slots=True)
class Holds:
    """Who is on hold, each with the moment since which it is; `everything` None: not all."""

    everything: datetime | None = None
    named: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    """Target or ticket -> since when."""

    def __bool__(self) -> bool:
        """Whether anything is on hold."""
        return self.everything is not None or bool(self.named)

    def cover(self, ticket: str, target: str | None) -> bool:
        """Whether nothing of this ticket may be sent."""
        return self.everything is not None or ticket in self.named or target in self.named

    def reason(self, ticket: str, target: str | None) -> str | None:
        """For the sender: what holds a ticket, and that it will go on; None: nothing does."""
        for name, what in ((ticket, "this ticket"), (target, str(target)), (None, "all sending")):
            since = self.everything if name is None else self.named.get(name)
            if since is not None:
                return (
                    f"On hold: the operator has put {what} on hold at "
                    f"{since:%Y-%m-%d %H:%M} UTC. The drop is safe, and goes on by itself when "
                    "that ends."
                )
        return None

    @property
    def tickets(self) -> frozenset[str]:
        """The tickets that are held by their number."""
        return frozenset(filter(is_ticket, self.named))

    @property
    def targets(self) -> frozenset[str]:
        """The targets that are held by their name."""
        return frozenset(self.named) - self.tickets


def name_of_hold(name: str | None) -> str:
    """The file that holds a target or a ticket, with None everything."""
    return HOLD if name is None else f"{name}.{HOLD}"


def hold_in(file_name: str, wanted: str = HOLD) -> tuple[bool, str | None]:
    """Whether a file in `control/` is a hold, and of whom; None stands for everything.

    With `RESUME` whether it ends one.
    """
    name, dot, word = file_name.rpartition(".")
    return word == wanted and (not dot or bool(name)), name or None


def read_holds(control: Path) -> Holds:
    """The holds that lie in the folder; none where there is no folder yet. Raises OSError."""
    everything, named = None, {}
    try:
        entries = os.scandir(control)
    except FileNotFoundError:
        return Holds()
    with entries:
        for entry in entries:
            is_hold, name = hold_in(entry.name)
            if not is_hold or entry.is_dir(follow_symlinks=False):
                continue
            with contextlib.suppress(FileNotFoundError):
                seconds = entry.stat(follow_symlinks=False).st_mtime
                since = datetime.fromtimestamp(min(max(seconds, 0.0), _LAST_SECOND), UTC)
                if name is None:
                    everything = since
                else:
                    named[name] = since
    return Holds(everything, MappingProxyType(named))


def put_on_hold(control: Path, name: str | None) -> bool:
    """Hold a target or ticket (None: everything), durably; False where it was on hold already.

    Raises OSError.
    """
    control.mkdir(mode=0o700, exist_ok=True)
    try:
        create_file(control / name_of_hold(name), b"", mode=0o600)
    except FileExistsError:
        return False
    return True


def end_hold(control: Path, name: str | None) -> bool:
    """End a hold, durably; False where there was none. Raises OSError."""
    try:
        (control / name_of_hold(name)).unlink()
    except (FileNotFoundError, IsADirectoryError):
        return False
    sync_folder(control)
    return True
