"""Which ticket a person means: by its number, the beginning of it, or a file's name."""

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from presqt_daemon.cli.command_line.exits import CommandRefusal, Exit, refused
from presqt_daemon.cli.output.show import capped, complain, shown
from presqt_daemon.config import Config
from presqt_daemon.system.files import printable_name
from presqt_daemon.tickets.claim_record import NAME_MAX_BYTES, NOTE_SUFFIX, shorten_name
from presqt_daemon.tickets.legacy import read_any_info
from presqt_daemon.tickets.process_info import InfoError, ProcessInfo
from presqt_daemon.tickets.store import CLAIM_NAME, TicketFolder, Uploads, is_ticket

MIN_PREFIX = 4
_NOTE = re.compile(r"(?s)(?P<stem>.+)\.(?P<prefix>[0-9a-f]{8})\.ticket\.json")
_PREFIX = re.compile(rf"[0-9a-f][0-9a-f-]{{{MIN_PREFIX - 1},35}}")
_MAX_NOTE_BYTES = 64 << 10


class NotTakenYetError(Exception):
    """The file that is meant still lies in the inbox; `path` says where."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path


def find_ticket(config: Config, wanted: str) -> TicketFolder:
    """The folder of the one ticket that is meant.

    `wanted` is a ticket number, at least four characters of its beginning, the inbox note of a
    drop, or the drop's name; of several drops with one name the newest is meant.
    Raises NotTakenYetError for a drop that is still waiting, Refusal (4) when there is no ticket.
    """
    uploads = Uploads(config.mediafiles)
    folder = _by_number(uploads, wanted.lower())
    if folder is None:
        folder = _by_note(uploads, Path(wanted))
    if folder is None:
        waiting = next(_places(config, Path(wanted)), None)
        if waiting is not None:
            raise NotTakenYetError(waiting)
        folder = _by_drop(uploads, Path(wanted))
    if folder is None:
        raise CommandRefusal(f"there is no ticket for {shown(wanted)}", Exit.UNKNOWN_TICKET)
    return folder


def find_taken(config: Config, wanted: str, otherwise: str, code: Exit) -> TicketFolder:
    """As `find_ticket`; a drop that still waits is a Refusal too, which ends with `otherwise`."""
    try:
        return find_ticket(config, wanted)
    except NotTakenYetError as waiting:
        raise CommandRefusal(f"{shown(str(waiting.path))} {otherwise}", code) from None


def tell_unknown_target(config: Config, target: str | None) -> None:
    """Say so where the configuration has no such target; older tickets may have it all the same."""
    if target is not None and target not in config.targets:
        complain(f"no target is called {shown(target)} in the configuration")


def require_claim(folder: TicketFolder) -> None:
    """Raise PermissionError where the caller may not read how a ticket's drop was taken.

    What `TicketFolder` then tells of the zip is that it is gone, and nobody should believe that.
    """
    path = folder.path / CLAIM_NAME
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.close(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))


def read_status(folder: TicketFolder) -> ProcessInfo:
    """The ticket's status; Refusal when the file is damaged or from a newer version."""
    try:
        return read_any_info(folder)
    except InfoError as error:
        raise refused(
            f"the status of ticket {folder.ticket} cannot be read ({error}); "
            "a running daemon mends it from the ticket's zip"
        ) from None


def ticket_in_note(path: Path) -> str | None:
    """The ticket number in an inbox note; None for anything that is not one. Follows no link."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as stream:
            ticket = json.loads(stream.read(_MAX_NOTE_BYTES))["ticket_number"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return ticket if isinstance(ticket, str) and is_ticket(ticket) else None


def notes_beside(drop: Path) -> Iterator[Path]:
    """The notes of drops that had this path, in no order."""
    stem = shorten_name(drop.name, NAME_MAX_BYTES - len(f".{'0' * 8}{NOTE_SUFFIX}"))
    try:
        names = os.listdir(drop.parent)
    except OSError:
        return
    for name in names:
        found = _NOTE.fullmatch(name)
        if found is not None and found["stem"] == stem:
            yield drop.parent / name


def all_tickets(uploads: Uploads) -> list[str]:
    """The numbers of all tickets, in no order; none where no daemon has run yet. Raises OSError."""
    try:
        return list(uploads.tickets())
    except FileNotFoundError:
        return []


def all_infos(uploads: Uploads) -> Iterator[tuple[TicketFolder, ProcessInfo | InfoError]]:
    """Every ticket with its status, or with why it cannot be read; in no order."""
    for ticket in all_tickets(uploads):
        folder = uploads.folder(ticket)
        try:
            yield folder, read_any_info(folder)
        except InfoError as error:
            if folder.path.is_dir():
                yield folder, error


def _by_number(uploads: Uploads, wanted: str) -> TicketFolder | None:
    if is_ticket(wanted):
        folder = uploads.folder(wanted)
        return folder if folder.path.is_dir() else None
    return _by_prefix(uploads, wanted) if _PREFIX.fullmatch(wanted) else None


def _by_prefix(uploads: Uploads, prefix: str) -> TicketFolder | None:
    fitting = sorted(ticket for ticket in all_tickets(uploads) if ticket.startswith(prefix))
    if len(fitting) > 1:
        raise CommandRefusal(
            f"{prefix} is the beginning of {len(fitting)} tickets: {', '.join(capped(fitting))}",
            Exit.UNKNOWN_TICKET,
        )
    return uploads.folder(fitting[0]) if fitting else None


def _by_note(uploads: Uploads, path: Path) -> TicketFolder | None:
    if not path.name.endswith(NOTE_SUFFIX):
        return None
    ticket = ticket_in_note(path)
    if ticket is not None:
        return _by_number(uploads, ticket)
    found = _NOTE.fullmatch(path.name)
    return _by_prefix(uploads, found["prefix"]) if found else None


def _by_drop(uploads: Uploads, path: Path) -> TicketFolder | None:
    """The newest ticket of a drop with this name; one whose note lies at this path goes first."""
    beside = {ticket for note in notes_beside(path) if (ticket := ticket_in_note(note))}
    name = printable_name(path.name)
    fitting = [
        (folder.ticket in beside, info.received_at, folder)
        for folder, info in all_infos(uploads)
        if isinstance(info, ProcessInfo) and Path(info.source_file).name == name
    ]
    return max(fitting, key=lambda item: item[:2])[2] if fitting else None


def _places(config: Config, path: Path) -> Iterator[Path]:
    """Where in the inbox a file of this name lies now."""
    if path.parent != Path():
        resolved = path.resolve()
        if resolved.is_relative_to(config.inbox.resolve()) and path.is_file():
            yield path
        return
    for folder in drop_folders(config):
        if (folder / path.name).is_file():
            yield folder / path.name


def drop_folders(config: Config) -> Iterator[Path]:
    """Where in the inbox drops may lie: itself, each target's folder, and those in that."""
    yield config.inbox
    for target in config.targets:
        place = config.inbox / target
        yield place
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            inner = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
            yield from (place / name for name in inner)
