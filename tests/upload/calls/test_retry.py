import pytest

from presqt_daemon.errors import PresqtError, TargetFault, UserFault
from presqt_daemon.upload.calls.patience import NextCall, decide_retry

DOWN = TargetFault("target-unavailable", "down", retryable=True)
ODD = TargetFault("target-misbehaved", "odd", retryable=True)


def limited(seconds: float | None) -> TargetFault:
    return TargetFault("rate-limited", "slow down", retry_after=seconds)


def after(
    error: PresqtError, attempt: int = 1, elapsed: float = 0, spread: float = 1.0
) -> NextCall | None:
    return decide_retry(
        error, attempt=attempt, retries=5, elapsed=elapsed, limit=300, spread=spread
    )


@pytest.mark.parametrize(
    "error", [UserFault("forbidden", "no"), TargetFault("target-refused", "no")]
)
def test_what_will_not_pass_is_not_tried_again(error: PresqtError) -> None:
    assert after(error) is None


def test_waits_double_up_to_half_a_minute() -> None:
    waits = [after(DOWN, attempt) for attempt in range(1, 6)]
    assert waits == [NextCall(seconds=s) for s in (1.0, 2.0, 4.0, 8.0, 16.0)]
    decision = decide_retry(DOWN, attempt=9, retries=20, elapsed=0, limit=300, spread=1)
    assert decision == NextCall(seconds=30)


def test_callers_are_spread_over_half_the_wait() -> None:
    assert after(DOWN, 3, spread=0.0) == NextCall(seconds=2.0)


def test_the_targets_own_time_is_kept() -> None:
    assert after(limited(7)) == NextCall(seconds=7)
    assert after(limited(-3)) == NextCall(seconds=0)


def test_a_long_wait_gives_the_worker_back() -> None:
    assert after(limited(30)) == NextCall(seconds=30)
    assert after(limited(31)) == NextCall(seconds=31, is_later=True)


def test_a_rate_limit_without_a_time_gives_the_worker_back_at_last() -> None:
    assert after(limited(None), attempt=6) == NextCall(seconds=60, is_later=True)


def test_every_other_fault_ends_after_the_last_retry() -> None:
    assert after(DOWN, attempt=6) is None
    assert after(ODD, attempt=5) == NextCall(seconds=16)
    assert after(ODD, attempt=6) is None


def test_waiting_never_comes_near_the_stall_limit() -> None:
    assert after(DOWN, attempt=2, elapsed=298) == NextCall(seconds=2)
    assert after(DOWN, attempt=2, elapsed=299) is None
