"""How `run --once` ends: what it leaves, and the exit code that tells the worst of it."""

import logging
import queue

from presqt_daemon.daemon.events import Event
from presqt_daemon.daemon.wiring import Rooms
from presqt_daemon.inbox.answers.events import Claimed
from presqt_daemon.system.files import printable_name
from presqt_daemon.tickets.verdict import Verdict, worst

INTERRUPTED = 130
"""The exit code after ^C."""

_log = logging.getLogger(__name__)


def tell_what_is_left(rooms: Rooms) -> None:
    """Say of each drop that is not taken why; with one, not all has come to its end."""
    for item in rooms.inbox.untaken():
        shown = printable_name(str(item.folder / item.name))
        _log.warning("left in the inbox: %s: %s", shown, item.why)
        rooms.dispatch.verdicts.append(Verdict.OPEN)


def exit_code(rooms: Rooms, events: "queue.SimpleQueue[Event]") -> int:
    """The worst ticket where all were to be brought to their end, open ones included."""
    dispatch = rooms.dispatch
    if dispatch.agenda.tickets or not dispatch.is_idle() or _has_late_claim(events):
        dispatch.verdicts.append(Verdict.OPEN)
    return int(worst(dispatch.verdicts))


def _has_late_claim(events: "queue.SimpleQueue[Event]") -> bool:
    """Whether a drop has become a ticket that the loop did not see any more."""
    try:
        while not isinstance(events.get_nowait(), Claimed):
            pass
    except queue.Empty:
        return False
    return True
