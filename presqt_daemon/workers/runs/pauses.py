"""What holds a whole target, or one ticket, back: one table, carried out here and nowhere else.

| cause | held | asks again |
|---|---|---|
| no connection, no name, a certificate, 5xx on the account's own question | the target | any one
  ticket, beginning with the account's question: after 15 s, doubling to 5 min |
| a rate limit (429) | the target | the same, at the time that it names, at most an hour |
| the token is missing or refused (401, or the account's question is refused) | the target | the
  same, at once when the token's bytes change, else after 5 min, doubling to an hour |
| the target is not configured any more; its path is missing, not mounted or full | the target |
  the same, each minute |
| 403, 404, 409, 5xx of one file, 409 and 5xx of a container, while the account's question is
  answered | that ticket | the request itself, `uploads.retries` times; then the ticket fails with
  the target's words, and a person retries; a container's 403 or 404 is told at once |
| 404, 409 of an address that the target gave in this upload | that request | it is looked up and
  tried again |

A ticket that is held fails for nothing but `uploads.deadline`. A success of anybody's ends a pause:
a file that the target took, or a whole deposit. `retry` of a ticket, a reload and a changed token
have it asked at once, but for a rate limit, whose time is no guess. A pause has one line in the log
where it begins and one where it ends; every ticket that it holds says its cause.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from presqt_daemon.model import PauseKind

FIRST_SECONDS: Mapping[PauseKind, float] = MappingProxyType(
    {
        PauseKind.OUTAGE: 15.0,
        PauseKind.LIMIT: 15.0,
        PauseKind.TOKEN: 300.0,
        PauseKind.OPERATOR: 60.0,
    }
)
LONGEST_SECONDS: Mapping[PauseKind, float] = MappingProxyType(
    {
        PauseKind.OUTAGE: 300.0,
        PauseKind.LIMIT: 300.0,
        PauseKind.TOKEN: 3600.0,
        PauseKind.OPERATOR: 60.0,
    }
)
LONGEST_NAMED_SECONDS = 3600.0
"""How long a rate limit is believed that names its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Why a run has ended that no other ticket of its target would fare better than.

    `seconds` until the target is asked again, where it names them.
    """

    kind: PauseKind
    cause: str
    waiting_for: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A target's tickets are held until one that asks, from `until` on, finds that it serves again.

    `until` is a moment of the monotonic clock, `step` the seconds for which it was set, `since` the
    wall clock's time at which the pause began.
    """

    target: str
    kind: PauseKind
    cause: str
    waiting_for: str
    since: datetime
    until: float
    step: float


def pause_after(
    held: Held, before: Pause | None, *, target: str, was_asked: bool, now: float, wall: datetime
) -> Pause:
    """The pause after a run has met this; `was_asked`: that run was the one that asked.

    Asked in vain, the next question comes later; what others meet meanwhile only moves it where a
    rate limit names a later time.
    """
    step = FIRST_SECONDS[held.kind]
    if before is not None and before.kind is held.kind and was_asked:
        step = min(before.step * 2, LONGEST_SECONDS[held.kind])
    if held.seconds is not None:
        step = min(max(held.seconds, 1.0), LONGEST_NAMED_SECONDS)
    pause = Pause(
        target=target,
        kind=held.kind,
        cause=held.cause,
        waiting_for=held.waiting_for,
        since=wall if before is None else before.since,
        until=now + step,
        step=step,
    )
    if before is None or was_asked:
        return pause
    if held.kind is PauseKind.LIMIT and held.seconds is not None and pause.until > before.until:
        return pause
    return before


def asked_at_once(pause: Pause, now: float) -> Pause:
    """The pause when somebody has mended something, or believes so."""
    if pause.kind is PauseKind.LIMIT:
        return pause
    return replace(pause, until=min(pause.until, now))
