"""What the supervisor hears of waits."""

import threading

from presqt_daemon.reports import Delayed, Report
from presqt_daemon.upload.reporting import Reporter


def test_a_wait_is_told_once_and_its_end_too() -> None:
    told: list[Report] = []
    reporter = Reporter(told.append, clock=lambda: 100.0)
    reporter.waits_for("a digest", 7.0)
    reporter.look()
    reporter.look()
    reporter.waits_for("", 0.0)
    reporter.look()
    reporter.look()
    waits = [one for one in told if isinstance(one, Delayed)]
    assert waits == [Delayed(waiting_for="a digest", seconds=7.0), Delayed(waiting_for=None)]


def test_of_several_threads_the_wait_that_ends_last_is_told() -> None:
    told: list[Report] = []
    reporter = Reporter(told.append, clock=lambda: 100.0)
    other = threading.Thread(target=reporter.waits_for, args=("the longer", 9.0))
    other.start()
    other.join()
    reporter.waits_for("the shorter", 6.0)
    reporter.look()
    reporter.waits_for("", 0.0)
    reporter.look()
    assert [one.waiting_for for one in told if isinstance(one, Delayed)] == ["the longer"]
