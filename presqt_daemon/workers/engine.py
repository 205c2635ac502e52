"""Where supervisors run: threads of this process, behind the standard executor interface."""

from concurrent.futures import Executor, ThreadPoolExecutor

MAX_THREADS = 1000
"""Threads are started only when none is idle, so this bounds lanes, not memory."""


def make_engine() -> Executor:
    """An executor for `Supervisor.run`; the permits, not the executor, limit what runs."""
    return ThreadPoolExecutor(max_workers=MAX_THREADS, thread_name_prefix="ticket")
