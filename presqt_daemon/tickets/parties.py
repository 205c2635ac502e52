"""Who has a ticket: one party at a time, asserted where a ticket's files are written.

A claim, a run and each change of a ticket that waits or has ended are parties in turn. Other
programs than the daemon change ended tickets only, and hold `locks.lease_ended` for it.
"""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass


class OtherPartyError(Exception):
    """A ticket is not this party's. Whoever meets this has a bug; nothing has been written."""


@dataclass(frozen=True, slots=True)
class Party:
    """The right to write one ticket's files; `epoch` grows from each party to the next."""

    ticket: str
    epoch: int


class Parties:
    """Who has which ticket now. Safe from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._present: dict[str, Party] = {}
        self._epoch = 0

    def take(self, ticket: str) -> Party:
        """Become the party that has a ticket. Raises OtherPartyError while there is another."""
        with self._lock:
            if (other := self._present.get(ticket)) is not None:
                raise OtherPartyError(f"ticket {ticket} is party {other.epoch}'s")
            self._epoch += 1
            party = self._present[ticket] = Party(ticket, self._epoch)
        return party

    def give_back(self, party: Party) -> None:
        """Let the next one have the ticket; does nothing where that has happened."""
        with self._lock:
            if self._present.get(party.ticket) == party:
                del self._present[party.ticket]

    @contextlib.contextmanager
    def having(self, ticket: str) -> Iterator[Party]:
        """Have a ticket meanwhile. Raises OtherPartyError."""
        party = self.take(ticket)
        try:
            yield party
        finally:
            self.give_back(party)

    def assert_has(self, party: Party, ticket: str) -> None:
        """Raises OtherPartyError unless it is this party that has the ticket now."""
        with self._lock:
            present = self._present.get(ticket)
        if present != party:
            now = "nobody's" if present is None else f"party {present.epoch}'s"
            raise OtherPartyError(
                f"party {party.epoch} of ticket {party.ticket} would write on {ticket}, "
                f"which is {now}"
            )
