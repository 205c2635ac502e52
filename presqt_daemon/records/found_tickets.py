"""What a start finds in `uploads/`: which tickets go on, which have no record, and newer files.

Many thousands are looked at before the inbox opens, so that ended tickets are told by two keys of
their status and the first bytes of their record; what these do not tell is looked at as a whole.
Nothing is changed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from presqt_daemon.model import Status
from presqt_daemon.records.payload import read_fingerprint
from presqt_daemon.records.record import SCHEMA_VERSION as RECORD_VERSION
from presqt_daemon.records.record_head import RecordHead, read_record_head
from presqt_daemon.schemas.json_values import object_from_json
from presqt_daemon.tickets.legacy import LegacyError, legacy_from_bytes
from presqt_daemon.tickets.process_info import (
    OLDEST_VERSION,
    SCHEMA_VERSION,
    InfoError,
    NewerInfoError,
    info_from_bytes,
)
from presqt_daemon.tickets.store import INFO_NAME, RECEIPT_NAME, TicketFolder, Uploads

_NO_TIME = datetime.fromtimestamp(0, UTC)


class TicketKind(StrEnum):
    """What a ticket's folder is to this program."""

    OPEN = "open"
    ENDED = "ended"
    """Ours that has ended, or PresQT's, with which nothing goes on here."""

    STRANGE = "strange"
    """Without a status that can be read and without a claim of ours: nothing is done to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTickets:
    """Ticket numbers: all, those that have not ended, and others without a record of today.

    `contents` holds the content fingerprint of every ticket that has one, in the order in which
    they were staged.
    """

    tickets: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()
    unrecorded: frozenset[str] = frozenset()
    contents: Mapping[str, str] = field(default_factory=dict)


def find_tickets(
    uploads: Uploads, take: Callable[[str], None] = lambda _ticket: None
) -> FoundTickets:
    """One look at every ticket, and at claims that were cut short; `take` hears of each before.

    Raises NewerInfoError when a later version has been here, OSError when `uploads/` cannot be
    listed. A claimed ticket whose status is lost counts as open: its holder makes it anew.
    """
    tickets, still_open, unrecorded = set(), set(), set()
    staged: list[tuple[int, str, str]] = []
    for name in uploads.new_tickets():
        take(name)
        kind_of(uploads.new_folder(name))
    for name in uploads.tickets():
        tickets.add(name)
        take(name)
        folder = TicketFolder(uploads.root / name)
        mark = _mark(folder)
        if mark is not None and mark.version > RECORD_VERSION:
            raise NewerInfoError(f"{name}/{RECEIPT_NAME} has schema version {mark.version}")
        fingerprint = None if mark is None else mark.fingerprint
        has_record = mark is not None and mark.version == RECORD_VERSION
        # a ticket of which a record is to be made must be one whose whole status can be read
        if kind_of(folder, is_told_by_two_keys=has_record) is TicketKind.OPEN:
            still_open.add(name)
            fingerprint = read_fingerprint(folder.payload)
        elif not has_record:
            unrecorded.add(name)
        if fingerprint is not None:
            staged.append((_staged_at(folder), name, fingerprint))
    return FoundTickets(
        tickets=frozenset(tickets),
        open=frozenset(still_open),
        unrecorded=frozenset(unrecorded),
        contents={name: fingerprint for _moment, name, fingerprint in sorted(staged)},
    )


def kind_of(folder: TicketFolder, *, is_told_by_two_keys: bool = True) -> TicketKind:
    """What a folder is, by its status. Raises NewerInfoError for one of a later version.

    With `is_told_by_two_keys` a status of ours that says that it has ended is looked at no closer.
    """
    lost = TicketKind.OPEN if folder.is_claimed else TicketKind.STRANGE
    try:
        content = folder.read_info_bytes()
    except OSError:
        return lost
    if is_told_by_two_keys and _is_ended(object_from_json(content)):
        return TicketKind.ENDED
    try:
        return TicketKind.OPEN if info_from_bytes(content).is_open else TicketKind.ENDED
    except NewerInfoError as error:
        raise NewerInfoError(f"{folder.ticket}/{INFO_NAME} has {error}") from None
    except InfoError:
        pass
    try:
        legacy_from_bytes(content, folder.ticket, _NO_TIME)
    except LegacyError:
        return lost
    return TicketKind.ENDED


def _is_ended(tree: Mapping[str, Any]) -> bool:
    """Whether a status of ours says that its ticket has ended; it need not be looked at closer."""
    version = tree.get("schema_version")
    is_ours = type(version) is int and OLDEST_VERSION <= version <= SCHEMA_VERSION
    return is_ours and tree.get("status") in (Status.FINISHED, Status.FAILED)


def _mark(folder: TicketFolder) -> RecordHead | None:
    try:
        return read_record_head(folder.receipt)
    except OSError:
        return None


def _staged_at(folder: TicketFolder) -> int:
    """When it became known what a ticket brings, in ns; 0 where nothing of its staging is left."""
    try:
        return folder.payload.lstat().st_mtime_ns
    except OSError:
        return 0
