"""Who has a ticket: one party at a time, asserted where a ticket's files are written.

A claim, a run and each change of a ticket that waits or has ended are parties in turn. Among the
processes that share the folder a party has a lease besides (`presqt_daemon.leases`). Other programs
than the daemon change ended tickets only, and hold `locks.lease_ended` for it.
"""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from presqt_daemon.leases.lease import Lease, LeaseTerms
from presqt_daemon.leases.take import Seen, take_lease
from presqt_daemon.system.failpoints import reach


class OtherPartyError(Exception):
    """A ticket is not this party's. Whoever meets this has a bug; nothing has been written."""


@dataclass(slots=True, eq=False)
class Party:
    """The right to write one ticket's files; `number` grows from each party to the next.

    `lease` is what others who share the folder see of it; a claim, which nobody sees, has none.
    """

    ticket: str
    number: int
    lease: Lease | None = None
    has_ended_ticket: bool = False

    @property
    def epoch(self) -> int | None:
        """The lease's number, None without one."""
        return None if self.lease is None else self.lease.epoch

    @property
    def mark(self) -> str:
        """What its temporary names carry, so that those of two hosts never meet."""
        return "" if self.lease is None or self.lease.is_alone else f".{self.lease.epoch}"

    def assert_leased(self) -> None:
        """Raises FencedError when another has the ticket by now, OSError."""
        if self.lease is not None:
            self.lease.assert_held()

    def assert_may_write(self, *, is_last: bool) -> None:
        """The same before a status; before the last one nothing of the lease need stay."""
        self.assert_leased()
        if is_last and self.lease is not None:
            self.lease.forget_if_alone()


class Parties:
    """Who has which ticket now. Safe from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._present: dict[str, Party] = {}
        self._number = 0
        self._seen: Seen = {}

    def take(self, ticket: str) -> Party:
        """Become the party that has a ticket. Raises OtherPartyError while there is another."""
        with self._lock:
            if (other := self._present.get(ticket)) is not None:
                raise OtherPartyError(f"ticket {ticket} is party {other.number}'s")
            self._number += 1
            party = self._present[ticket] = Party(ticket, self._number)
        return party

    def give_back(self, party: Party) -> None:
        """Let the next one have the ticket; does nothing where that has happened."""
        with self._lock:
            if self._present.get(party.ticket) is party:
                del self._present[party.ticket]

    @contextlib.contextmanager
    def having(self, ticket: str) -> Iterator[Party]:
        """Have a ticket meanwhile. Raises OtherPartyError."""
        party = self.take(ticket)
        try:
            yield party
        finally:
            self.give_back(party)

    @contextlib.contextmanager
    def leasing(self, folder: Path, terms: LeaseTerms, *, wait: bool = False) -> Iterator[Party]:
        """Have a ticket meanwhile, among all who share its folder.

        `wait` until it is sure that its holder is dead. Raises OtherPartyError, HeldElsewhereError,
        FileNotFoundError for a folder that is gone, OSError.
        """
        with self.having(folder.name) as party:
            party.lease = take_lease(folder, terms, wait=wait, before=self._seen)
            reach("lease-taken")
            try:
                yield party
            finally:
                with contextlib.suppress(OSError):
                    party.lease.release(has_ended=party.has_ended_ticket)

    def assert_has(self, party: Party, ticket: str) -> None:
        """Raises OtherPartyError unless it is this party that has the ticket now."""
        with self._lock:
            present = self._present.get(ticket)
        if present is not party or party.ticket != ticket:
            now = "nobody's" if present is None else f"party {present.number}'s"
            raise OtherPartyError(
                f"party {party.number} of ticket {party.ticket} would write on {ticket}, "
                f"which is {now}"
            )
