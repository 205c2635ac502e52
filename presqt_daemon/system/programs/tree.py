"""Ending a whole process tree, by identity: never a process that has got a pid since."""

import contextlib
import os
import time
from collections.abc import Callable, Collection

import psutil

TERM_GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.02
_MAX_ROUNDS = 100


def end_tree(
    leader: psutil.Process,
    mark: tuple[str, str],
    *,
    grace: float = TERM_GRACE_SECONDS,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """End a process with everything it started; the number of processes that were signalled.

    `leader` was made when the process was: it knows the start time, so that nobody who has got
    the pid since is taken for it. Members are the leader, its children, whoever is in its session,
    and programs whose environment holds `mark` (variable, value). First SIGTERM, after `grace`
    seconds SIGKILL until none is left.
    """
    members = _members(leader, mark)
    seen = set(members)
    _signal(members, psutil.Process.terminate)
    deadline = clock() + grace
    while any(_is_alive(member) for member in members) and clock() < deadline:
        pause(_POLL_SECONDS)
    for _round in range(_MAX_ROUNDS):
        members = _members(leader, mark)
        if not members:
            break
        seen.update(members)
        _signal(members, psutil.Process.kill)
        pause(_POLL_SECONDS)
    return len(seen)


def end_children() -> None:
    """Kill all that this process has started, and what those have; it may end itself then."""
    for _round in range(_MAX_ROUNDS):
        members = [one for one in psutil.Process().children(recursive=True) if _is_alive(one)]
        if not members:
            return
        _signal(members, psutil.Process.kill)
        time.sleep(_POLL_SECONDS)


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


def _members(leader: psutil.Process, mark: tuple[str, str]) -> list[psutil.Process]:
    found: dict[int, psutil.Process] = {}
    with contextlib.suppress(psutil.Error):
        for member in (leader, *leader.children(recursive=True)):
            found[member.pid] = member
    # no process gets the number of a session that somebody is still in
    is_session_ours = leader.is_running() or not psutil.pid_exists(leader.pid)
    for process in psutil.process_iter():
        if process.pid not in found and (
            (is_session_ours and _session(process.pid) == leader.pid) or _is_marked(process, mark)
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
