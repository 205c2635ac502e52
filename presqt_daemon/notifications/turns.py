"""When a receiver is told next: what comes soon after waits for it, a failure for longer each time.

Pure; moments are of the monotonic clock.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from presqt_daemon.notifications.outbox import Entry
from presqt_daemon.receivers import NotifyConfig, ReceiverConfig

FIRST_RETRY_SECONDS = 15.0
LONGEST_RETRY_SECONDS = 900.0
KEPT_FOR = timedelta(days=7)
"""What could not be told for so long is given up, and the next message says how much that was."""

MOST_KEPT = 10_000
"""Of one receiver; the oldest go first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """How it stands with one receiver.

    `since` is when the oldest of what it has not been told came in, `told_at` when it was told
    last, `failures` how often in vain since. `lost` were given up, of which it has not been told.
    """

    since: float | None = None
    told_at: float = float("-inf")
    retry_at: float = float("-inf")
    failures: int = 0
    lost: int = 0
    is_busy: bool = False


def next_moment(turn: Turn, receiver: ReceiverConfig, config: NotifyConfig) -> float | None:
    """When a receiver is told next, None while there is nothing or it is being told."""
    if turn.since is None or turn.is_busy:
        return None
    if receiver.command or turn.failures:
        return max(turn.since, turn.retry_at)
    return max(turn.since + config.gather, turn.told_at + config.every, turn.retry_at)


def after_success(now: float, *, is_more: bool) -> Turn:
    """The turn when a receiver has been told; `is_more`: not yet of everything."""
    return Turn(since=now if is_more else None, told_at=now)


def after_failure(turn: Turn, now: float) -> Turn:
    """The turn when it could not be told: 15 seconds, doubling to a quarter of an hour."""
    wait = min(FIRST_RETRY_SECONDS * 2 ** min(turn.failures, 10), LONGEST_RETRY_SECONDS)
    return replace(turn, failures=turn.failures + 1, retry_at=now + wait, is_busy=False)


def given_up(entries: list[Entry], now: datetime) -> list[Entry]:
    """Of what one receiver is still to be told, oldest first: what it never will be."""
    old = [entry for entry in entries if now - entry.notification.at > KEPT_FOR]
    return old + entries[len(old) : max(len(old), len(entries) - MOST_KEPT)]
