"""What the last daemon left of claims: finished, undone, or handed to the folder's scanner."""

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

from presqt_daemon.config import Config
from presqt_daemon.inbox.claims.new_ticket import Drop, make_own, record_of
from presqt_daemon.inbox.claims.sidecar import (
    MAX_SIDECAR_BYTES,
    Sidecar,
    names_in,
    read_sidecar,
    remove_sidecar,
)
from presqt_daemon.inbox.claims.undo import end_undoing
from presqt_daemon.inbox.files.names import SIDECAR_SUFFIX
from presqt_daemon.inbox.files.places import InboxFolder, OpenPlace, parts_below
from presqt_daemon.model import Stage, Status
from presqt_daemon.schemas.json_values import object_from_json
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import open_regular, remove_tree, sync_folder
from presqt_daemon.tickets.claim_record import ClaimRecord
from presqt_daemon.tickets.options import unknown_target
from presqt_daemon.tickets.store import ORIGIN_NAME, RESERVED_NAMES, TicketFolder, Uploads

_log = logging.getLogger(__name__)


class LeftoverKind(Enum):
    """What is to be done in the inbox for a claim of an earlier daemon."""

    FINISHED = "its side-car may still be there"
    FRESH = "its note may be missing: nothing was done for it yet"
    HALF = "its drop may lie there, set aside: it has none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """Something to be looked for in a folder of the inbox, by its scanner, since it may hang."""

    kind: LeftoverKind
    folder: TicketFolder
    record: ClaimRecord


def recover(uploads: Uploads, config: Config) -> list[Leftover]:
    """Finish claims that have their zip and undo those that cannot have one. Raises OSError.

    All of them: this daemon has the lease, so whoever made one writes no more, be it dead or
    frozen. The one step that such a one may have begun can come at any moment.
    """
    halves, finished, unkept = [], [], []
    end_undoing(uploads)
    for ticket in list(uploads.new_tickets()):
        folder, named = uploads.new_folder(ticket), uploads.folder(ticket)
        record = _record(uploads, folder, config)
        if _holds_drop(folder, record):
            if record is not None:
                own_drop(folder, record, config)
                kind = LeftoverKind.FINISHED
                finished.append(Leftover(kind=kind, folder=named, record=record))
            with contextlib.suppress(FileNotFoundError):  # whoever was frozen has done it now
                folder.path.rename(named.path)
            unkept.append(named)
        elif record is None or record.zip_name is None:
            with contextlib.suppress(OSError):
                remove_tree(folder.path)
        else:
            halves.append(Leftover(kind=LeftoverKind.HALF, folder=folder, record=record))
    fresh = list(_fresh(uploads, config))
    unkept += [left.folder for left in fresh if read_origin(left.folder)]
    if unkept:
        keep_claims(uploads, unkept)
    return [*finished, *fresh, *halves]


def remove_twin_sidecar(folder: OpenPlace, record: ClaimRecord, ticket: TicketFolder) -> None:
    """Remove the side-car in the inbox that a crash left after it had been taken."""
    if record.sidecar_name is None:
        return
    sidecar = _sidecar_of(folder, record)
    if sidecar is not None and sidecar.content == _content(ticket.path / record.sidecar_name):
        remove_sidecar(sidecar, folder.handle)


def holds_only_sidecar(folder: OpenPlace, half: Leftover) -> bool:
    """Whether the inbox has no copy of the half's side-car.

    It was taken with its drop, then, which may lie in a folder that is not mounted now.
    """
    if half.record.sidecar_name is None:
        return False
    own = _content(half.folder.path / half.record.sidecar_name)
    sidecar = _sidecar_of(folder, half.record)
    return own is not None and (sidecar is None or sidecar.content != own)


def _sidecar_of(folder: OpenPlace, record: ClaimRecord) -> Sidecar | None:
    names = names_in(folder.handle)
    return read_sidecar(record.inbox_name, record.dropped_by_uid, folder.handle, names)


def _holds_drop(folder: TicketFolder, record: ClaimRecord | None) -> bool:
    """Whether the commit point was passed; without a record, any file not ours counts."""
    if record is not None:
        return record.zip_name is not None and os.path.lexists(folder.path / record.zip_name)
    return find_drop(folder) is not None


def _record(uploads: Uploads, folder: TicketFolder, config: Config) -> ClaimRecord | None:
    return folder.read_claim() or remake_claim(uploads, folder, config)


def own_drop(folder: TicketFolder, record: ClaimRecord, config: Config) -> None:
    """Make a drop that was moved in the service's, and close it to others."""
    with (
        contextlib.suppress(OSError),
        open_regular(folder.path / (record.zip_name or "")) as stream,
    ):
        make_own(stream.fileno(), config, record.route.target)


