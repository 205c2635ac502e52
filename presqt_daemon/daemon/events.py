"""What the loop hears: the rooms' events, and what signals ask for."""

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass

from presqt_daemon.inbox.answers.events import Claimed
from presqt_daemon.inbox.requests.control import ControlRequest
from presqt_daemon.workers.runs import events


@dataclass(frozen=True, slots=True)
class StopAsked:
    """SIGTERM, SIGINT (`is_interrupt`), or SIGHUP because the terminal is gone."""

    is_interrupt: bool = False


@dataclass(frozen=True, slots=True)
class ReloadAsked:
    """SIGHUP of a person or of systemd."""


Event = Claimed | ControlRequest | StopAsked | ReloadAsked | events.Event


def listen_to_signals(post: Callable[[Event], None]) -> None:
    """Turn signals into events; does nothing where Python takes no signals."""
    if threading.current_thread() is not threading.main_thread():
        return
    signal.signal(signal.SIGTERM, lambda *_: post(StopAsked()))
    signal.signal(signal.SIGINT, lambda *_: post(StopAsked(is_interrupt=True)))
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return  # started under `nohup`: a terminal that closes means nothing, `reload` still works
    began_on_terminal = _has_terminal()

    def hang_up(*_: object) -> None:
        # a terminal that was there and is gone sent it; else a person or systemd did
        is_gone = began_on_terminal and not _has_terminal()
        post(StopAsked() if is_gone else ReloadAsked())

    signal.signal(signal.SIGHUP, hang_up)


def _has_terminal() -> bool:
    """Whether this process has a controlling terminal that still exists."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
