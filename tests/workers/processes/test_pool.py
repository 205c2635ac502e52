"""Processes of the pool, what is told of their end, and what happens where none can be had."""

import contextlib
import importlib
import multiprocessing
import os
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from pathlib import Path

import psutil
import pytest

from presqt_daemon.config import Config
from presqt_daemon.messages import Alive
from presqt_daemon.system.programs.tree import end_tree
from presqt_daemon.workers.processes.pool import (
    FREE_SECONDS,
    NICENESS,
    NOT_BEGUN,
    PRELOAD,
    SMALL_BYTES,
    TICKET_VARIABLE,
    Pool,
    _process,
)
from presqt_daemon.workers.processes.tasks import StageTask
from presqt_daemon.workers.processes.worker import Worker
from presqt_daemon.workers.runs.run import SHORTAGE, ParkError
from tests.inbox.running import until


def exit_codes(worker: Worker, askers: int) -> set[int | None]:
    """What several threads hear that ask at the same moment."""
    gate = threading.Barrier(askers)

    def ask() -> int | None:
        gate.wait(10)
        return worker.exit_code(50.0)

    with ThreadPoolExecutor(askers) as threads:
        return {future.result() for future in [threads.submit(ask) for _ in range(askers)]}


def end(worker: Worker) -> None:
    """Let a worker go that has got no task."""
    with contextlib.suppress(psutil.NoSuchProcess):
        worker.identity.kill()
    worker.exit_code(50.0)
    worker.close()


def server() -> psutil.Process:
    """The process that starts workers."""
    pid: int = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    return psutil.Process(pid)


@pytest.mark.parametrize("name", PRELOAD)
def test_what_new_workers_have_at_once_is_there(name: str) -> None:
    # the process that starts workers passes over what it cannot import
    importlib.import_module(name)


def test_every_thread_that_asks_how_a_worker_ended_hears_the_same() -> None:
    pool = Pool()
    for _ in range(20):
        worker = pool.start_worker()
        worker.identity.kill()
        assert exit_codes(worker, 8) == {-9}
        worker.close()


def test_a_worker_whose_daemon_lets_go_of_it_ends() -> None:
    worker = Pool().start_worker()
    worker.channel.close()
    until(lambda: not worker.identity.is_running(), "the worker's end")


def test_a_worker_lets_the_daemon_go_first_and_so_does_its_session() -> None:
    worker = serving(do_nothing)
    own = os.nice(0)
    assert worker.send(StageTask(ticket="t", job=None, claim=None, source_file="", config=Config()))  # type: ignore[arg-type]
    until(lambda: worker.identity.nice() == own + NICENESS, "a nice worker")
    group = Path(f"/proc/{worker.pid}/autogroup")
    if group.exists():
        until(lambda: group.read_text().endswith(f"nice {NICENESS}\n"), "a nice session")
    end(worker)


def test_workers_outlive_the_process_that_started_them_and_the_next_start_gets_another() -> None:
    pool = Pool()
    worker = pool.start_worker()
    until(lambda: worker.receive(0.05)[0] == Alive(), "that it has begun")
    server().kill()
    lost = worker.process.sentinel
    until(lambda: lost in wait([lost], 0), "the loss of the process that knows the exit code")
    assert worker.receive(0.01) == (None, True)
    until(lambda: not server().is_running() or server().status() == "zombie", "its end")
    other = pool.start_worker()
    worker.identity.kill()
    assert worker.exit_code(50.0) is None, "nobody knows how it ended"
    worker.close()
    end(other)


def test_a_process_that_hangs_while_it_starts_workers_is_replaced_and_nobody_else_waits() -> None:
    pool = Pool(start_seconds=0.2)
    end(pool.start_worker())
    server().suspend()
    with ThreadPoolExecutor(1) as threads:
        start = threads.submit(pool.start_worker)
        deadline = time.monotonic() + 60
        while not start.done() and time.monotonic() < deadline:
            pool.end_hung_start()
            time.sleep(0.01)
        with pytest.raises(ParkError, match=SHORTAGE):
            start.result(0)
    end(pool.start_worker())


def test_no_handle_left_means_that_the_run_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(multiprocessing, "Pipe", refuse)
    with pytest.raises(ParkError, match=SHORTAGE):
        Pool().start_worker()


def test_no_process_to_be_had_means_that_the_run_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(forkserver, "connect_to_new_process", refuse)
    with pytest.raises(ParkError, match=SHORTAGE):
        Pool().start_worker()


def half(channel: Connection) -> None:
    """A worker that freezes in the middle of its second message."""
    channel.recv()
    channel.send(Alive())
    os.write(channel.fileno(), struct.pack("!i", 1_000_000) + b"x" * 1000)
    threading.Event().wait()


def large(channel: Connection) -> None:
    channel.send("y" * 3_000_000)
    channel.send("last")


def started(target: object) -> Worker:
    ours, theirs = multiprocessing.Pipe()
    process = _process(target=target, arguments=(theirs,), name="w")  # type: ignore[arg-type]
    process.start()
    theirs.close()
    return Worker(process=process, identity=psutil.Process(process.pid), channel=ours)


