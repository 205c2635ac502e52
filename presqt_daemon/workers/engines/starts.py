"""Which engines there are, and what any of them may say when a run does not come back."""

import importlib.util
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, Protocol, TypeVar, runtime_checkable

from presqt_daemon.config import Config
from presqt_daemon.errors import ConfigError

T = TypeVar("T")


class EngineDownError(Exception):
    """The engine takes no run now, or has lost sight of one that may go on; the text says why."""


class HostLostError(Exception):
    """The host of a run is gone, and the engine begins it on no other."""


class NotHereError(LookupError):
    """This process may not run that ticket; the ticket is as it was. The text says why."""


def _dask(config: Config) -> Executor:
    # an extra, which only those have who use it
    if importlib.util.find_spec("distributed") is None:
        raise ConfigError(("engine: dask needs more: pip install 'presqt-daemon[dask]'",))
    from presqt_daemon.workers.engines.dask import DaskEngine  # noqa: PLC0415

    return DaskEngine(config.engine_options)


ENGINES: Mapping[str, Callable[[Config], Executor]] = {"dask": _dask}
"""Name -> what opens it. One more: a module beside `dask.py`, and its line here.

`submit(run_ticket, mediafiles, ticket, run, grant)` returns at once, with a future whose error is
one of those above, or anything else for a fault of the host. All arguments pickle and hold nothing
secret. It may run a ticket twice or lose it: leases and resubmission are ours.
"""


@runtime_checkable
class TellsOfHosts(Protocol):
    """What an engine may offer besides; `check` and `status --workers` ask for it."""

    def on_every_host(self, function: Callable[..., T], *args: Any) -> Mapping[str, T | str]:
        """Worker's address -> what the function returned there, or why it could not.

        The latter is a sentence's end, after the worker's name. Raises EngineDownError.
        """
        ...

    def places(self) -> int:
        """How many runs its workers take at a time, as was last known; asks nobody."""
        ...

    def trouble(self) -> str | None:
        """Why nothing that was submitted can begin, None where a worker is there."""
        ...


def open_engine(config: Config) -> Executor | None:
    """The engine of many hosts, None where this process runs all. Opens no connection yet.

    Raises ConfigError where its library is missing.
    """
    start = ENGINES.get(config.engine)
    return None if start is None else start(config)
