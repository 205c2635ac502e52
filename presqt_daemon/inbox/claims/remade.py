"""A claim's record made again from where the drop lay, when a power loss has taken it."""

import contextlib
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from presqt_daemon.config import Config
from presqt_daemon.inbox.claims.new_ticket import Drop, record_of
from presqt_daemon.inbox.files.names import SIDECAR_SUFFIX
from presqt_daemon.inbox.files.places import InboxFolder, OpenPlace, parts_below, unknown_target
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import sync_folder
from presqt_daemon.tickets.claim_record import ClaimRecord
from presqt_daemon.tickets.store import ORIGIN_NAME, RESERVED_NAMES, TicketFolder, Uploads

_log = logging.getLogger(__name__)


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
            fault=None if place.is_target else unknown_target(place, tuple(config.targets)),
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