def test_half_a_message_of_a_frozen_worker_blinds_nobody() -> None:
    worker = started(half)
    worker.send("go")
    until(lambda: worker.receive(0.05)[0] == Alive(), "the whole message")
    with ThreadPoolExecutor(1) as threads:
        for _ in range(5):
            assert threads.submit(worker.receive, 0.05).result(30) == (None, True)
    worker.identity.send_signal(signal.SIGKILL)
    until(lambda: worker.receive(0.05) == (None, False), "the worker's end")
    end(worker)


def test_a_large_message_comes_whole_and_what_was_said_before_the_end_is_heard() -> None:
    worker = started(large)
    heard: list[object] = []

    def listen() -> bool:
        message, lives = worker.receive(1.0)
        heard.extend([message] if message is not None else [])
        return not lives

    until(listen, "the end")
    assert heard == ["y" * 3_000_000, "last"]
    end(worker)


def linger(channel: Connection) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    channel.send(Alive())
    threading.Event().wait()


def test_a_worker_that_is_let_go_of_before_it_is_reaped_keeps_no_pipe_open() -> None:
    """Whoever has spoken with it may still refer to it: on a busy machine many did."""
    worker = started(linger)
    until(lambda: worker.receive(0.05)[0] == Alive(), "it to begin")
    identity, pipe = worker.identity, os.readlink(f"/proc/self/fd/{worker.process.sentinel}")
    worker.close()
    identity.kill()
    until(lambda: not identity.is_running(), "its end")

    def is_closed() -> bool:
        multiprocessing.active_children()  # as every start of a process does
        for link in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                if os.readlink(link) == pipe:
                    return False
        return True

    until(is_closed, "its pipe to be closed")
    worker.close()


def unable(channel: Connection, verbosity: int, *, journal: bool) -> None:
    """A worker in a machine that has no memory left."""
    from presqt_daemon.workers.processes import pool  # noqa: PLC0415

    def refuse(*_: object, **_more: object) -> None:
        raise MemoryError

    pool.open_log = refuse  # type: ignore[attr-defined]
    pool.serve(channel, verbosity, journal)


def begin_unable(channel: Connection) -> None:
    unable(channel, 0, journal=False)


def test_a_worker_that_gets_no_memory_says_so_by_its_exit_code() -> None:
    worker = started(begin_unable)
    assert worker.exit_code(50.0) == NOT_BEGUN
    worker.close()


def leave_a_program(_task: object, channel: Connection) -> None:
    subprocess.Popen(["sleep", "600"])
    channel.send("done")


def do_nothing(_task: object, channel: Connection) -> None:
    channel.send("done")


def serve_with(work: Callable[[object, Connection], None], channel: Connection) -> None:
    from presqt_daemon.workers.processes import pool  # noqa: PLC0415  (in a process of its own)

    pool.run_task = work  # type: ignore[assignment,attr-defined]
    pool.serve(channel, 0, False)


def serving(work: Callable[[object, Connection], None]) -> Worker:
    """A worker whose tasks are this work."""
    ours, theirs = multiprocessing.Pipe()
    process = _process(target=serve_with, arguments=(work, theirs), name="worker")
    process.start()
    theirs.close()
    return Worker(process, psutil.Process(process.pid), ours)


@pytest.mark.parametrize(("work", "stays"), [(do_nothing, True), (leave_a_program, False)])
def test_a_worker_takes_another_task_unless_the_last_has_left_something(
    work: Callable[[object, Connection], None], stays: bool
) -> None:
    worker = serving(work)
    task = StageTask(ticket="t", job=None, claim=None, source_file="", config=Config())  # type: ignore[arg-type]
    for _ in range(2 if stays else 1):
        assert worker.send(task)
        until(lambda: worker.receive(0.05)[0] == "done", "the task's end")
    if stays:
        assert worker.is_alive()
        end(worker)
    else:
        assert worker.exit_code(50.0) == 0
    assert end_tree(worker.identity, (TICKET_VARIABLE, "t"), grace=0) == (0 if stays else 1)


def test_a_worker_that_is_free_is_used_again_and_goes_when_there_is_nothing_to_do() -> None:
    now = [100.0]
    pool = Pool(clock=lambda: now[0])
    first = pool.start_worker()
    assert pool.take_back(first, 1000)
    assert pool.start_worker() is first
    assert pool.take_back(first, 1000)
    pool.let_go()
    assert first.is_alive()
    now[0] += FREE_SECONDS
    pool.let_go()
    until(lambda: not first.identity.is_running(), "the worker's end")
    second = pool.start_worker()
    assert second is not first
    assert not pool.take_back(second, SMALL_BYTES + 1), "it may hold much memory"
    end(second)


def test_a_free_worker_that_has_died_is_not_given_to_anybody() -> None:
    pool = Pool()
    dead = pool.start_worker()
    assert pool.take_back(dead, 1000)
    dead.identity.kill()
    until(lambda: not dead.is_alive(), "its end")
    living = pool.start_worker()
    assert living is not dead
    end(living)
