"""`prune`: what may go by the rules of retention, or zips that the operator gives up."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import Exit, not_possible
from presqt_daemon.cli.output.progress import bytes_of
from presqt_daemon.cli.output.show import complain, shown
from presqt_daemon.cli.tickets.find import all_infos, find_taken, read_status, require_claim
from presqt_daemon.config import Config
from presqt_daemon.tickets.locks import HeldError
from presqt_daemon.tickets.process_info import InfoError, ProcessInfo
from presqt_daemon.tickets.retention import (
    RemovablePart,
    expire,
    is_rejected,
    parts_due,
    removable,
    sweep_gone,
)
from presqt_daemon.tickets.store import TicketFolder, Uploads
from presqt_daemon.units import text_from_bytes


@dataclass(slots=True)
class _Removal:
    """Removes parts of tickets, or only lists them, and counts both."""

    dry_run: bool
    parts: int = 0
    freed: int = 0
    left: int = 0

    def summary(self) -> str:
        """What was done in all, also where that was nothing."""
        if not self.parts:
            done = f"nothing {'would go' if self.dry_run else 'had to go'}"
        else:
            verb = "would be removed" if self.dry_run else "removed"
            counted = f"{self.parts} file{'' if self.parts == 1 else 's or folders'}"
            done = f"{counted} {verb}, {text_from_bytes(self.freed)}"
        return f"{done}; {self.left} left for next time" if self.left else done


def main(context: Context) -> int:
    """0; what is removed is printed. Each ticket is held meanwhile, so that no daemon minds."""
    config, options = context.config(), context.options
    removal = _Removal(options.dry_run)
    if options.unverified is not None:
        folder = _ended(config, options.unverified)
        _remove(folder, lambda _info: frozenset({RemovablePart.PAYLOAD}), removal)
    else:
        _remove_from_all(config, options.rejected_from, removal)
    print(removal.summary())
    return Exit.OK


def _remove_from_all(config: Config, rejected_from: str | None, removal: _Removal) -> None:
    """Remove what the rules of retention let go.

    Or at once the zips of rejected drops of one inbox folder (`rejected_from`), and of those below.
    """
    uploads = Uploads(config.mediafiles)
    now = datetime.now(UTC)
    place = Path(os.path.realpath(config.inbox / (rejected_from or "")))
    if rejected_from is not None and not place.is_dir():
        complain(f"the inbox has no folder {shown(rejected_from)}")

    def due(info: ProcessInfo) -> frozenset[RemovablePart]:
        if rejected_from is None:
            return parts_due(info, now, config.retention)
        return frozenset({RemovablePart.PAYLOAD} if is_rejected(info) else ())

    for folder, found in sorted(all_infos(uploads), key=lambda pair: pair[0].ticket):
        if not isinstance(found, ProcessInfo):
            complain(f"ticket {folder.ticket} is left alone: its status cannot be read ({found})")
        elif due(found) and (rejected_from is None or _came_through(folder, place)):
            _remove(folder, due, removal)
    if rejected_from is None and not removal.dry_run and uploads.root.is_dir():
        sweep_gone(uploads.root)


def _came_through(folder: TicketFolder, place: Path) -> bool:
    require_claim(folder)
    claim = folder.read_claim()
    return claim is not None and Path(claim.inbox_folder).is_relative_to(place)


def _ended(config: Config, wanted: str) -> TicketFolder:
    folder = find_taken(config, wanted, "has no ticket yet", Exit.UNKNOWN_TICKET)
    if read_status(folder).is_open:
        raise not_possible(f"ticket {folder.ticket} has not ended: cancel it first")
    if not folder.receipt.exists():
        raise not_possible(f"ticket {folder.ticket} has no record yet: run prepare-upgrade first")
    return folder


def _remove(
    folder: TicketFolder,
    parts_of: Callable[[ProcessInfo], frozenset[RemovablePart]],
    removal: _Removal,
) -> None:
    """Remove, or only list; a failure is told and the next ticket goes on."""
    try:
        paths = removable(folder, parts_of(folder.read_info()))
        sizes = {path: bytes_of(path) for path in paths}
        if not removal.dry_run:
            paths = expire(folder, parts_of)
    except (HeldError, InfoError, OSError) as error:
        is_ours = isinstance(error, HeldError | InfoError)
        told = error if is_ours else f"ticket {folder.ticket}: {getattr(error, 'strerror', '')}"
        complain(f"{told}; what is left goes next time")
        removal.left += 1
        return
    for path in paths:
        verb = "would remove" if removal.dry_run else "removed"
        size = sizes.get(path, 0)
        removal.parts += 1
        removal.freed += size
        print(f"{verb} {shown(str(path))} ({text_from_bytes(size)})")
