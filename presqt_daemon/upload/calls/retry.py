"""What to do after a call to the target has failed: a pure decision over small values."""

from dataclasses import dataclass

from presqt_daemon.errors import PresqtError

LONGEST_SLEEP = 30.0
"""Seconds; a longer wait gives the worker back."""

FIRST_WAIT = 1.0
UNNAMED_LIMIT_SECONDS = 60.0
"""How long to stay away from a rate limit that names no time."""


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


def decide_retry(
    error: PresqtError, *, attempt: int, retries: int, elapsed: float, limit: float, spread: float
) -> Decision:
    """Whether the failed call is made again.

    `attempt` counts calls from 1; `elapsed` is in seconds since the first failure, of which no more
    than `limit` are spent here; `spread` (0..1) keeps parallel callers apart.
    """
    is_limit = error.code == "rate-limited"
    if not error.retryable and not is_limit:
        return GiveUp()
    seconds = min(LONGEST_SLEEP, FIRST_WAIT * 2 ** (attempt - 1)) * (1 + spread) / 2
    if error.retry_after is not None:
        seconds = max(error.retry_after, 0.0)
    if is_limit and seconds > LONGEST_SLEEP:
        return Park(seconds=seconds)
    seconds = min(seconds, LONGEST_SLEEP)
    if attempt > retries or elapsed + seconds > limit:
        return Park(seconds=max(seconds, UNNAMED_LIMIT_SECONDS)) if is_limit else GiveUp()
    return Retry(seconds=seconds)
