"""A daemon that stands by: it says who serves the folders, and waits until nobody does."""

import logging
import os
import queue
from collections.abc import Callable

from presqt_daemon.config import Config
from presqt_daemon.daemon.active import HeldFolders, ServedFolders
from presqt_daemon.daemon.events import Event, StopAsked, listen_to_signals
from presqt_daemon.errors import ConfigError
from presqt_daemon.leases.lease import BEAT_SHARE
from presqt_daemon.leases.standbys import WaitingFile
from presqt_daemon.system.systemd import Notifier
from presqt_daemon.tickets.locks import HeldError

LOOK_SECONDS = 1.0
"""How often is looked whether the folders are free: one small file is read."""

TAKEOVER_SECONDS = 900.0
"""For what a start finds and finishes, before systemd takes a daemon that took over for hung."""

_log = logging.getLogger(__name__)


def stand_by(served: ServedFolders, events: "queue.SimpleQueue[Event]") -> HeldFolders | None:
    """The folders, as soon as nobody serves them who lives; None where a signal said stop.

    systemd is told that all is well meanwhile, and who is active; `status --workers` finds a file.
    Raises OSError.
    """
    listen_to_signals(events.put)
    waiting = served.waiting_file()
    try:
        return _wait(served, events, waiting)
    finally:
        waiting.forget()


def _wait(
    served: ServedFolders, events: "queue.SimpleQueue[Event]", waiting: WaitingFile
) -> HeldFolders | None:
    notifier = Notifier(os.environ)
    every = min(LOOK_SECONDS, served.ttl * BEAT_SHARE)
    told = ""
    while True:
        try:
            held = served.take_if_free()
        except HeldError as error:
            if str(error) != told:
                told = str(error)
                _log.info("standing by: %s; %s", error, _when(served))
        except OSError as error:
            if not told:
                raise
            # a share that is away for a while is no reason for one that stands by to end
            if str(error) != told:
                told = str(error)
                _log.warning("standing by: %s", error)
        else:
            if told:
                _log.info("taking over")
                notifier.send(WATCHDOG_USEC=str(int(TAKEOVER_SECONDS * 1e6)), STATUS="taking over")
            return held
        waiting.tell()
        notifier.send(READY="1", WATCHDOG="1", STATUS=f"standing by: {told}")
        try:
            event = events.get(timeout=every)
        except queue.Empty:
            continue
        if isinstance(event, StopAsked):
            notifier.send(STOPPING="1")
            _log.info("stopped")
            return None


def newest(config: Config, load: Callable[[], Config] | None) -> Config:
    """The configuration as it is when a standby takes over: nobody has told it of a change.

    The one it began with where the new one is no good, or needs a restart.
    """
    if load is None:
        return config
    try:
        found = load()
    except ConfigError as error:
        for problem in error.problems:
            _log.error("the new configuration is not used: %s", problem)
        return config
    if not found.needs_no_restart_after(config):
        _log.error("another inbox, mediafiles or engine needs a restart of this daemon")
        return config
    return found


def _when(served: ServedFolders) -> str:
    """When this one takes over."""
    found = served.last_holder()
    if found is not None and found.is_alone and not found.is_released:
        return (
            "that one runs without --standby, so it is followed when it stops, or when this host "
            "sees that it has ended"
        )
    return f"this one takes over when it stops, or is silent for {served.ttl:g} s"
