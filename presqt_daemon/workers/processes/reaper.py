"""The reaper: a pure verdict on a run, by what it has used of time and memory."""

import contextlib
from dataclasses import dataclass

import psutil

from presqt_daemon.errors import HouseFault
from presqt_daemon.units import text_from_bytes, text_from_seconds

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
