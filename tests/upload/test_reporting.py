"""What the supervisor hears of waits."""

import threading
from pathlib import Path

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import TargetFault
from presqt_daemon.messages import Delayed, Report
from presqt_daemon.targets.base import Target
from presqt_daemon.upload.reporting import Reporter
from presqt_daemon.upload.send import send
from tests.targets.memory import MemoryStore
from tests.upload.tickets import Supervisor, job_for, staged


def test_a_wait_is_told_once_and_its_end_too() -> None:
    told: list[Report] = []
    reporter = Reporter(told.append, clock=lambda: 100.0)
    reporter.waits_for("a digest", 7.0)
    reporter.report_when_due()
    reporter.report_when_due()
    reporter.waits_for("", 0.0)
    reporter.report_when_due()
    reporter.report_when_due()
    waits = [one for one in told if isinstance(one, Delayed)]
    assert waits == [Delayed(waiting_for="a digest", seconds=7.0), Delayed(waiting_for=None)]


def test_of_several_threads_the_wait_that_ends_last_is_told() -> None:
    told: list[Report] = []
    reporter = Reporter(told.append, clock=lambda: 100.0)
    other = threading.Thread(target=reporter.waits_for, args=("the longer", 9.0))
    other.start()
    other.join()
    reporter.waits_for("the shorter", 6.0)
    reporter.report_when_due()
    reporter.waits_for("", 0.0)
    reporter.report_when_due()
    assert [one.waiting_for for one in told if isinstance(one, Delayed)] == ["the longer"]


def test_the_wait_for_a_connection_is_told_while_it_lasts(tmp_path: Path) -> None:
    store, tries = MemoryStore(), 0
    supervisor = Supervisor()
    at_each_sleep: list[Delayed | None] = []

    def connect(config: TargetConfig, token: str | None) -> Target:
        nonlocal tries
        tries += 1
        if tries < 5:
            raise TargetFault(
                "target-unavailable", "The disk is not there.", retryable=True, retry_after=7.0
            )
        return store.connect(config, token)

    def sleep(_seconds: float) -> None:
        told = [one for one in supervisor.reports if isinstance(one, Delayed)]
        at_each_sleep.append(told[-1] if told else None)

    job = job_for(staged(tmp_path), TargetConfig(name="memory", type="memory"))
    send(job, supervisor.ask, supervisor.reports.append, sleep=sleep, connect=connect)
    assert tries == 5
    assert at_each_sleep[-1] is not None
    assert "The disk is not there." in str(at_each_sleep[-1].waiting_for)
    told = [one for one in supervisor.reports if isinstance(one, Delayed)]
    assert told[-1] == Delayed(waiting_for=None)
