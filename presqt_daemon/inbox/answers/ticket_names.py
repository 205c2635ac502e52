"""Which tickets the names in an inbox stand for, found without reading every ticket each time."""

import os
import time
from collections import defaultdict

from presqt_daemon.inbox.files.names import same_name
from presqt_daemon.tickets.claim_record import COPY_SUFFIX, ClaimRecord
from presqt_daemon.tickets.store import Uploads

_MARK_LENGTH = 8
_SHARE = 10
"""The tickets are listed for at most one part of so many of the time."""


class TicketMarks:
    """The ticket numbers by their first eight characters, read again when there are new ones."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self._seen: int | None = None
        self._by_mark: defaultdict[str, list[str]] = defaultdict(list)
        self._by_name: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self._known: set[str] = set()
        self._unnamed: set[str] = set()
        self._not_before = 0.0

    def by_ticket(self, ticket: str) -> ClaimRecord | None:
        """The claim of a ticket."""
        return self._uploads.folder(ticket).read_claim()

    def by_stem(self, stem: str, folder: str | None = None) -> list[ClaimRecord]:
        """The claims whose note begins with this, made from a folder's own drops.

        The note itself is not asked: anybody may write one.
        """
        wanted = same_name(stem)
        return [one for one in self._marked(stem, folder) if same_name(one.receipt_stem) == wanted]

    def by_copy(self, name: str, folder: str) -> list[ClaimRecord]:
        """The claims whose status copy has this name, made from a folder's own drops."""
        stem = name.removesuffix(COPY_SUFFIX)
        return [one for one in self._marked(stem, folder) if one.copy_name == name]

    def by_name(self, name: str, folder: str, *, is_open: bool) -> list[ClaimRecord]:
        """The claims of drops that had this name in this folder, open ones or ones that failed."""
        self._read()
        for ticket in self._unnamed:
            if (record := self.by_ticket(ticket)) is not None:
                self._by_name[record.inbox_folder, same_name(record.inbox_name)].append(ticket)
        self._unnamed.clear()
        wanted = "in_progress" if is_open else "failed"
        found = [
            record
            for ticket in self._by_name.get((folder, same_name(name)), ())
            if (record := self.by_ticket(ticket)) is not None
            and self._uploads.folder(ticket).read_info_tree().get("status") == wanted
        ]
        # of two that differ only by letter case or form, the one that is called so
        return [record for record in found if record.inbox_name == name] or found

    def _marked(self, stem: str, folder: str | None) -> list[ClaimRecord]:
        """The claims of a folder whose number begins with the last characters of a name."""
        self._read()
        found = [self.by_ticket(ticket) for ticket in self._by_mark.get(stem[-_MARK_LENGTH:], ())]
        return [one for one in found if one is not None and folder in {None, one.inbox_folder}]

    def _read(self) -> None:
        began = time.monotonic()
        changed = os.stat(self._uploads.root).st_mtime_ns
        if changed == self._seen or began < self._not_before:
            return
        tickets = set(self._uploads.tickets())
        for ticket in tickets - self._known:
            self._by_mark[ticket[:_MARK_LENGTH]].append(ticket)
            self._unnamed.add(ticket)
        self._known |= tickets
        self._seen = changed
        ended = time.monotonic()
        self._not_before = ended + _SHARE * (ended - began)
