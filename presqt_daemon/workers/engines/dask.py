"""Runs on a dask.distributed cluster that is there: a client of its scheduler."""

import contextlib
import importlib
import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, ParamSpec, TypeVar

from presqt_daemon.config import EngineOptions
from presqt_daemon.system.logs import shared_log
from presqt_daemon.workers.engines.starts import EngineDownError, HostLostError, NotHereError

P = ParamSpec("P")
T = TypeVar("T")

# an extra, and without types of its own
distributed: Any = importlib.import_module("distributed")

CONNECT_SECONDS = 10.0
AGAIN_SECONDS = 5.0
"""After a connection that failed: so long every run is told the same cause."""

AVOID_SECONDS = 30.0
"""So long a host that refused a ticket gets none while there are others; it may be mended then."""

for _name in ("distributed", "distributed.client", "distributed.core", "distributed.comm"):
    # what it would say we say once, on the tickets that wait
    logging.getLogger(_name).setLevel(logging.CRITICAL)


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
        except (OSError, RuntimeError, ValueError) as error:
            raise EngineDownError(f"the scheduler takes nothing ({error})") from None
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
                ours.set_exception(EngineDownError(f"its end is not known ({_words(error)})"))
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
        return (frozenset(client.nthreads()) - refused or None) if refused else None

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
            where = client.run_on_scheduler(_workers_that_failed, done.key)
        except Exception:  # noqa: BLE001  (its scheduler may do nothing for us: the ticket waits)
            return False
        for address in where:
            log = shared_log(f"refused by {address}", None)
            seconds = f"{AVOID_SECONDS:g} s"
            log.warning("worker %s gets no tickets for %s: %s", address, seconds, _words(error))
        with self._lock:
            self._refused_at.update(dict.fromkeys(where, self._clock()))
        if self._fit_workers(client) is None:
            return False
        self._hand_out(ours, work)
        return True

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Let go of the scheduler; what runs there goes on, and tells its ticket."""
        with self._lock:
            self._close()

    def trouble(self) -> str | None:
        """Why nothing that was submitted can begin, None where a worker is there."""
        try:
            there = self._connected().nthreads()
        except EngineDownError as down:
            return str(down)
        for ours in list(self._bound):
            if ours.workers is not None and ours.workers.isdisjoint(there):
                # it would wait for them for ever
                ours.theirs.cancel()
        return None

    def on_every_host(self, function: Callable[..., T], *args: Any) -> dict[str, T | str]:
        """Worker's address -> what the function returned there, or why it could not.

        Raises EngineDownError.
        """
        client = self._connected()
        try:
            found: dict[str, Any] = client.run(function, *args, on_error="return")
        except (OSError, RuntimeError, ValueError) as error:
            raise EngineDownError(_words(error)) from None
        return {
            address: _words(one) if isinstance(one, BaseException) else one
            for address, one in found.items()
        }

    def _connected(self) -> Any:
        with self._lock:
            if self._clock() - self._failed_at < AGAIN_SECONDS:
                raise EngineDownError(self._cause)
            try:
                if self._client is None or self._client.status != "running":
                    self._close()
                    self._client = self._open()
                if not self._client.nthreads():
                    raise EngineDownError("no worker has joined the scheduler")
            except (OSError, RuntimeError, ValueError) as error:
                self._fail(f"{self._options.address} does not answer ({_words(error)})")
            except EngineDownError as down:
                self._fail(str(down))
            return self._client

    def _fail(self, cause: str) -> None:
        self._cause, self._failed_at = cause, self._clock()
        raise EngineDownError(cause)

    def _open(self) -> Any:
        return distributed.Client(
            self._options.address,
            security=security_of(self._options),
            timeout=CONNECT_SECONDS,
            set_as_default=False,
            name="presqt-daemon",
        )

    def _close(self) -> None:
        if self._client is not None:
            with contextlib.suppress(Exception):
                self._client.close(timeout=1)
            self._client = None


def _workers_that_failed(key: str, dask_scheduler: Any) -> list[str]:
    """Run by the scheduler: the addresses of those on which a run has failed."""
    return sorted(dask_scheduler.tasks[key].erred_on)


def security_of(options: EngineOptions) -> Any:
    """How the connection is encrypted and proved, None without TLS files."""
    if options.tls_ca is None:
        return None
    return distributed.Security(
        tls_ca_file=str(options.tls_ca),
        tls_client_cert=str(options.tls_cert or ""),
        tls_client_key=str(options.tls_key or ""),
        require_encryption=True,
    )


def _hand_on(done: Any, ours: "Future[Any]") -> None:
    """Let our future have how theirs ended."""
    if done.status == "finished":
        try:
            ours.set_result(done.result(timeout=CONNECT_SECONDS))
        except Exception as error:  # noqa: BLE001  (the result could not be fetched any more)
            ours.set_exception(EngineDownError(f"the result was lost ({_words(error)})"))
        return
    if done.status != "error":
        ours.set_exception(EngineDownError("its workers, or the scheduler, went away"))
        return
    told: BaseException = done.exception(timeout=CONNECT_SECONDS)
    if isinstance(told, distributed.KilledWorker):
        told = HostLostError("its worker died again and again")
    elif not isinstance(told, NotHereError):
        # nothing that a ticket does is raised: it is the host that cannot
        told = NotHereError(f"a worker's host cannot run tickets ({_words(told)})")
    ours.set_exception(told)


def _words(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
