"""The reaper: a pure verdict on a run, and the end of a whole process tree, never a reused pid."""

import contextlib
import os
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import psutil

from presqt_daemon.errors import HouseFault
from presqt_daemon.units import text_from_bytes, text_from_seconds

TERM_GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.02
_MAX_ROUNDS = 100
TIMED_OUT = "The process took too long on the server."


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run may use. Seconds by the monotonic clock, bytes of the whole process tree."""

    wall_seconds: float
    stall_seconds: float
    memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A run as it is now: since when it runs, since when nothing moved, what it holds."""

    elapsed_seconds: float
    quiet_seconds: float
    memory_bytes: int


def judge(sample: Sample, limits: Limits) -> HouseFault | None:
    """Why the run must end, None while it may go on. The first limit passed is the reason."""
    if sample.elapsed_seconds > limits.wall_seconds:
        return HouseFault(
            "timed-out",
            f"{TIMED_OUT} It was stopped after {text_from_seconds(sample.elapsed_seconds)} "
            f"(limit {text_from_seconds(limits.wall_seconds)}).",
        )
    if sample.quiet_seconds > limits.stall_seconds:
        return HouseFault(
            "timed-out",
            f"{TIMED_OUT} Nothing moved for {text_from_seconds(sample.quiet_seconds)} "
            f"(limit {text_from_seconds(limits.stall_seconds)}).",
        )
    if sample.memory_bytes > limits.memory_bytes:
        return HouseFault(
            "worker-died",
            f"The worker was stopped because it held {text_from_bytes(sample.memory_bytes)} of "
            f"memory (limit {text_from_bytes(limits.memory_bytes)}).",
        )
    return None


def tree_memory(process: psutil.Process) -> int:
    """Resident bytes of a process and all its children; 0 when it is gone."""
    total = 0
    with contextlib.suppress(psutil.Error):
        # children() notices a reused pid, memory_info() does not
        for member in (*process.children(recursive=True), process):
            with contextlib.suppress(psutil.Error):
                total += member.memory_info().rss
    return total


def end_tree(
    worker: psutil.Process,
    mark: tuple[str, str],
    *,
    grace: float = TERM_GRACE_SECONDS,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """End a worker with everything it started; the number of processes that were signalled.

    `worker` was made when the process was: it knows the start time, so that nobody who has got
    the pid since is taken for it. Members are the worker, its children, whoever is in its session,
    and programs whose environment holds `mark` (variable, value). First SIGTERM, after `grace`
    seconds SIGKILL until none is left.
    """
    members = _members(worker, mark)
    seen = set(members)
    _signal(members, psutil.Process.terminate)
    deadline = clock() + grace
    while any(_is_alive(member) for member in members) and clock() < deadline:
        pause(_POLL_SECONDS)
    for _round in range(_MAX_ROUNDS):
        members = _members(worker, mark)
        if not members:
            break
        seen.update(members)
        _signal(members, psutil.Process.kill)
        pause(_POLL_SECONDS)
    return len(seen)


def reap_orphans(own: Collection[int]) -> int:
    """Let children of ours go that have ended and are none of our own; how many there were.

    So it is for process 1 of a container, to which every orphan in it is given. What `own` started
    is left to those who wait for it.
    """
    count = 0
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error, ChildProcessError):
            if child.pid not in own and child.status() == psutil.STATUS_ZOMBIE:
                os.waitpid(child.pid, os.WNOHANG)
                count += 1
    return count


def end_leftovers(variable: str, values: Collection[str]) -> int:
    """Kill programs whose environment holds one of the values; how many there were."""
    members = [
        process for process in psutil.process_iter() if _mark_of(process, variable) in values
    ]
    _signal(members, psutil.Process.kill)
    return len(members)


def _members(worker: psutil.Process, mark: tuple[str, str]) -> list[psutil.Process]:
    found: dict[int, psutil.Process] = {}
    with contextlib.suppress(psutil.Error):
        for member in (worker, *worker.children(recursive=True)):
            found[member.pid] = member
    # no process gets the number of a session that somebody is still in
    is_session_ours = worker.is_running() or not psutil.pid_exists(worker.pid)
    for process in psutil.process_iter():
        if process.pid not in found and (
            (is_session_ours and _session(process.pid) == worker.pid) or _is_marked(process, mark)
        ):
            found[process.pid] = process
    return [member for member in found.values() if _is_alive(member)]


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _mark_of(process: psutil.Process, variable: str) -> str | None:
    try:
        return process.environ().get(variable)
    except (psutil.Error, OSError):
        return None


def _is_marked(process: psutil.Process, mark: tuple[str, str]) -> bool:
    if process.pid == os.getpid():
        return False
    return _mark_of(process, mark[0]) == mark[1]


def _signal(members: list[psutil.Process], deliver: Callable[[psutil.Process], None]) -> None:
    """psutil compares pid and start time before it signals, so a reused pid is never hit."""
    for member in members:
        with contextlib.suppress(psutil.Error):
            deliver(member)
