"""What a start finds in `uploads/`: which tickets go on, which have no record, and newer files.

Many thousands are looked at before the inbox opens, so that ended tickets are told by a few lines
of their status and the first bytes of their record; nothing is changed.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from presqt_daemon.tickets.legacy import LegacyError, legacy_from_bytes
from presqt_daemon.tickets.payload import read_fingerprint
from presqt_daemon.tickets.process_info import SCHEMA_VERSION, NewerInfoError
from presqt_daemon.tickets.record import SCHEMA_VERSION as RECORD_VERSION
from presqt_daemon.tickets.record import Mark, mark_of
from presqt_daemon.tickets.store import INFO_NAME, RECEIPT_NAME, TicketFolder, Uploads

_ENDED = re.compile(rb'^    "status": "(?:finished|failed)",$', re.MULTILINE)
_VERSION = re.compile(rb'^    "schema_version": (\d{1,9})\n}', re.MULTILINE)
_NO_TIME = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Ticket numbers: all, those that have not ended, and ended ones without a record of today.

    `contents` holds the content fingerprint of every ticket that has one.
    """

    tickets: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()
    unrecorded: frozenset[str] = frozenset()
    contents: Mapping[str, str] = field(default_factory=dict)


def survey(uploads: Uploads) -> Survey:
    """One look at every ticket.

    Raises NewerInfoError when a later version has been here, OSError when `uploads/` cannot be
    listed. A ticket whose status cannot be read counts as open: its holder makes it anew.
    """
    tickets, still_open, unrecorded = set(), set(), set()
    contents: dict[str, str] = {}
    for name in uploads.tickets():
        tickets.add(name)
        folder = TicketFolder(uploads.root / name)
        mark = _mark(folder)
        if mark is not None and mark.version > RECORD_VERSION:
            raise NewerInfoError(f"{name}/{RECEIPT_NAME} has schema version {mark.version}")
        fingerprint = None if mark is None else mark.fingerprint
        if not _has_ended(folder):
            still_open.add(name)
            fingerprint = read_fingerprint(folder.payload)
        elif mark is None or mark.version < RECORD_VERSION:
            unrecorded.add(name)
        if fingerprint is not None:
            contents[name] = fingerprint
    return Survey(
        tickets=frozenset(tickets),
        open=frozenset(still_open),
        unrecorded=frozenset(unrecorded),
        contents=contents,
    )


def _mark(folder: TicketFolder) -> Mark | None:
    try:
        return mark_of(folder.receipt)
    except OSError:
        return None


def _has_ended(folder: TicketFolder) -> bool:
    """Whether the ticket has ended, or is PresQT's, with which nothing goes on here."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with open(os.open(folder.info, flags), "rb", buffering=0) as stream:
            content = stream.read() or b""
    except OSError:
        return False
    found = _VERSION.search(content)
    if found is not None:
        if int(found.group(1)) > SCHEMA_VERSION:
            version = int(found.group(1))
            raise NewerInfoError(f"{folder.ticket}/{INFO_NAME} has schema version {version}")
        return _ENDED.search(content) is not None
    try:
        legacy_from_bytes(content, folder.ticket, _NO_TIME)
    except LegacyError:
        return False
    return True
