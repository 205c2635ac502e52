"""Warm worker processes: started on demand from a preloaded forkserver, ended when idle.

Never `fork` from the daemon, which has threads. One worker has one task at a time; a worker that
dies costs exactly that task.
"""

import contextlib
import logging
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from multiprocessing.popen_forkserver import Popen
from multiprocessing.process import BaseProcess
from typing import Any

import psutil

from presqt_daemon.system.logs import open_log
from presqt_daemon.system.precedence import step_back, yield_to_others
from presqt_daemon.workers.tasks import Task, run_task

TICKET_VARIABLE = "PRESQT_TICKET"
"""Set in a worker's environment, so that programs it starts can be found again."""

PRELOAD = ("presqt_daemon.workers.pool", "presqt_daemon.workers.preload")
NICENESS = 5
"""Workers step back a little: on a busy machine intake and status files go before staging."""

IDLE_SECONDS = 20.0
MAX_TASKS = 200
"""A worker is replaced after so many tasks, which bounds whatever a library may leak."""

_log = logging.getLogger(__name__)


class _Popen(Popen):
    """The forkserver tells an exit code once; whoever asks second must not take that for 255.

    Every start of a process asks after all others, beside the threads that wait for theirs.
    """

    def __init__(self, process: BaseProcess) -> None:
        self._reading = threading.Lock()
        super().__init__(process)

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        """The exit code; None while the process runs, unless `flag` is 0, which waits for it."""
        if self.returncode is None and not wait([self.sentinel], 0 if flag == os.WNOHANG else None):
            return None
        with self._reading:
            return super().poll(os.WNOHANG)


class _Process(ForkServerProcess):
    @staticmethod
    def _Popen(process_obj: BaseProcess) -> _Popen:  # noqa: N802  (multiprocessing's name)
        return _Popen(process_obj)


@dataclass(slots=True)
class Worker:
    """The parent's end of one worker process.

    The forkserver reaps a dead worker at once, so that its pid may soon be another's: `identity`
    holds the start time too.
    """

    process: ForkServerProcess
    identity: psutil.Process
    channel: Connection
    tasks: int = 0
    idle_since: float = 0.0

    @property
    def pid(self) -> int:
        """The process's pid, to be shown; to signal it, use `identity`."""
        return self.identity.pid

    def send(self, message: Any) -> bool:
        """Hand a task or an answer over; False when the worker is gone."""
        try:
            self.channel.send(message)
        except (OSError, ValueError):
            return False
        return True

    def receive(self, timeout: float) -> tuple[Any | None, bool]:
        """The next message within `timeout` seconds (or None), and whether the worker lives.

        A message that was sent before the worker died is still delivered first.
        """
        ready = wait([self.channel, self.process.sentinel], timeout)
        if self.channel in ready:
            try:
                return self.channel.recv(), True
            except (EOFError, OSError):
                return None, False
        return None, not ready

    def exit_code(self, timeout: float) -> int | None:
        """The exit code once the process has ended, None while it has not."""
        self.process.join(timeout)
        return self.process.exitcode

    def close(self) -> None:
        """Let go of the parent's handles of an ended worker."""
        self.channel.close()
        with contextlib.suppress(ValueError):
            self.process.close()


@dataclass(slots=True)
class Pool:
    """The workers that nobody uses now, and the way to start more.

    `settings` are the keyword arguments of `open_log` that a worker needs.
    """

    verbosity: int = 0
    journal: bool = False
    clock: Callable[[], float] = time.monotonic
    _idle: list[Worker] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> Worker:
        """A warm worker, or a new one. Raises OSError when no process can be started."""
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.process.is_alive():
                    return worker
                worker.close()
            return self._start()

    def give_back(self, worker: Worker) -> None:
        """Keep a worker that has ended its task for the next one, or let it go after many."""
        worker.tasks += 1
        if worker.tasks >= MAX_TASKS or not worker.process.is_alive():
            end_politely(worker)
            return
        worker.idle_since = self.clock()
        with self._lock:
            self._idle.append(worker)

    def trim(self) -> float | None:
        """End workers that have been idle for long; seconds until the next may go, or None."""
        limit = self.clock() - IDLE_SECONDS
        with self._lock:
            old = [worker for worker in self._idle if worker.idle_since <= limit]
            self._idle = [worker for worker in self._idle if worker.idle_since > limit]
            next_end = min((worker.idle_since for worker in self._idle), default=None)
        for worker in old:
            end_politely(worker)
        return None if next_end is None else max(0.0, next_end - limit)

    def close(self) -> None:
        """End every idle worker."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            end_politely(worker)

    def start_other(
        self, target: Callable[..., None], arguments: tuple[Any, ...], *, is_lowest: bool
    ) -> ForkServerProcess:
        """A process for work that is no task of a ticket; it ends with this one, if not before."""
        process = _process(
            target=serve_other,
            arguments=(self.verbosity, self.journal, is_lowest, target, arguments),
            name="other",
        )
        process.start()
        return process

    def _start(self) -> Worker:
        ours, theirs = multiprocessing.Pipe()
        process = _process(
            target=serve, arguments=(theirs, self.verbosity, self.journal), name="worker"
        )
        process.start()
        theirs.close()
        try:
            identity = psutil.Process(process.pid)
        except psutil.Error:
            ours.close()
            raise ChildProcessError("a worker ended before it began") from None
        return Worker(process=process, identity=identity, channel=ours)


def end_politely(worker: Worker) -> None:
    """Ask an idle worker to leave and wait a moment; one that will not is killed."""
    worker.send(None)
    if worker.exit_code(2.0) is None:
        with contextlib.suppress(psutil.Error):
            worker.identity.kill()
        worker.exit_code(5.0)
    worker.close()


def serve(channel: Connection, verbosity: int, journal: bool) -> None:
    """The worker's life: one task after another until the parent says no more, or is gone."""
    _settle_in(verbosity, journal=journal)
    step_back(NICENESS)
    while True:
        try:
            task: Task | None = channel.recv()
        except (EOFError, OSError):
            return
        if task is None:
            return
        os.environ[TICKET_VARIABLE] = task.ticket
        run_task(task, channel)


def serve_other(
    verbosity: int,
    journal: bool,
    is_lowest: bool,
    target: Callable[..., None],
    arguments: tuple[Any, ...],
) -> None:
    """The life of a process that has one thing to do."""
    _settle_in(verbosity, journal=journal)
    if is_lowest:
        yield_to_others()
    target(*arguments)


def _process(
    *, target: Callable[..., None], arguments: tuple[Any, ...], name: str
) -> ForkServerProcess:
    """A process of the preloaded forkserver that ends with this one; not started yet."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(PRELOAD))
    return _Process(target=target, args=arguments, name=name, daemon=True)


def _settle_in(verbosity: int, *, journal: bool) -> None:
    """What every process of ours does first: a session of its own, signals, limits, its log."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _end_with_parent()
    open_log(verbosity, journal=journal)


def _end_with_parent() -> None:
    """Kill this worker and its children the moment the daemon is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def guard() -> None:
        wait([sentinel])
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=guard, name="guard", daemon=True).start()
