"""Processes of the pool, and what is told of their end."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from presqt_daemon.workers.pool import NICENESS, Pool, Worker
from tests.inbox.running import until


def exit_codes(worker: Worker, askers: int) -> set[int | None]:
    """What several threads hear that ask at the same moment."""
    gate = threading.Barrier(askers)

    def ask() -> int | None:
        gate.wait(10)
        return worker.exit_code(5.0)

    with ThreadPoolExecutor(askers) as threads:
        return {future.result() for future in [threads.submit(ask) for _ in range(askers)]}


def test_every_thread_that_asks_how_a_worker_ended_hears_the_same() -> None:
    pool = Pool()
    for _ in range(20):
        worker = pool.take()
        worker.identity.kill()
        assert exit_codes(worker, 8) == {-9}
        worker.close()


def test_a_worker_that_does_its_task_is_taken_again_and_ended_with_the_pool() -> None:
    pool = Pool()
    worker = pool.take()
    pool.give_back(worker)
    assert pool.take() is worker
    pool.give_back(worker)
    pool.close()
    assert not worker.identity.is_running()


def test_a_worker_lets_the_daemon_go_first_and_so_does_its_session() -> None:
    pool = Pool()
    worker = pool.take()
    own = os.nice(0)
    until(lambda: worker.identity.nice() == own + NICENESS, "a nice worker")
    group = Path(f"/proc/{worker.pid}/autogroup")
    if group.exists():
        until(lambda: group.read_text().endswith(f"nice {NICENESS}\n"), "a nice session")
    pool.close()
