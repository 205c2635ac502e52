"""What `check` finds about the limits of this machine: inotify, threads and processes."""

import ctypes
import os
import resource
from collections.abc import Iterator
from pathlib import Path

from presqt_daemon.cli.check.rows import CheckRow, State, ok, warning, wrong
from presqt_daemon.config import Config

INOTIFY = Path("/proc/sys/fs/inotify")
OWN_THREADS = 24
"""Of the daemon itself, with room to spare: its loop, the inbox, requests, expiry, the watcher."""

THREADS_PER_WORKER = 4
"""Of a worker's own, besides a connection each for an upload."""


def check_limits(config: Config) -> Iterator[CheckRow]:
    """Rows on inotify, and on threads and processes together, since Linux counts them as one."""
    yield from _check_inotify(config)
    yield _check_tasks(config)


def tasks_needed(config: Config) -> int:
    """How many threads and processes the configuration may have at once."""
    staging = config.staging.workers or os.cpu_count() or 1
    uploads = sum(target.workers for target in config.targets.values())
    connections = uploads * (config.uploads.connections + THREADS_PER_WORKER)
    return OWN_THREADS + len(config.targets) + staging * THREADS_PER_WORKER + connections


def tasks_allowed() -> tuple[int, str] | None:
    """How many more this user may start here and what says so, None where nothing limits it."""
    found = []
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if soft != resource.RLIM_INFINITY and os.geteuid() != 0:
        found.append((soft - _tasks_of_user(), "the limit of processes of this user (ulimit -u)"))
    for folder in _cgroups():
        try:
            limit = (folder / "pids.max").read_text(encoding="ascii").strip()
            used = int((folder / "pids.current").read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
        if limit.isdigit():
            found.append((int(limit) - used, f"pids.max of {folder.name or 'the control group'}"))
    return min(found) if found else None


def _check_tasks(config: Config) -> CheckRow:
    needed, allowed = tasks_needed(config), tasks_allowed()
    if allowed is None:
        return ok("threads", f"up to {needed} may be needed, nothing limits them")
    free, limit = allowed
    detail = f"up to {needed} threads and processes may be needed, {limit} leaves {free}"
    if free >= needed:
        return ok("threads", detail)
    least = OWN_THREADS + len(config.targets) + THREADS_PER_WORKER
    if free >= least:
        return warning("threads", f"{detail}: at times drops wait for some")
    return wrong("threads", f"{detail}: no drop could work")


def _check_inotify(config: Config) -> Iterator[CheckRow]:
    """Without inotify drops are found by the scan, later but surely."""
    if config.intake.observer == "off":
        yield ok("inotify", "is not used (intake.observer: off)")
        return
    reason = _try_inotify(config.inbox)
    if reason is not None:
        yield warning("inotify", f"cannot be had now ({reason}); drops are found by the scan alone")
        return
    wanted = 1 + len(config.targets)
    try:
        limit = int((INOTIFY / "max_user_watches").read_text(encoding="ascii"))
    except (OSError, ValueError):
        yield ok("inotify", "can be had")
        return
    state = State.OK if limit >= wanted else State.WARNING
    yield CheckRow("inotify", state, f"can be had; {limit} folders may be watched at most")


def _try_inotify(folder: Path) -> str | None:
    """Why no instance can be had, in words; None where one can."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.inotify_init1(os.O_CLOEXEC)
    if handle < 0:
        return os.strerror(ctypes.get_errno())
    try:
        place = folder if folder.is_dir() else folder.parent
        if libc.inotify_add_watch(handle, os.fsencode(place), 0x00000008) < 0:
            return os.strerror(ctypes.get_errno())
    finally:
        os.close(handle)
    return None


def _tasks_of_user() -> int:
    """Threads of all processes of this user that can be seen."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == os.geteuid():
                count += len(os.listdir(process / "task"))
        except OSError:
            continue
    return count


def _cgroups() -> Iterator[Path]:
    """The control groups of this process that may limit its tasks, from the innermost up."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":
            root = Path("/sys/fs/cgroup")
        elif "pids" in controllers.split(","):
            root = Path("/sys/fs/cgroup/pids")
        else:
            continue
        place = root / path.lstrip("/")
        while place != root and root in place.parents:
            yield place
            place = place.parent
