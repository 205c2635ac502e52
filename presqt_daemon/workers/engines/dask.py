"""Runs on a dask.distributed cluster that is there: a client of its scheduler."""

import asyncio
import contextlib
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, ParamSpec, TypeVar

from presqt_daemon.config import EngineOptions
from presqt_daemon.system.logs import shared_log
from presqt_daemon.workers.engines.dask_scheduler import (
    CONNECT_SECONDS,
    distributed,
    open_client,
    threads_of,
    why_no_answer,
    why_not_told,
    words_of,
    workers_that_failed,
)
from presqt_daemon.workers.engines.starts import EngineDownError, HostLostError, NotHereError

P = ParamSpec("P")
T = TypeVar("T")

HOST_SECONDS = 60.0
"""Until a worker has said what is asked of every host; it starts a process for that."""

AGAIN_SECONDS = 5.0
"""After a connection that failed: so long every run is told the same cause."""

AVOID_SECONDS = 30.0
"""So long a host that refused a ticket gets none while there are others; it may be mended then."""


class HandedOut(Future[T]):
    """A run that was handed to the scheduler; cancelled, it is not begun any more.

    `workers` are the addresses of those that may have it, None for any.
    """

    theirs: Any = None
    workers: frozenset[str] | None = None
    is_given_up = False

    def cancel(self) -> bool:
        """Ask the scheduler to forget it; what runs already goes on."""
        self.is_given_up = True
        if self.theirs is not None:
            self.theirs.cancel()
        return True


