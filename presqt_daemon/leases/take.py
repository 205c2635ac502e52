"""Taking the lease on a ticket: at once where nobody can have it, else when its holder is dead."""

from pathlib import Path

from presqt_daemon.leases.fence import STALE_SHARE
from presqt_daemon.leases.heartbeat import (
    Heartbeat,
    TornHeartbeatError,
    forget_epoch,
    read_heartbeat,
    take_epoch,
)
from presqt_daemon.leases.lease import LEFT_NUMBERS, HeldElsewhereError, Lease, LeaseTerms
from presqt_daemon.system.host import instance_id, is_same_host

POLL_SHARE = 0.02
MIN_POLL_SECONDS = 0.05

Seen = dict[Path, tuple["Heartbeat | bytes | None", float, int]]
"""A ticket's folder -> the beat that was seen there last, since when it has not changed, and the
last number that was found to be won there meanwhile."""


def take_lease(
    folder: Path, terms: LeaseTerms, *, wait: bool = True, before: Seen | None = None
) -> Lease:
    """The lease on a ticket's folder, as soon as nobody has it who lives.

    `before` keeps what earlier calls have seen, so that those who never wait get it in the end.

    Raises HeldElsewhereError as soon as its holder is seen to live, or at once where it would have
    to be waited for and `wait` is False; OSError.
    """
    clock = terms.clock
    before = {} if before is None else before
    seen, since, won_by_others = _read(folder), clock(), 0
    known = before.pop(folder, None)
    if known is not None and known[0] == seen:
        _, since, won_by_others = known
    while True:
        last = 0 if isinstance(seen, bytes) or seen is None else seen.epoch
        is_free = _is_free(seen, terms) and (terms.is_alone or won_by_others <= last)
        ttl = max(terms.ttl, seen.ttl) if isinstance(seen, Heartbeat) else terms.ttl
        if is_free or clock() - since >= ttl:
            number = max(last, won_by_others) + 1
            tried = clock()
            if _win(folder, number, terms):
                # one that let go had no earlier number left; one that died may have had some
                is_let_go = isinstance(seen, Heartbeat) and seen.is_released
                first = last if is_let_go else number - LEFT_NUMBERS
                return _begin(folder, number, first, tried, terms)
            # it was won a moment ago, or by one that died before its first beat
            won_by_others, since = number, clock()
            if is_free and terms.is_alone:
                continue
        if not wait:
            before[folder] = (seen, since, won_by_others)
            raise HeldElsewhereError(folder.name)
        terms.sleep(max(MIN_POLL_SECONDS, terms.ttl * POLL_SHARE))
        now = _read(folder)
        if now != seen:
            if now is not None and not isinstance(now, bytes) and not now.is_released:
                raise HeldElsewhereError(folder.name)
            seen, since = now, clock()


def _begin(folder: Path, number: int, first: int, tried: float, terms: LeaseTerms) -> Lease:
    """The lease under a number that was won; another may have been later and quicker.

    The files of the numbers from `first` on go.
    """
    found = None if terms.is_alone else _read(folder)
    if isinstance(found, Heartbeat) and found.epoch >= number:
        raise HeldElsewhereError(folder.name)
    if terms.clock() - tried >= terms.ttl * STALE_SHARE:
        # frozen in between: others may have taken this number for one that died
        raise HeldElsewhereError(folder.name)
    lease = Lease(folder, number, terms)
    lease.begin(tried)
    for earlier in range(max(first, 1), number):
        forget_epoch(folder, earlier)
    return lease


def _win(folder: Path, number: int, terms: LeaseTerms) -> bool:
    """Whether a number is won; on a full disk too, where nobody else can come."""
    try:
        return take_epoch(folder, number)
    except FileNotFoundError:
        raise
    except OSError:
        if terms.is_alone:
            return True
        raise


def _read(folder: Path) -> Heartbeat | bytes | None:
    """The last beat; what cannot be read as one is nobody's, and changes like one."""
    try:
        # who believed a name that was missing would take a ticket from a holder that lives
        return read_heartbeat(folder)
    except TornHeartbeatError:
        return b""


def _is_free(beat: Heartbeat | bytes | None, terms: LeaseTerms) -> bool:
    """Whether nobody need be waited for."""
    if isinstance(beat, bytes):
        return terms.is_alone  # a holder that died while it wrote
    if beat is None or beat.is_released or terms.is_dead(beat.instance):
        return True
    # a process of this host that was alone: it is dead, or we could not be alone
    return (
        terms.is_alone
        and beat.is_alone
        and is_same_host(beat.instance, terms.instance or instance_id())
    )