def _fresh(uploads: Uploads, config: Config) -> Iterator[Leftover]:
    for ticket in uploads.tickets():
        folder = uploads.folder(ticket)
        try:
            content = folder.read_info_bytes()
        except OSError:
            content = b""
        if content and not _has_just_been_taken(content):
            continue
        if (record := _record(uploads, folder, config)) is not None:
            yield Leftover(kind=LeftoverKind.FRESH, folder=folder, record=record)


def _has_just_been_taken(status: bytes) -> bool:
    """Whether a ticket is open, and nothing of it was staged yet. A torn status counts as one."""
    tree = object_from_json(status)
    words = (tree.get("status"), tree.get("stage"))
    return not tree or words == (Status.IN_PROGRESS, Stage.RECEIVED)


def _content(path: Path) -> bytes | None:
    try:
        with open_regular(path) as stream:
            return stream.read(MAX_SIDECAR_BYTES)
    except OSError:
        return None


def remake_claim(uploads: Uploads, folder: TicketFolder, config: Config) -> ClaimRecord | None:
    """The record of a claim that was not durable yet, written again; None for any other ticket.

    It had no side-car, and the drop's owner may be known no more. A full disk gives up its reserve
    for it. Raises OSError.
    """
    origin, drop = read_origin(folder), find_drop(folder)
    if origin is None or drop is None:
        return None
    parts = parts_below(config.inbox, str(origin.parent))
    if parts is None:  # the inbox has moved since
        return None
    place = InboxFolder(parts=parts, is_target=bool(parts) and parts[0] in config.targets)
    status = drop.lstat()
    record = record_of(
        Drop(
            folder=OpenPlace(
                place=place, handle=-1, path=origin.parent, identity=(0, 0), sees_writers=False
            ),
            name=origin.name,
            handle=-1,
            status=status,
            fault=None if place.is_target else unknown_target(place.route.target, config.targets),
        ),
        folder.ticket,
        datetime.fromtimestamp(status.st_ctime, UTC),
        None,
    )
    try:
        folder.write_claim(record)
    except OSError as error:
        if not uploads.make_room(error):
            raise
        folder.write_claim(record)
    _log.warning("%s: its claim was lost with the power and is made again", folder.ticket)
    return record


def find_drop(folder: TicketFolder) -> Path | None:
    """The file that was moved into a claim, None when none was."""
    for name in sorted(set(os.listdir(folder.path)) - RESERVED_NAMES):
        if not name.startswith(".") and not name.endswith(SIDECAR_SUFFIX):
            return folder.path / name
    return None


def read_origin(folder: TicketFolder) -> Path | None:
    """Where the drop of a claim of an earlier version lay, None once that is on the disk.

    Such a claim was synced only after it was told of; a link's text survived the power, where a
    journal keeps the order of a folder's records.
    """
    try:
        return Path(os.readlink(folder.path / ORIGIN_NAME))
    except OSError:
        return None


def keep_claims(uploads: Uploads, folders: list[TicketFolder]) -> None:
    """Make claims of an earlier version durable that have their final names. Raises OSError.

    It may be repeated, and passes over a folder that somebody has removed.
    """
    for folder in folders:
        with contextlib.suppress(FileNotFoundError):
            folder.sync_claim()
            sync_folder(folder.path)
    sync_folder(uploads.root)
    reach("claim-kept")
    for folder in folders:
        (folder.path / ORIGIN_NAME).unlink(missing_ok=True)
