"""Which tickets brought which content, so that a second drop of the same is noticed."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from presqt_daemon.model import Finding, Severity
from presqt_daemon.tickets.payload import read_fingerprint
from presqt_daemon.tickets.process_info import InfoError, ProcessInfo
from presqt_daemon.tickets.store import TicketFolder, Uploads
from presqt_daemon.tickets.verdict import Verdict, verdict
from presqt_daemon.workers.run import ParkError

LOOK_SECONDS = 2.0
"""How soon a ticket that waits for another's end looks again."""


class SameContentError(Exception):
    """Nothing need be sent: an earlier ticket has brought this content to this place."""

    def __init__(self, first: ProcessInfo) -> None:
        super().__init__(first.ticket_number)
        self.first = first


@dataclass(slots=True)
class Contents:
    """Fingerprint -> tickets. Safe from several threads."""

    uploads: Uploads
    _tickets: dict[str, list[str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self, contents: Mapping[str, str]) -> None:
        """Take ticket -> fingerprint, as a start finds them."""
        for ticket, fingerprint in contents.items():
            self.note(ticket, fingerprint)

    def note(self, ticket: str, fingerprint: str) -> None:
        """Know what a ticket brings."""
        with self._lock:
            tickets = self._tickets.setdefault(fingerprint, [])
            if ticket not in tickets:
                tickets.append(ticket)

    def note_staged(self, folder: TicketFolder) -> None:
        """Know what a ticket will bring that has just been staged."""
        fingerprint = read_fingerprint(folder.payload)
        if fingerprint is not None:
            self.note(folder.ticket, fingerprint)

    def notice(self, folder: TicketFolder, info: ProcessInfo, *, points: bool) -> Finding | None:
        """The warning that the same content came before, None where it did not.

        With `points` raises SameContentError where that is verified, and ParkError while it is on
        its way. A ticket that has begun to send is brought to its end in any case.
        """
        fingerprint = None if folder.journal.exists() else read_fingerprint(folder.payload)
        if fingerprint is None:
            return None
        self.note(info.ticket_number, fingerprint)
        first = self.earlier(info, fingerprint)
        if first is None:
            return None
        if points and first.is_open:
            waits_for = f"ticket {first.ticket_number}, which brings the same content"
            raise ParkError(waits_for, LOOK_SECONDS)
        if points:
            raise SameContentError(first)
        return same_content(first)

    def earlier(self, info: ProcessInfo, fingerprint: str) -> ProcessInfo | None:
        """The earlier ticket that brought, or brings, the same content to the same place."""
        with self._lock:
            names = tuple(self._tickets.get(fingerprint, ()))
        found: list[ProcessInfo] = []
        for name in names:
            try:
                found.append(self.uploads.folder(name).read_info())
            except InfoError:
                continue
            # one that is verified decides; the hundreds that may follow it are not read
            first = choose_earlier(info, found[-1:])
            if first is not None and verdict(first) is Verdict.VERIFIED:
                return first
        return choose_earlier(info, found)


def choose_earlier(info: ProcessInfo, others: Iterable[ProcessInfo]) -> ProcessInfo | None:
    """The first of the others that came before and is verified; else the first that is open.

    Only those for the same target and resource count. Since each looks only at those before it,
    no two ever wait for each other.
    """
    fitting = sorted(
        (
            other
            for other in others
            if (other.target, other.resource_id) == (info.target, info.resource_id)
            and _moment(other) < _moment(info)
        ),
        key=_moment,
    )
    for wanted in (Verdict.VERIFIED, Verdict.OPEN):
        for other in fitting:
            if verdict(other) is wanted:
                return other
    return None


def same_content(first: ProcessInfo) -> Finding:
    """The warning that the same content was brought before."""
    link = f": {first.link_to_resource}" if first.link_to_resource else ""
    return Finding(
        code="same-content",
        message=f"The same content was dropped before, for the same place, as ticket "
        f"{first.ticket_number}{link}.",
        severity=Severity.WARNING,
    )


def _moment(info: ProcessInfo) -> tuple[object, str]:
    return info.received_at, info.ticket_number
