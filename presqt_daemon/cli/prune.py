"""`prune`: what may go by the rules of retention, or zips that the operator gives up."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import CommandRefusal, Exit
from presqt_daemon.cli.output.show import complain
from presqt_daemon.cli.output.text import shown
from presqt_daemon.cli.tickets.find import NotTakenYetError, all_infos, find_ticket
from presqt_daemon.cli.tickets.follow import read_status
from presqt_daemon.config import Config
from presqt_daemon.tickets.claim_record import ClaimRecordError
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


def main(context: Context) -> int:
    """0; what is removed is printed. Each ticket is held meanwhile, so that no daemon minds."""
    config = context.config()
    dry_run: bool = context.options.dry_run
    if context.options.unverified is not None:
        folder = _ended(config, context.options.unverified)
        _remove(folder, lambda _info: frozenset({RemovablePart.PAYLOAD}), dry_run=dry_run)
        return Exit.OK
    uploads = Uploads(config.mediafiles)
    now = datetime.now(UTC)
    if context.options.rejected_from is not None:
        _remove_rejected(config, context.options.rejected_from, dry_run=dry_run)
        return Exit.OK
    for folder, found in sorted(all_infos(uploads), key=lambda pair: pair[0].ticket):
        if not isinstance(found, ProcessInfo):
            complain(f"ticket {folder.ticket} is left alone: its status cannot be read ({found})")
        elif parts_due(found, now, config.retention):
            _remove(folder, lambda info: parts_due(info, now, config.retention), dry_run=dry_run)
    if not dry_run and uploads.root.is_dir():
        sweep_gone(uploads.root)
    return Exit.OK


def _remove_rejected(config: Config, wanted: str, *, dry_run: bool) -> None:
    """Remove the zips of rejected drops of one inbox folder, and of those below it, at once."""
    place = Path(os.path.realpath(config.inbox / wanted))
    uploads = Uploads(config.mediafiles)
    for folder, found in sorted(all_infos(uploads), key=lambda pair: pair[0].ticket):
        if isinstance(found, ProcessInfo) and is_rejected(found) and _came_through(folder, place):
            _remove(
                folder,
                lambda info: frozenset({RemovablePart.PAYLOAD} if is_rejected(info) else ()),
                dry_run=dry_run,
            )


def _came_through(folder: TicketFolder, place: Path) -> bool:
    try:
        return Path(folder.read_claim().inbox_folder).is_relative_to(place)
    except ClaimRecordError:
        return False


def _ended(config: Config, wanted: str) -> TicketFolder:
    try:
        folder = find_ticket(config, wanted)
    except NotTakenYetError as waiting:
        raise CommandRefusal(
            f"{shown(str(waiting.path))} has no ticket yet", Exit.UNKNOWN_TICKET
        ) from None
    if read_status(folder).is_open:
        raise CommandRefusal(
            f"ticket {folder.ticket} has not ended: cancel it first", Exit.NOT_POSSIBLE
        )
    if not folder.receipt.exists():
        raise CommandRefusal(
            f"ticket {folder.ticket} has no record yet: run prepare-upgrade first",
            Exit.NOT_POSSIBLE,
        )
    return folder


def _remove(
    folder: TicketFolder,
    parts_of: Callable[[ProcessInfo], frozenset[RemovablePart]],
    *,
    dry_run: bool,
) -> None:
    """Remove, or only list; a failure is told and the next ticket goes on."""
    try:
        paths = removable(folder, parts_of(folder.read_info()))
        sizes = {path: _bytes_in(path) for path in paths}
        if not dry_run:
            paths = expire(folder, parts_of)
    except (HeldError, InfoError) as error:
        complain(f"{error}; what is left goes next time")
        return
    except OSError as error:
        complain(f"ticket {folder.ticket}: {error.strerror}; what is left goes next time")
        return
    for path in paths:
        verb = "would remove" if dry_run else "removed"
        print(f"{verb} {shown(str(path))} ({text_from_bytes(sizes.get(path, 0))})")


def _bytes_in(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; links are not followed."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(item.lstat().st_size for item in path.rglob("*") if not item.is_dir())
