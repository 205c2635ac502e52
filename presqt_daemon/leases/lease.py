"""The lease on a ticket: taken by one, kept by its own thread, lost to whoever waited for it.

Hosts have no common clock and need none. A taker waits until the heartbeat has not changed for a
whole `ttl` by its own clock. The holder counts from before its last good beat, by its own clock
too, and from 0.75 of the `ttl` on does nothing more under its number: it goes on only under the
next one, which it wins with O_EXCL or not at all. So a slow disk costs nothing where nobody came,
and a host that was frozen while another took over never writes again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from presqt_daemon.leases.fence import STALE_SHARE, Fence
from presqt_daemon.leases.heartbeat import (
    Heartbeat,
    TornHeartbeatError,
    forget_epoch,
    forget_heartbeat,
    read_heartbeat,
    take_epoch,
    write_heartbeat,
)
from presqt_daemon.system.host import boot_seconds, instance_id

BEAT_SHARE = 0.1
"""Of the ttl: how often the holder tells that it lives."""

ONE_HOST_SECONDS = 10.0
LEFT_NUMBERS = 16
"""So many earlier numbers are looked for that a holder who died may have left."""


class NotOursError(Exception):
    """The ticket is another's, on this host or on one that shares its folder."""


class FencedError(NotOursError):
    """Another has taken the ticket over. Whoever meets this writes nothing more."""


class HeldElsewhereError(NotOursError):
    """Somebody has the ticket and lives, or may live."""


def _nobody(_instance: str) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTerms:
    """How leases are held. `ttl` in seconds.

    `is_dead` says of an instance whether it is known to live no more: what it has left is taken
    over at once.

    `is_alone`: the process has the lock of all tickets and only its host runs them, so that nobody
    else can have one: what a process of this host has left is taken over at once, the file is read
    at beats only, and a disk that does not take them ends nothing.
    """

    ttl: float = ONE_HOST_SECONDS
    is_alone: bool = True
    instance: str = ""
    is_dead: Callable[[str], bool] = field(default=_nobody, compare=False)
    clock: Callable[[], float] = boot_seconds
    sleep: Callable[[float], None] = time.sleep


ALONE = LeaseTerms()
"""Of a daemon whose own host does all the work."""


class Lease:
    """The right to one ticket; used by one thread."""

    def __init__(self, folder: Path, epoch: int, terms: LeaseTerms) -> None:
        """Begin with a number that was won; `take.take_lease` is how it is."""
        self.folder = folder
        self.epoch = epoch
        self.instance = terms.instance or instance_id()
        self._terms = terms
        self._count = 0
        self._good_at = float("-inf")
        self._is_fenced = False
        self._is_forgotten = False

    @property
    def is_alone(self) -> bool:
        """Whether no other host can have the ticket."""
        return self._terms.is_alone

    @property
    def is_sure(self) -> bool:
        """Whether nobody can have come since the last good beat; safe from any thread.

        By the holder's own clock, in which suspend counts.
        """
        return self._terms.is_alone or not (self._is_fenced or self._is_stale())

    def begin(self, tried: float) -> None:
        """The first beat, as of the moment before the number was won. As `beat`."""
        try:
            self._write(tried)
        except OSError:
            if not self._terms.is_alone:
                raise
            self._good_at = tried

    def keep(self) -> None:
        """Tell that the holder lives, if it is time. Raises FencedError, OSError."""
        if self._is_fenced:
            raise FencedError(self.folder.name)
        if self._terms.clock() - self._good_at < self._terms.ttl * BEAT_SHARE:
            return
        try:
            self.beat()
        except OSError:
            if not self._terms.is_alone and self._is_stale():
                raise

    def assert_held(self) -> None:
        """Raises FencedError when another has the ticket, OSError when that cannot be known."""
        self.keep()
        if not self._terms.is_alone:
            self._assert_ours()
            if self._is_stale():
                self.beat()

    def beat(self) -> None:
        """Tell that the holder lives; after too long a silence, under the next number only."""
        began = self._terms.clock()
        self._assert_ours()
        if began - self._good_at >= self._terms.ttl * STALE_SHARE:
            self._renew(self.epoch + 1)
        self._write(began)

    def lift(self, epoch: int) -> None:
        """Have a number above this one, which the ticket's status tells of. As `beat`."""
        if self.epoch <= epoch:
            began = self._terms.clock()
            self._renew(epoch + 1)
            self._write(began)

    def fence(self) -> Fence | None:
        """What the worker asks before it acts; None where nobody else can have the ticket."""
        if self._terms.is_alone:
            return None
        return Fence(
            folder=self.folder, instance=self.instance, epoch=self.epoch, ttl=self._terms.ttl
        )

    def forget_if_alone(self) -> None:
        """Remove the files before the last status is written, so that no crash leaves them.

        Does nothing where hosts share the folder: there nobody may find the ticket free before it
        has ended.
        """
        if self._terms.is_alone:
            self._forget()

    def _forget(self) -> None:
        """The number first: without its file the heartbeat still tells of it, not the reverse."""
        if not self._is_forgotten:
            forget_epoch(self.folder, self.epoch)
            forget_heartbeat(self.folder)
            self._is_forgotten = True

    def release(self, *, has_ended: bool) -> None:
        """Let the next one have the ticket at once; of one that has ended no file stays.

        Does nothing where another has it. Raises OSError.
        """
        if has_ended and self._is_forgotten:
            return  # a beat that is due would make the file anew, and a crash would leave it
        try:
            self.keep()
        except FencedError:
            return
        if has_ended:
            self._forget()
        else:
            self._write(self._terms.clock(), is_released=True)

    def _is_stale(self) -> bool:
        return self._terms.clock() - self._good_at >= self._terms.ttl * STALE_SHARE

    def _assert_ours(self) -> None:
        try:
            found = read_heartbeat(self.folder)
        except TornHeartbeatError:
            # no holder leaves that for longer than one call; the next beat writes over it
            return
        if found is None and self._terms.is_alone:
            return
        if found is None or (found.instance, found.epoch) != (self.instance, self.epoch):
            self._is_fenced = True
            raise FencedError(self.folder.name)

    def _renew(self, epoch: int) -> None:
        """Have this number; where nobody else can come, the next that no dead holder has won."""
        while not take_epoch(self.folder, epoch):
            if not self._terms.is_alone:
                self._is_fenced = True
                raise FencedError(self.folder.name)
            epoch += 1
        before, self.epoch = self.epoch, epoch
        for earlier in range(max(before, epoch - LEFT_NUMBERS), epoch):
            forget_epoch(self.folder, earlier)

    def _write(self, began: float, *, is_released: bool = False) -> None:
        self._count += 1
        self._is_forgotten = False
        write_heartbeat(
            self.folder,
            Heartbeat(
                epoch=self.epoch,
                count=self._count,
                instance=self.instance,
                at=began,
                ttl=self._terms.ttl,
                is_alone=self._terms.is_alone,
                is_released=is_released,
            ),
        )
        self._good_at = began
