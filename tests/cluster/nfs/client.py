"""A program on a host of the share, for one ticket: a line says what to do, JSON how it went."""

import contextlib
import json
import sys
import time
from pathlib import Path

from presqt_daemon.leases.heartbeat import read_heartbeat
from presqt_daemon.leases.lease import Lease, LeaseTerms, NotOursError
from presqt_daemon.leases.take import take_lease
from presqt_daemon.tickets.locks import HeldError, lease_ended

TERMS = LeaseTerms(ttl=4.0, is_alone=False)


class Client:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lease: Lease | None = None
        self.locks = contextlib.ExitStack()

    def take(self) -> object:
        """The number that was won, or why none was."""
        try:
            self.lease = take_lease(self.folder, TERMS)
        except NotOursError as error:
            return type(error).__name__
        return self.lease.epoch

    def beat(self) -> object:
        """The number that this host has yet, or why it has none."""
        assert self.lease is not None
        try:
            self.lease.assert_held()
        except NotOursError as error:
            return type(error).__name__
        return self.lease.epoch

    def live(self) -> object:
        """Beat for three times the ttl; as `beat` at last."""
        until = time.monotonic() + 3 * TERMS.ttl
        while isinstance(found := self.beat(), int) and time.monotonic() < until:
            time.sleep(TERMS.ttl / 20)
        return found

    def read(self) -> object:
        """The number of the last beat, None where there is none."""
        beat = read_heartbeat(self.folder)
        return None if beat is None else beat.epoch

    def fence(self) -> object:
        """`passed`, or the exit code with which a worker would leave; as if no time went by."""
        assert self.lease is not None
        fence = self.lease.fence()
        assert fence is not None
        left: list[int] = []
        fence.pass_or_leave(leave=left.append, clock=lambda: float("-inf"))
        return left[0] if left else "passed"

    def release(self) -> object:
        assert self.lease is not None
        self.lease.release(has_ended=True)
        return "released"

    def sees_second(self) -> object:
        """Whether somebody has won the second number, by a look at its file's name."""
        return (self.folder / ".epoch.2").exists()

    def lock(self) -> object:
        """Whether an ended ticket is this host's now."""
        try:
            self.locks.enter_context(lease_ended(self.folder))
        except HeldError as error:
            return str(error)
        return "locked"

    def unlock(self) -> object:
        self.locks.close()
        return "unlocked"


def main(folder: str) -> None:
    """Answer every line with what was found and how many seconds it took."""
    client = Client(Path(folder))
    for line in sys.stdin:
        began = time.monotonic()
        said = getattr(client, line.strip())()
        sys.stdout.write(json.dumps([said, time.monotonic() - began]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
