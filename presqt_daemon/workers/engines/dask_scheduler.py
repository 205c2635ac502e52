"""Connecting to a dask scheduler and asking it; no answer is waited for without end."""

import asyncio
import importlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from presqt_daemon.config import EngineOptions
from presqt_daemon.workers.engines.starts import EngineDownError

# an extra, and without types of its own
distributed: Any = importlib.import_module("distributed")

CONNECT_SECONDS = 10.0
"""To connect, and until the scheduler has answered: one that is frozen never does."""

for _name in ("distributed", "distributed.client", "distributed.core", "distributed.comm"):
    # what it would say we say once, on the tickets that wait
    logging.getLogger(_name).setLevel(logging.CRITICAL)


def open_client(options: EngineOptions) -> Any:
    """A client of the scheduler that answers there; raises what dask raises, EngineDownError."""
    security = security_of(options)
    # a client waits without end for another program's first word, and takes 20 s to let go of
    # a connection that never was
    asyncio.run(asyncio.wait_for(_greet(options, security), 2 * CONNECT_SECONDS))
    return distributed.Client(
        options.address,
        security=security,
        timeout=CONNECT_SECONDS,
        set_as_default=False,
        name="presqt-daemon",
    )


def security_of(options: EngineOptions) -> Any:
    """How the connection is encrypted and proved, None without TLS files.

    Raises EngineDownError where one of them cannot be read.
    """
    if options.tls_ca is None:
        return None
    for file in (options.tls_ca, options.tls_cert, options.tls_key):
        try:
            if file is not None:
                file.read_bytes()
        except OSError as error:
            raise EngineDownError(f"{file} cannot be read: {error.strerror}") from None
    return distributed.Security(
        tls_ca_file=str(options.tls_ca),
        tls_client_cert=str(options.tls_cert or ""),
        tls_client_key=str(options.tls_key or ""),
        require_encryption=True,
    )


async def _greet(options: EngineOptions, security: Any) -> None:
    """Connect once, to hear whether it is a scheduler that answers; raises what dask raises."""
    proof = (security or distributed.Security()).get_connection_args("client")
    there = await distributed.comm.connect(options.address, timeout=CONNECT_SECONDS, **proof)
    await there.close()


def threads_of(client: Any) -> dict[str, int]:
    """Each worker's address and how many runs it takes. Raises EngineDownError."""
    try:
        found: dict[str, int] = _answer(client, client.scheduler.ncores)
    except Exception as error:  # noqa: BLE001  (no ticket may end for what dask raises)
        raise EngineDownError(f"the scheduler does not answer ({words_of(error)})") from None
    return found


def _answer(client: Any, ask: Callable[..., Awaitable[Any]], *args: Any) -> Any:
    """What the scheduler answers; what it raises, TimeoutError where it is frozen."""
    return client.sync(ask, *args, callback_timeout=CONNECT_SECONDS)


def workers_that_failed(client: Any, key: str) -> list[str]:
    """The addresses of those on which a run has failed; as `_answer`."""

    # within another function it is sent as it is: the scheduler's host need not have our program
    def failed_at(dask_scheduler: Any) -> list[str]:
        return sorted(dask_scheduler.tasks[key].erred_on)

    addresses: list[str] = _answer(client, client.run_on_scheduler, failed_at)
    return addresses


def words_of(error: BaseException) -> str:
    """What an error says, in one line; its type's name where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def why_no_answer(error: BaseException) -> str:
    """What dask says, with the cause that it keeps to itself: a name that nobody knows, a refusal.

    What is none of dask's complaints comes from another program that listens there.
    """
    first = error
    while first.__cause__ is not None or first.__context__ is not None:
        first = first.__cause__ or first.__context__ or first
    if isinstance(error, TimeoutError):
        return "another program listens there, or it is frozen"
    said = words_of(error)
    if not isinstance(error, OSError | RuntimeError) or not str(error):
        return f"another program listens there, or it has other TLS settings ({said})"
    cause = words_of(first)
    return said if cause in said else f"{said}: {cause}"


def why_not_told(error: BaseException) -> str:
    """Why a worker could not say what it was asked, as a sentence's end."""
    if isinstance(error, ImportError):
        return f"has no presqt-daemon ({words_of(error)})"
    if isinstance(error, OSError):
        return f"does not answer ({words_of(error)})"
    return f"cannot run our program ({words_of(error)})"
