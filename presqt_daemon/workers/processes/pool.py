"""Worker processes: one for each run, or for a few small ones that follow upon each other.

They are forked from a preloaded forkserver. The birth and the end of a process cost more than a
small bag does, so one that has done with a small bag takes the next, as long as there is one.
Never `fork` from the daemon, which has threads. A worker that dies costs exactly its run. Where no
process can be had now, or the forkserver dies or hangs, a run waits: that is nobody's fault.
"""

import contextlib
import fcntl
import logging
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from multiprocessing.popen_forkserver import Popen
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any

import psutil

from presqt_daemon.messages import Alive
from presqt_daemon.system.logs import open_log
from presqt_daemon.system.precedence import step_back
from presqt_daemon.workers.processes.tasks import Task, UpgradeTask, run_task
from presqt_daemon.workers.processes.worker import Worker
from presqt_daemon.workers.runs.run import SHORTAGE, SHORTAGE_SECONDS, ParkError

TICKET_VARIABLE = "PRESQT_TICKET"
"""Set in a worker's environment, so that programs it starts can be found again."""

PRELOAD = (
    "presqt_daemon.workers.processes.pool",
    "presqt_daemon.staging.stage",
    "presqt_daemon.targets.folder.target",
    "presqt_daemon.upload.send",
)
"""What the forkserver imports once, so that a new worker has it in a few milliseconds."""

NICENESS = 5
"""Workers step back a little: on a busy machine intake and status files go before staging."""

START_SECONDS = 60.0
"""A forkserver that has not begun a worker after so long hangs; another takes its place."""

RUNS_EACH = 20
SMALL_BYTES = 16 << 20
"""A worker that had a larger zip in hand may hold much memory, and does nothing more."""

FREE_SECONDS = 1.0
"""How long a worker waits for another run, before it goes."""

WARN_EVERY_SECONDS = 60.0
NOT_BEGUN = os.EX_TEMPFAIL
"""The exit code of a worker that could not begin, for want of threads or memory."""

_log = logging.getLogger(__name__)


class _Popen(Popen):
    """The forkserver tells an exit code once; whoever asks second must not take that for 255."""

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

    def start(self) -> None:
        """Begin, without a look at all other processes first: those belong to other threads."""
        self._popen = self._Popen(self)
        self._sentinel = self._popen.sentinel


@dataclass(slots=True)
class Pool:
    """The way to start processes. `verbosity` and `journal` are as in `open_log`."""

    verbosity: int = 0
    journal: bool = False
    clock: Callable[[], float] = time.monotonic
    start_seconds: float = START_SECONDS
    _beginning: dict[int, float] = field(default_factory=dict)
    _warned_at: float = float("-inf")
    _free: deque[tuple[float, Worker]] = field(default_factory=deque)

    def start_worker(self) -> Worker:
        """A process for a run. Raises ParkError while none can be had; may take a while."""
        with contextlib.suppress(IndexError):
            while True:
                _since, worker = self._free.pop()
                if worker.is_alive():
                    return worker
                worker.close()
        try:
            return self._start_worker()
        except (OSError, EOFError, RuntimeError, psutil.Error) as error:
            self._warn(error)
            raise ParkError(SHORTAGE, SHORTAGE_SECONDS) from None

    def take_back(self, worker: Worker, zip_bytes: int) -> bool:
        """Keep a worker that has ended its run well for the next one; False when it must go."""
        worker.runs += 1
        if zip_bytes > SMALL_BYTES or worker.runs >= RUNS_EACH:
            return False
        self._free.append((self.clock(), worker))
        return True

    def let_go(self, *, all_of_them: bool = False) -> None:
        """End the workers for whom there was no other run; quick."""
        before = self.clock() - FREE_SECONDS
        with contextlib.suppress(IndexError):
            # the oldest stand first; another thread may take the last one in this moment
            while all_of_them or self._free[0][0] <= before:
                _since, worker = self._free.popleft()
                worker.close()

    def end_hung_start(self) -> None:
        """End a forkserver that hangs, so that whoever waits for a process tries another; quick."""
        begun = min(list(self._beginning.values()), default=None)
        if begun is None or self.clock() - begun < self.start_seconds:
            return
        self._beginning.clear()
        pid = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]  # noqa: SLF001
        if pid is not None:
            _log.warning("the process that starts workers hangs; it is replaced")
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    @staticmethod
    def own_processes() -> frozenset[int]:
        """The direct children of this process that multiprocessing waits for itself."""
        helpers = (
            forkserver._forkserver._forkserver_pid,  # type: ignore[attr-defined]  # noqa: SLF001
            resource_tracker._resource_tracker._pid,  # type: ignore[attr-defined]  # noqa: SLF001
        )
        return frozenset(pid for pid in helpers if pid is not None)

    def _start_worker(self) -> Worker:
        ours, theirs = multiprocessing.Pipe()
        with theirs:
            try:
                process = _process(
                    target=serve, arguments=(theirs, self.verbosity, self.journal), name="worker"
                )
                self._begin(process)
                return Worker(process, psutil.Process(process.pid), ours)
            except BaseException:
                ours.close()
                raise

    def _begin(self, process: ForkServerProcess) -> None:
        me = threading.get_ident()
        self._beginning[me] = self.clock()
        try:
            process.start()
        finally:
            self._beginning.pop(me, None)

    def _warn(self, error: Exception) -> None:
        now = self.clock()
        if now - self._warned_at >= WARN_EVERY_SECONDS:
            self._warned_at = now
            _log.warning("no process can be started now, so work waits: %s", error)


def serve(channel: Connection, verbosity: int, journal: bool) -> None:
    """The worker's life: one task after another, until the parent lets it go, or is gone."""
    try:
        _settle_in(verbosity, journal=journal)
    except (OSError, RuntimeError, MemoryError):
        os._exit(NOT_BEGUN)
    has_stepped_back = False
    with contextlib.suppress(EOFError, OSError):
        while not _has_left_something():
            channel.send(Alive())
            task: Task | UpgradeTask = channel.recv()
            if not (has_stepped_back or _is_waited_for(task)):
                step_back(NICENESS)
                has_stepped_back = True
            os.environ[TICKET_VARIABLE] = task.ticket
            run_task(task, channel)
            if isinstance(task, UpgradeTask):
                break  # it has stepped back behind everything else
    # all is told; taking down an interpreter that has read a large bag would only take time
    os._exit(0)


def _is_waited_for(task: Task | UpgradeTask) -> bool:
    """Whether nobody is served before the task's end, so that it need let nobody pass."""
    return isinstance(task, UpgradeTask) and task.order.before_inbox


def _has_left_something() -> bool:
    """Whether a task has left threads or programs behind: then this process is not used again."""
    if threading.active_count() > 1:
        return True
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


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
    """Have the kernel kill this worker and its children the moment the daemon is gone.

    No thread of ours could do it for a worker that is stuck in C and runs no Python any more.
    Raises OSError.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    # a pipe that nobody writes to: its last writer's end is its only event (fcntl(2), F_SETSIG)
    pipe = parent.sentinel
    fcntl.fcntl(pipe, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    if wait([pipe], 0):  # it was gone before
        os.killpg(0, signal.SIGKILL)


def _say_briefly(
    _kind: type[BaseException], error: BaseException, _trace: TracebackType | None
) -> None:
    """The forkserver ends where it cannot fork; the daemon starts another, and knows why."""
    sys.stderr.write(f"the process that starts workers has ended: {error}\n")


if any("multiprocessing.forkserver" in word for word in sys.orig_argv):
    sys.excepthook = _say_briefly
