"""What the loop hears: the rooms' events, and what signals ask for."""

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass

from presqt_daemon.inbox.control import ControlRequest
from presqt_daemon.inbox.events import Claimed
from presqt_daemon.workers import events


@dataclass(frozen=True, slots=True)
class StopAsked:
    """SIGTERM, or SIGINT (`is_interrupt`)."""

    is_interrupt: bool = False


@dataclass(frozen=True, slots=True)
class ReloadAsked:
    """SIGHUP."""


Event = Claimed | ControlRequest | StopAsked | ReloadAsked | events.Event


def listen_to_signals(post: Callable[[Event], None]) -> None:
    """Turn signals into events; does nothing where Python takes no signals."""
    if threading.current_thread() is not threading.main_thread():
        return
    signal.signal(signal.SIGTERM, lambda *_: post(StopAsked()))
    signal.signal(signal.SIGINT, lambda *_: post(StopAsked(is_interrupt=True)))
    signal.signal(signal.SIGHUP, lambda *_: post(ReloadAsked()))
