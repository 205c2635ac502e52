import threading
from collections.abc import Iterator

import pytest

from presqt_daemon.errors import PayloadSpoilt, TargetFault
from presqt_daemon.messages import Limited
from presqt_daemon.upload.calls.patience import MustWait, Patience
from presqt_daemon.upload.calls.threads import TargetThreads

FAULT = TargetFault("target-refused", "no")
WAIT = MustWait(Limited(reason="", waiting_for="", seconds=1))


@pytest.fixture
def looks() -> list[int]:
    return []


@pytest.fixture
def lane(looks: list[int]) -> Iterator[TargetThreads]:
    patience = Patience(
        target="t", retries=0, limit=1, sleep=lambda _seconds: None, clock=lambda: 0.0
    )
    made = TargetThreads(3, patience, [lambda: looks.append(1)])
    yield made
    made.close()


def test_every_job_has_its_result(lane: TargetThreads) -> None:
    assert sorted(lane.each(lambda job: job * 2, range(50))) == [job * 2 for job in range(50)]


def test_few_jobs_are_drawn_ahead(lane: TargetThreads) -> None:
    done: list[int] = []
    ahead: list[int] = []

    def jobs() -> Iterator[int]:
        for job in range(300):
            ahead.append(job - len(done))
            yield job

    for result in lane.each(lambda job: job, jobs()):
        done += [result]
    assert max(ahead) <= 6


def test_after_a_failure_no_new_job_is_drawn(lane: TargetThreads) -> None:
    drawn: list[int] = []

    def jobs() -> Iterator[int]:
        for job in range(300):
            drawn.append(job)
            yield job

    def work(job: int) -> None:
        if job == 20:
            raise FAULT

    with pytest.raises(TargetFault):
        list(lane.each(work, jobs()))
    assert 20 < len(drawn) < 40


def test_somebody_looks_while_a_call_takes_long(lane: TargetThreads, looks: list[int]) -> None:
    def wait_for_a_look(_is_doubtful: bool) -> bool:
        until = threading.Event()
        while not looks:
            until.wait(0.01)
        return True

    assert lane.run(wait_for_a_look)


@pytest.mark.parametrize(
    ("errors", "gravest"),
    [
        ([WAIT, FAULT], FAULT),
        ([FAULT, ZeroDivisionError()], ZeroDivisionError),
        ([FAULT, PayloadSpoilt()], PayloadSpoilt),
        ([WAIT], MustWait),
    ],
)
def test_the_gravest_error_flies(
    lane: TargetThreads, errors: list[Exception], gravest: type[Exception] | Exception
) -> None:
    meeting = threading.Barrier(len(errors))

    def fail(error: Exception) -> None:
        meeting.wait(10)
        raise error

    kind = gravest if isinstance(gravest, type) else type(gravest)
    with pytest.raises(kind):
        list(lane.each(fail, errors))
