"""How a ticket stands, as the number that `status`, `wait` and `run --once` exit by."""

from collections.abc import Iterable
from enum import IntEnum

from presqt_daemon.model import Status
from presqt_daemon.tickets.process_info import ProcessInfo


class Verdict(IntEnum):
    """How a ticket stands; the values are exit codes."""

    VERIFIED = 0
    FAILED = 1
    DIFFERS = 2
    OPEN = 3


_FROM_GOOD_TO_BAD = (Verdict.VERIFIED, Verdict.DIFFERS, Verdict.OPEN, Verdict.FAILED)


def verdict(info: ProcessInfo) -> Verdict:
    """How the ticket stands.

    Verified means that every payload file is at the target with a digest that matches, ignored
    ones included; a digest that the target did not compute itself is no match.
    """
    if info.status is Status.IN_PROGRESS:
        return Verdict.OPEN
    if info.status is Status.FAILED:
        return Verdict.FAILED
    if info.failed_fixity or info.unverified_fixity or info.ignored_different:
        return Verdict.DIFFERS
    return Verdict.VERIFIED


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of several; of none, `VERIFIED`."""
    return max(verdicts, key=_FROM_GOOD_TO_BAD.index, default=Verdict.VERIFIED)
