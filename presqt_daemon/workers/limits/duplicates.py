"""Which tickets brought which content, so that a second drop of the same is noticed."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field

from presqt_daemon.model import Finding, Severity
from presqt_daemon.records.journal import read_start
from presqt_daemon.records.payload import read_fingerprint
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import TicketFolder, Uploads
from presqt_daemon.tickets.verdict import Verdict, verdict
from presqt_daemon.workers.runs.run import ParkError

LOOK_SECONDS = 2.0
"""How soon a ticket that waits for another's end looks again."""


class SameContentError(Exception):
    """Nothing need be sent if it is still there: earlier tickets have brought this content.

    `brought` holds the first of them and the newest, which another one may have sent again.
    """

    def __init__(self, *brought: ProcessInfo) -> None:
        super().__init__(*(info.ticket_number for info in brought))
        self.brought = brought


@dataclass(slots=True)
class KnownContents:
    """Fingerprint -> tickets, in the order in which they were known to bring it.

    That order decides who came first; a payload file's time of change keeps it for the next start.
    Safe from several threads.
    """

    uploads: Uploads
    now_ns: Callable[[], int] = time.time_ns
    _tickets: dict[str, dict[str, int]] = field(default_factory=dict)
    _fingerprints: dict[str, str] = field(default_factory=dict)
    _identities: dict[str, str] = field(default_factory=dict)
    _last: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self, contents: Mapping[str, str]) -> None:
        """Take ticket -> fingerprint, in the order in which a start finds them staged."""
        for ticket, fingerprint in contents.items():
            self.note(ticket, fingerprint)

    def note(self, ticket: str, fingerprint: str) -> int:
        """Know what a ticket brings; its place in the order, as ns of the wall clock."""
        with self._lock:
            self._fingerprints[ticket] = fingerprint
            tickets = self._tickets.setdefault(fingerprint, {})
            if ticket not in tickets:
                self._last = max(self._last + 1, self.now_ns())
                tickets[ticket] = self._last
            return tickets[ticket]

    def note_staged(self, folder: TicketFolder, fingerprint: str | None) -> None:
        """Know what a ticket will bring that has just been staged."""
        if fingerprint is not None:
            place = self.note(folder.ticket, fingerprint)
            with contextlib.suppress(OSError):
                os.utime(folder.payload, ns=(place, place))

    def note_container(self, ticket: str, identity: str) -> None:
        """Know the container that a ticket's id means, by the target's word."""
        with self._lock:
            self._identities[ticket] = identity

    def notice(
        self,
        folder: TicketFolder,
        info: ProcessInfo,
        *,
        points: bool,
        site: Callable[[str | None], Hashable] = lambda target: target,
    ) -> Finding | None:
        """The warning that the same content came before, None where it did not.

        With `points` raises SameContentError where that is verified, and ParkError while it is on
        its way. A ticket that has begun to send is brought to its end in any case. `site` says of
        an entry of the configuration where it sends to.
        """
        has_begun = read_start(folder.journal).has_begun
        fingerprint = None if has_begun else self._fingerprint_of(folder)
        if fingerprint is None:
            return None
        self.note(info.ticket_number, fingerprint)
        first = self.earlier(info, fingerprint, site)
        if first is None:
            return None
        if points and first.is_open:
            waits_for = f"ticket {first.ticket_number}, which brings the same content"
            raise ParkError(waits_for, LOOK_SECONDS)
        if points:
            newest = self._newest_verified(info, fingerprint, site)
            if newest is None or newest.ticket_number == first.ticket_number:
                raise SameContentError(first)
            raise SameContentError(first, newest)
        return same_content(first)

    def earlier(
        self,
        info: ProcessInfo,
        fingerprint: str,
        site: Callable[[str | None], Hashable] = lambda target: target,
    ) -> ProcessInfo | None:
        """The earlier ticket that brought, or brings, the same content to the same place.

        The first that is verified, else the first that is open, of those known before this one;
        so no two ever wait for each other. Two ids are one place where the target has resolved both
        to one container.
        """
        still_open = None
        for name in self._before(info.ticket_number, fingerprint):
            other = self.uploads.folder(name).known_info()
            if other is None or not self._is_same_place(info, other, site):
                continue
            stands = verdict(other)
            # one that is verified decides; the hundreds that may follow it are not read
            if stands is Verdict.VERIFIED:
                return other
            if stands is Verdict.OPEN and still_open is None:
                still_open = other
        return still_open

    def _fingerprint_of(self, folder: TicketFolder) -> str | None:
        with self._lock:
            known = self._fingerprints.get(folder.ticket)
        return known or read_fingerprint(folder.payload)

    def _newest_verified(
        self, info: ProcessInfo, fingerprint: str, site: Callable[[str | None], Hashable]
    ) -> ProcessInfo | None:
        for name in reversed(self._before(info.ticket_number, fingerprint)):
            other = self.uploads.folder(name).known_info()
            if other is None or not self._is_same_place(info, other, site):
                continue
            if verdict(other) is Verdict.VERIFIED:
                return other
        return None

    def _is_same_place(
        self,
        info: ProcessInfo,
        other: ProcessInfo,
        site: Callable[[str | None], Hashable],
    ) -> bool:
        """By target and id, or as the target has resolved both ids to one container."""
        if (other.target, other.resource_id) == (info.target, info.resource_id):
            return True
        if site(other.target) != site(info.target):
            return False
        identity = self._identity_of(info.ticket_number)
        return identity is not None and self._identity_of(other.ticket_number) == identity

    def _identity_of(self, ticket: str) -> str | None:
        """The container of a ticket, None while it is not known; a journal outlives a restart."""
        with self._lock:
            known = self._identities.get(ticket)
        return known or read_start(self.uploads.folder(ticket).journal).identity

    def _before(self, ticket: str, fingerprint: str) -> list[str]:
        """The tickets that were known before this one to bring a content, in their order."""
        with self._lock:
            names = list(self._tickets.get(fingerprint, ()))
        return names[: names.index(ticket)] if ticket in names else names


def same_content(first: ProcessInfo) -> Finding:
    """The warning that the same content was brought before."""
    link = f": {first.link_to_resource}" if first.link_to_resource else ""
    return Finding(
        code="same-content",
        message=f"The same content was dropped before, for the same place, as ticket "
        f"{first.ticket_number}{link}.",
        severity=Severity.WARNING,
    )
