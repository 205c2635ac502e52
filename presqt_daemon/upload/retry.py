"""What to do after a call to the target has failed: a pure decision over small values."""

from dataclasses import dataclass

from presqt_daemon.errors import PresqtError

LONGEST_SLEEP = 30.0
"""Seconds; a longer wait gives the worker back."""

FIRST_WAIT = 1.0
PARK_SECONDS = {"rate-limited": 60.0, "target-unavailable": 300.0, "target-full": 300.0}
"""How long to stay away where the target names no time; other faults are not waited for."""

WAITING_FOR = {"rate-limited": "the target's rate limit"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Call again after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Park:
    """Give the worker back and come again after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The error is the answer."""


Decision = Retry | Park | GiveUp


def decide(
    error: PresqtError, *, attempt: int, retries: int, elapsed: float, limit: float, spread: float
) -> Decision:
    """Whether the failed call is made again.

    `attempt` counts calls from 1; `elapsed` is in seconds since the first failure, of which no more
    than `limit` are spent here; `spread` (0..1) keeps parallel callers apart.
    """
    if not error.retryable and error.code != "rate-limited":
        return GiveUp()
    if error.retry_after is not None:
        seconds = max(error.retry_after, 0.0)
    else:
        seconds = min(LONGEST_SLEEP, FIRST_WAIT * 2 ** (attempt - 1)) * (1 + spread) / 2
    if seconds > LONGEST_SLEEP:
        return Park(seconds=seconds)
    if attempt > retries or elapsed + seconds > limit:
        if error.code not in PARK_SECONDS:
            return GiveUp()
        return Park(seconds=max(seconds, PARK_SECONDS[error.code]))
    return Retry(seconds=seconds)
