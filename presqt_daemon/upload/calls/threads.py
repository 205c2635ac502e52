"""The threads that talk to a target, watched by the one thread that reports."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from queue import Empty, SimpleQueue
from typing import TypeVar

from presqt_daemon.errors import PayloadSpoilt, PresqtError
from presqt_daemon.upload.calls.patience import BrokenOff, MustWait, Patience

LOOK_SECONDS = 0.25
_AHEAD = 2
"""How many jobs per thread are handed over before the first is done."""

_ANY = TypeVar("_ANY")
_JOB = TypeVar("_JOB")


class TargetThreads:
    """At most `width` calls at once; `looks` are called about four times a second meanwhile."""

    def __init__(self, width: int, patience: Patience, looks: Iterable[Callable[[], None]]) -> None:
        self._width = width
        self.patience = patience
        self._looks = tuple(looks)
        self._pool = ThreadPoolExecutor(width, thread_name_prefix="send")

    def close(self) -> None:
        """End all waits and join the threads."""
        self.patience.stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def run(
        self,
        request: Callable[[bool], _ANY],
        *,
        is_repeatable: bool = True,
        retries: int | None = None,
    ) -> _ANY:
        """One call, with all the goes it takes."""
        future = self._pool.submit(
            self.patience.call, request, is_repeatable=is_repeatable, retries=retries
        )
        while not future.done():
            wait([future], LOOK_SECONDS)
            self._look()
        return future.result()

    def wait(self, seconds: float, what: str) -> None:
        """Return after so many seconds; `what` they are for. Raises BrokenOff."""
        self.run(lambda _doubtful: self.patience.wait(seconds, what))

    def each(self, work: Callable[[_JOB], _ANY], jobs: Iterable[_JOB]) -> Iterator[_ANY]:
        """The results of all jobs, in the order in which they end; few jobs are drawn ahead.

        After a failure no new job begins; when those under way have ended, the gravest error flies.
        """
        # one queue for all: to wait for many futures at once costs more than a small file's request
        ended: SimpleQueue[Future[_ANY]] = SimpleQueue()
        failures: list[BaseException] = []
        running = 0
        for job in jobs:
            self._pool.submit(work, job).add_done_callback(ended.put)
            running += 1
            while running >= self._width * _AHEAD:
                count, results = self._reap(ended, failures)
                running -= count
                yield from results
            if failures:
                break
        while running:
            count, results = self._reap(ended, failures)
            running -= count
            yield from results
        if failures:
            raise min(failures, key=_gravity)

    def _look(self) -> None:
        for look in self._looks:
            look()

    def _reap(
        self, ended: "SimpleQueue[Future[_ANY]]", failures: list[BaseException]
    ) -> tuple[int, list[_ANY]]:
        """Wait for a job to end, or a look; how many ended, and what came of the good ones."""
        done: list[Future[_ANY]] = []
        with contextlib.suppress(Empty):
            done.append(ended.get(timeout=LOOK_SECONDS))
            while True:
                done.append(ended.get_nowait())
        results = []
        for future in done:
            error = future.exception()
            if error is None:
                results.append(future.result())
            else:
                failures.append(error)
                self.patience.stop.set()
        self._look()
        return len(done), results


def _gravity(error: BaseException) -> int:
    """Spoilt bytes first, then bugs, then faults, then waits; a broken-off wait says nothing."""
    if isinstance(error, PayloadSpoilt):
        return 0
    if isinstance(error, BrokenOff):
        return 4
    if isinstance(error, MustWait):
        return 3
    return 2 if isinstance(error, PresqtError) else 1
