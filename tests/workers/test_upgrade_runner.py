"""Runs of prepare-upgrade in real workers: what hangs, what dies early, what is asked meanwhile."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from presqt_daemon.config import Config
from presqt_daemon.messages import Alive
from presqt_daemon.upgrade.state import JobState
from presqt_daemon.workers import upgrade_runner
from presqt_daemon.workers.processes.pool import Pool, _process
from presqt_daemon.workers.processes.worker import Worker
from presqt_daemon.workers.upgrade_runner import STOPPED, UpgradeRunner
from tests.inbox.running import until
from tests.upgrade.past import presqt


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "uploads").mkdir()
    return Config(mediafiles=tmp_path)


class ShortPool(Pool):
    """Gives out workers that come to nothing before it gives real ones."""

    def __init__(self, life: Callable[[Connection], None], count: int) -> None:
        super().__init__()
        self.life, self.left = life, count
        self.workers: list[Worker] = []

    def start_worker(self) -> Worker:
        if self.left:
            self.left -= 1
            ours, theirs = multiprocessing.Pipe()
            with theirs:
                process = _process(target=self.life, arguments=(theirs,), name="short")
                process.start()
            self.workers.append(Worker(process, psutil.Process(process.pid), ours))
        else:
            self.workers.append(super().start_worker())
        return self.workers[-1]


def leave(_channel: Connection) -> None:
    """A worker for which there were no threads."""
    os._exit(os.EX_TEMPFAIL)


def begin_and_die(channel: Connection) -> None:
    """A worker that dies when it lists the tickets."""
    channel.send(Alive())
    channel.recv()
    os._exit(9)


def begin_and_hang(channel: Connection) -> None:
    """A worker over whose listing a file server has gone."""
    channel.send(Alive())
    while True:
        time.sleep(60)


@contextmanager
def running(config: Config, pool: Pool) -> Iterator[UpgradeRunner]:
    runner = UpgradeRunner(config, pool)
    try:
        yield runner
    finally:
        runner.stop()


def state_of(runner: UpgradeRunner) -> JobState:
    state = runner.state()
    assert state is not None
    return state


def turn(runner: UpgradeRunner) -> bool:
    """The loop's turn; whether the run is over."""
    runner.start_missing_threads()
    return not runner.is_running


def test_workers_that_could_not_begin_count_for_no_ticket_and_the_run_goes_on(
    config: Config,
) -> None:
    folder = presqt(config.uploads_folder)
    with running(config, ShortPool(leave, 2)) as runner:
        runner.ask(force=False)
        until(lambda: turn(runner), "the run is over")
        assert (state_of(runner).complete, state_of(runner).failed_total) == (True, 0)
    assert folder.receipt.exists()


def test_a_run_whose_workers_die_before_they_look_at_a_ticket_has_failed(config: Config) -> None:
    presqt(config.uploads_folder)
    pool = ShortPool(begin_and_die, 9)
    with running(config, pool) as runner:
        runner.ask(force=False)
        until(lambda: turn(runner), "the run is over")
        assert (state_of(runner).status, state_of(runner).status_code) == ("failed", 500)
        assert "before it looks at a ticket" in state_of(runner).message
    assert len(pool.workers) == 2


def test_a_worker_that_hangs_is_ended_by_the_stall_limit(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    folder = presqt(config.uploads_folder)
    config = replace(config, uploads=replace(config.uploads, stall_limit=5.0))
    pool = ShortPool(begin_and_hang, 1)
    with running(config, pool) as runner:
        runner.ask(force=False)
        until(lambda: turn(runner), "the run is over")
        assert state_of(runner).complete
    assert folder.receipt.exists()
    assert not psutil.pid_exists(pool.workers[0].pid) or not pool.workers[0].identity.is_running()


def test_a_stop_ends_the_worker_and_the_state_says_that_the_run_goes_on_later(
    config: Config,
) -> None:
    presqt(config.uploads_folder)
    pool = ShortPool(begin_and_hang, 1)
    with running(config, pool) as runner:
        runner.ask(force=False)
        until(lambda: bool(pool.workers), "a worker")
        runner.stop()
        assert not pool.workers[0].identity.is_running()
        assert (state_of(runner).is_open, state_of(runner).message) == (True, STOPPED)
    with running(config, Pool()) as later:
        run = state_of(later).run
        later.go_on()
        until(lambda: turn(later), "the run is over")
        assert (state_of(later).run, state_of(later).complete) == (run, True)


def test_a_run_for_which_there_is_no_thread_now_begins_later(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    presqt(config.uploads_folder)
    with running(config, Pool()) as runner:
        with monkeypatch.context() as patch:
            patch.setattr(upgrade_runner, "start_thread", lambda *_: None)
            runner.ask(force=False)
            assert runner.is_running
            assert runner.state() is None
        until(lambda: turn(runner), "the run is over")
        assert state_of(runner).complete


def test_a_second_request_for_a_run_that_waits_for_a_thread_is_the_same_run(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(config, Pool()) as runner:
        with monkeypatch.context() as patch:
            patch.setattr(upgrade_runner, "start_thread", lambda *_: None)
            runner.ask(force=True)
            runner.ask(force=False)
        until(lambda: turn(runner), "the run is over")
        first = state_of(runner).run
        runner.ask(force=False)
        until(lambda: turn(runner), "the run is over")
        assert state_of(runner).run == first
        runner.ask(force=True)
        until(lambda: turn(runner), "the run is over")
        assert state_of(runner).run != first