class DaskEngine(Executor):
    """Safe from several threads. A scheduler that comes back is connected to anew.

    A run that a host refuses is handed to the others, as long as there is one that has not.
    """

    def __init__(self, options: EngineOptions, clock: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._clock = clock
        self._lock = threading.Lock()
        self._client: Any = None
        self._cause = ""
        self._failed_at = float("-inf")
        self._refused_at: dict[str, float] = {}
        self._places = 0
        self._bound: set[HandedOut[Any]] = set()

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Hand a run to the scheduler. Raises EngineDownError, and then it has not begun."""
        ours: HandedOut[T] = HandedOut()
        ours.set_running_or_notify_cancel()
        self._hand_out(ours, partial(function, *args, **kwargs))
        return ours

    def _hand_out(self, ours: HandedOut[T], work: Callable[[], T]) -> None:
        client = self._connected()
        ours.workers = self._fit_workers(client)
        workers = None if ours.workers is None else sorted(ours.workers)
        key = f"presqt-{uuid.uuid4().hex}"
        try:
            theirs = client.submit(work, pure=False, retries=0, key=key, workers=workers)
        except Exception as error:  # noqa: BLE001  (nothing of the ticket's is done yet)
            raise EngineDownError(f"the scheduler takes nothing ({words_of(error)})") from None
        ours.theirs = theirs
        if workers is not None:
            self._bound.add(ours)

        def end(done: Any) -> None:
            self._bound.discard(ours)
            # the last reference to theirs: letting it go earlier would cancel it
            try:
                if not self._goes_to_another(client, done, ours, work):
                    _hand_on(done, ours)
            except Exception as error:  # noqa: BLE001  (whoever waits for it is told something)
                ours.set_exception(EngineDownError(f"its end is not known ({words_of(error)})"))
            theirs.release()

        theirs.add_done_callback(end)

    def _fit_workers(self, client: Any) -> frozenset[str] | None:
        """Those that have refused nothing lately, None where all are alike."""
        with self._lock:
            now = self._clock()
            for address, moment in list(self._refused_at.items()):
                if now - moment >= AVOID_SECONDS:
                    del self._refused_at[address]
            refused = frozenset(self._refused_at)
        return (frozenset(threads_of(client)) - refused or None) if refused else None

    def _goes_to_another(
        self, client: Any, done: Any, ours: HandedOut[T], work: Callable[[], T]
    ) -> bool:
        """Whether a run that its host refused was handed to one that has not."""
        if done.status != "error" or ours.is_given_up:
            return False
        error = done.exception(timeout=CONNECT_SECONDS)
        if isinstance(error, distributed.KilledWorker):
            return False
        try:
            where = workers_that_failed(client, done.key)
        except Exception:  # noqa: BLE001  (its scheduler may do nothing for us: the ticket waits)
            return False
        for address in where:
            log = shared_log(f"refused by {address}", None)
            seconds = f"{AVOID_SECONDS:g} s"
            log.warning("worker %s gets no tickets for %s: %s", address, seconds, words_of(error))
        with self._lock:
            self._refused_at.update(dict.fromkeys(where, self._clock()))
        if self._fit_workers(client) is None:
            return False
        self._hand_out(ours, work)
        return True

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Let go of the scheduler; what runs there goes on, and tells its ticket."""
        # one that waits for a scheduler's answer has it for longer than a stop may take
        if self._lock.acquire(timeout=1):
            try:
                self._close()
            finally:
                self._lock.release()

    def places(self) -> int:
        """As `TellsOfHosts`; none before the first run was handed out."""
        return self._places

    def trouble(self) -> str | None:
        """Why nothing that was submitted can begin, None where a worker is there."""
        try:
            there = threads_of(self._connected())
        except EngineDownError as down:
            return str(down)
        for ours in list(self._bound):
            if ours.workers is not None and ours.workers.isdisjoint(there):
                # it would wait for them for ever
                ours.theirs.cancel()
        return None

    def on_every_host(self, function: Callable[..., T], *args: Any) -> dict[str, T | str]:
        """As `TellsOfHosts`; waits a minute for each at most, for all at once.

        Raises EngineDownError.
        """
        client = self._connected()

        async def ask(address: str) -> T | str:
            # each by itself, so that one that is frozen hides no other's answer
            asked = client.run(function, *args, workers=[address], on_error="return")
            try:
                (answer,) = (await asyncio.wait_for(asked, HOST_SECONDS)).values()
            except Exception as error:  # noqa: BLE001  (it may have left meanwhile)
                answer = error
            return why_not_told(answer) if isinstance(answer, BaseException) else answer

        async def ask_all(addresses: list[str]) -> list[T | str]:
            return await asyncio.gather(*map(ask, addresses))

        there = sorted(threads_of(client))
        return dict(zip(there, client.sync(ask_all, there), strict=True))

    def _connected(self) -> Any:
        with self._lock:
            if self._clock() - self._failed_at < AGAIN_SECONDS:
                raise EngineDownError(self._cause)
            try:
                if self._client is None or self._client.status != "running":
                    self._close()
                    self._client = open_client(self._options)
                self._places = sum(threads_of(self._client).values())
                if not self._places:
                    raise EngineDownError("no worker has joined the scheduler")
            except EngineDownError as down:
                self._fail(str(down))
            except Exception as error:  # noqa: BLE001  (no ticket may end for what dask raises)
                self._fail(f"{self._options.address} does not answer ({why_no_answer(error)})")
            return self._client

    def _fail(self, cause: str) -> None:
        self._cause, self._failed_at = cause, self._clock()
        raise EngineDownError(cause)

    def _close(self) -> None:
        if self._client is not None:
            with contextlib.suppress(Exception):
                self._client.close(timeout=1)
            self._client = None


def _hand_on(done: Any, ours: "Future[Any]") -> None:
    """Let our future have how theirs ended."""
    if done.status == "finished":
        try:
            ours.set_result(done.result(timeout=CONNECT_SECONDS))
        except Exception as error:  # noqa: BLE001  (the result could not be fetched any more)
            ours.set_exception(EngineDownError(f"the result was lost ({words_of(error)})"))
        return
    if done.status != "error":
        ours.set_exception(EngineDownError("its workers, or the scheduler, went away"))
        return
    told: BaseException = done.exception(timeout=CONNECT_SECONDS)
    if isinstance(told, distributed.KilledWorker):
        told = HostLostError("its worker died again and again")
    elif not isinstance(told, NotHereError):
        # nothing that a ticket does is raised: it is the host that cannot
        told = NotHereError(f"a worker's host cannot run tickets ({words_of(told)})")
    ours.set_exception(told)
