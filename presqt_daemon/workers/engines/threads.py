"""What carries out jobs: a `concurrent.futures.Executor`. The one of this machine is here."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

from presqt_daemon.system.shortage import start_thread

P = ParamSpec("P")
T = TypeVar("T")


class NoThreadError(RuntimeError):
    """There is no thread for a job now: hand it over again later."""


class ThreadEngine(Executor):
    """A thread of its own for each job, so that none waits for another that hangs.

    `ThreadPoolExecutor` is not used: it keeps a job for which it could get no thread although it
    raises, and the end of the process would wait for a thread that hangs.
    """

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin at once. Raises NoThreadError, and then the job has not begun and never will."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()

        def live() -> None:
            try:
                result = function(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001  (told to whoever asks the future)
                future.set_exception(error)
            else:
                future.set_result(result)

        if start_thread(live, "job") is None:
            raise NoThreadError
        return future
