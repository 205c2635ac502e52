import threading

import pytest

from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.upload.calls.patience import BrokenOff, MustWait, Patience


class Watch:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def clock(self) -> float:
        return self.now


class Requests:
    """A request that fails with each of the faults in turn."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.doubts: list[bool] = []

    def __call__(self, is_doubtful: bool) -> str:
        self.doubts.append(is_doubtful)
        if self.faults:
            raise self.faults.pop(0)
        return "done"


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def patience(watch: Watch) -> Patience:
    return Patience(target="osf", retries=3, limit=300, sleep=watch.sleep, clock=watch.clock)


def limited(seconds: float) -> TargetFault:
    return TargetFault("rate-limited", "too many", retryable=True, retry_after=seconds)


def test_a_call_that_fails_is_made_again_after_the_targets_time(
    patience: Patience, watch: Watch
) -> None:
    requests = Requests(limited(20))
    assert patience.call(requests) == "done"
    assert watch.now == 20
    assert requests.doubts == [False, False]


def test_a_lost_connection_makes_what_follows_doubtful(patience: Patience) -> None:
    requests = Requests(ConnectionResetError(104, "Connection reset by peer"), limited(1))
    assert patience.call(requests) == "done"
    assert requests.doubts == [False, True, True]


def test_a_call_that_cannot_be_repeated_is_not_made_twice(patience: Patience) -> None:
    requests = Requests(ConnectionResetError(104, "Connection reset by peer"))
    with pytest.raises(TargetFault, match="The connection to osf was lost: Connection reset"):
        patience.call(requests, is_repeatable=False)
    assert requests.doubts == [False]


def test_a_long_wait_says_why_and_how_long(patience: Patience, watch: Watch) -> None:
    with pytest.raises(MustWait) as raised:
        patience.call(Requests(limited(600)))
    limit = raised.value.limited
    assert (limit.reason, limit.waiting_for, limit.seconds) == (
        "too many",
        "the target's rate limit",
        600,
    )
    assert watch.now == 0


def test_a_call_that_stays_refused_raises_the_targets_words(patience: Patience) -> None:
    down = TargetFault("target-unavailable", "down", retryable=True)
    with pytest.raises(TargetFault, match="down"):
        patience.call(Requests(*[down] * 9))


def test_one_threads_rate_limit_holds_all(watch: Watch) -> None:
    sleeping, released = threading.Event(), threading.Event()

    def sleep(seconds: float) -> None:
        if threading.current_thread() is limited_one:
            sleeping.set()
            released.wait(10)
        else:
            watch.sleep(seconds)

    patience = Patience(target="osf", retries=3, limit=300, sleep=sleep, clock=watch.clock)
    limited_one = threading.Thread(target=patience.call, args=(Requests(limited(20)),))
    limited_one.start()
    assert sleeping.wait(10)
    try:
        assert patience.call(lambda _is_doubtful: watch.now) == 20
    finally:
        released.set()
        limited_one.join()


def test_waits_end_when_another_part_has_failed(patience: Patience, watch: Watch) -> None:
    patience.stop.set()
    requests = Requests()
    with pytest.raises(BrokenOff):
        patience.call(requests)
    assert requests.doubts == []


def test_a_fault_of_the_sender_flies_at_once(patience: Patience, watch: Watch) -> None:
    fault = UserFault("forbidden", "no")
    with pytest.raises(UserFault) as raised:
        patience.call(Requests(fault))
    assert raised.value is fault
    assert watch.now == 0


def test_a_name_that_is_taken_is_no_lost_connection(patience: Patience) -> None:
    with pytest.raises(FileExistsError):
        patience.call(Requests(FileExistsError("x")))


def test_a_wait_of_more_than_five_seconds_is_told_of_and_so_is_its_end(watch: Watch) -> None:
    told: list[tuple[str, float]] = []
    patience = Patience(
        target="osf",
        retries=3,
        limit=300,
        sleep=watch.sleep,
        clock=watch.clock,
        waits_for=lambda what, seconds: told.append((what, seconds)),
    )
    lost = TargetFault("target-unavailable", "It said 500.", retryable=True, retry_after=8)
    short = TargetFault("target-unavailable", "It said 500.", retryable=True, retry_after=5)
    patience.call(Requests(limited(20), lost, short))
    assert told == [
        ("the target's rate limit", 20),
        ("", 0),
        ("the target, which is tried again (It said 500.)", 8),
        ("", 0),
    ]
