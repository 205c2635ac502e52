"""The daemon from its locks to its exit code."""

import queue
from collections.abc import Callable

from presqt_daemon.config import Config
from presqt_daemon.daemon.active import ServedFolders
from presqt_daemon.daemon.arbiter import Daemon
from presqt_daemon.daemon.events import Event
from presqt_daemon.daemon.standby import newest, stand_by
from presqt_daemon.system.temporary import temporary_folder


def run_daemon(
    config: Config,
    *,
    once: bool = False,
    is_standby: bool = False,
    max_wait: float | None = None,
    load: Callable[[], Config] | None = None,
    verbosity: int = 0,
) -> int:
    """Serve until told to stop, or until all is done (`once`); the exit code.

    With `is_standby` it waits where another daemon serves these folders, and others may wait for
    it. Raises HeldError without it when another instance has these folders, NewerInfoError when a
    later version has been here, GateError when past tickets cannot get their records, OSError when
    the folders cannot be made.
    """
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    served = ServedFolders(config, is_standby=is_standby)
    held = stand_by(served, events) if is_standby else served.take()
    if held is None:
        return 0
    try:
        if is_standby:
            config = newest(config, load)
        with temporary_folder(config.mediafiles):
            daemon = Daemon(
                config,
                once=once,
                max_wait=max_wait,
                load=load,
                verbosity=verbosity,
                events=events,
                lease=held.lease,
            )
            return daemon.serve()
    finally:
        held.release()
