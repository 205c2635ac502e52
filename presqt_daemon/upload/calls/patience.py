"""Calls to a target that are made again when that helps, and the end of a run that must wait."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from presqt_daemon.errors import PresqtError, TargetFault
from presqt_daemon.messages import Limited
from presqt_daemon.model import PauseKind

_SLICE_SECONDS = 0.5
TOLD_SECONDS = 5.0
"""A longer wait is told of."""

RATE_LIMIT = "the target's rate limit"
PACE = "its turn at the target, which takes so many requests a minute"
AGAIN = "the target, which is tried again"

_ANY = TypeVar("_ANY")

LONGEST_SLEEP = 30.0
"""Seconds; a longer wait gives the worker back."""

FIRST_WAIT = 1.0
UNNAMED_LIMIT_SECONDS = 60.0
"""How long to stay away from a rate limit that names no time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextCall:
    """The call is made again after `seconds`; `is_later`: the worker is given back until then."""

    seconds: float
    is_later: bool = False


def decide_retry(
    error: PresqtError,
    *,
    attempt: int,
    retries: int,
    elapsed: float,
    limit: float,
    spread: float,
    may_pass: frozenset[str] = frozenset(),
) -> NextCall | None:
    """When the failed call is made again, None where the error is the answer.

    `attempt` counts calls from 1; `elapsed` is in seconds since the first failure, of which no more
    than `limit` are spent here; `spread` (0..1) keeps parallel callers apart; `may_pass` are codes
    that are final elsewhere.
    """
    is_limit = error.code == "rate-limited"
    if not (error.retryable or is_limit or error.code in may_pass):
        return None
    seconds = min(LONGEST_SLEEP, FIRST_WAIT * 2 ** (attempt - 1)) * (1 + spread) / 2
    if error.retry_after is not None:
        seconds = max(error.retry_after, 0.0)
    if is_limit and seconds > LONGEST_SLEEP:
        return NextCall(seconds=seconds, is_later=True)
    seconds = min(seconds, LONGEST_SLEEP)
    if attempt <= retries and elapsed + seconds <= limit:
        return NextCall(seconds=seconds)
    return (
        NextCall(seconds=max(seconds, UNNAMED_LIMIT_SECONDS), is_later=True) if is_limit else None
    )


class MustWait(Exception):
    """The run ends here and goes on later; `limited` says when and why."""

    def __init__(self, limited: Limited) -> None:
        super().__init__(limited)
        self.limited = limited


class BrokenOff(Exception):
    """A wait was broken off, since another part of the upload has failed."""


@dataclass(kw_only=True)
class Patience:
    """Calls, retries and waits of one upload; shared by its threads.

    A rate limit that one thread meets holds all of them. `limit` is the longest time in seconds
    that one call may wait in all. `before_each` is called from any thread before a request,
    `before_more` before more of its body is sent; they may not return. `waits_for` hears, from any
    thread, what a wait of more than 5 s is for and how long it is, and an empty text after it.
    """

    target: str
    retries: int
    limit: float
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    waits_for: Callable[[str, float], None] = lambda _what, _seconds: None
    before_each: Callable[[], None] = lambda: None
    before_more: Callable[[], None] = lambda: None
    stop: threading.Event = field(default_factory=threading.Event)
    _held_until: float = 0.0

    def call(
        self,
        request: Callable[[bool], _ANY],
        *,
        is_repeatable: bool = True,
        retries: int | None = None,
        may_pass: frozenset[str] = frozenset(),
    ) -> _ANY:
        """What the request returns, after as many goes as it takes.

        It is told whether an earlier go may have taken effect. Raises MustWait, BrokenOff, or the
        last PresqtError; FileExistsError and all that is no failure of the target pass through.
        One that is not repeatable is not made again once its outcome is unknown; `retries` where
        they are not the upload's; `may_pass` as `decide_retry`.
        """
        attempt, is_doubtful, first_failure = 0, False, None
        while True:
            self.wait(self._held_until - self.clock(), RATE_LIMIT)
            attempt += 1
            self.before_each()
            try:
                return request(is_doubtful)
            except FileExistsError:
                raise
            except (PresqtError, OSError) as error:
                fault = self._fault_from(error)
                now = self.clock()
                first_failure = now if first_failure is None else first_failure
                is_doubtful = is_doubtful or fault.outcome_unknown
                next_call = decide_retry(
                    fault,
                    attempt=attempt,
                    retries=self.retries if retries is None else retries,
                    elapsed=now - first_failure,
                    limit=self.limit,
                    spread=random.random(),  # noqa: S311  (spreads callers, hides nothing)
                    may_pass=may_pass,
                )
                if next_call is None or (is_doubtful and not is_repeatable):
                    if fault is error:
                        raise
                    raise fault from error
            if next_call.is_later:
                raise MustWait(limited_by(fault, next_call.seconds))
            is_limit = fault.code == "rate-limited"
            if is_limit:
                self._held_until = max(self._held_until, now + next_call.seconds)
            self.wait(next_call.seconds, RATE_LIMIT if is_limit else f"{AGAIN} ({fault.message})")

    def ask(self, request: Callable[[], _ANY], /) -> _ANY:
        """The same for a question, which changes nothing and leaves no doubt."""
        return self.call(lambda _doubtful: request())

    def wait(self, seconds: float, what: str) -> None:
        """Return after so many seconds, at once for none; `what` it is for. Raises BrokenOff."""
        if seconds <= TOLD_SECONDS:
            self._sleep_for(seconds)
            return
        self.waits_for(what, seconds)
        try:
            self._sleep_for(seconds)
        finally:
            self.waits_for("", 0.0)

    def _sleep_for(self, seconds: float) -> None:
        while seconds > 0:
            if self.stop.is_set():
                raise BrokenOff
            self.sleep(min(seconds, _SLICE_SECONDS))
            seconds -= _SLICE_SECONDS
        if self.stop.is_set():
            raise BrokenOff

    def _fault_from(self, error: PresqtError | OSError) -> PresqtError:
        if isinstance(error, PresqtError):
            return error
        reason = error.strerror or type(error).__name__
        return TargetFault(
            "target-unavailable",
            f"The connection to {self.target} was lost: {reason}.",
            retryable=True,
            outcome_unknown=True,
        )


def limited_by(fault: PresqtError, seconds: float | None) -> Limited:
    """The pause that a rate limit asks for."""
    return Limited(
        reason=fault.message,
        waiting_for=RATE_LIMIT,
        seconds=seconds,
        kind=PauseKind.LIMIT,
    )
