"""The gate of a start: the inbox opens when every past ticket has the record that is needed."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from presqt_daemon.tickets.survey import Survey
from presqt_daemon.upgrade.lane import Lane

MAX_TRIES = 3
"""Runs that bring nothing forward, before a start gives up."""

PAUSE_SECONDS = 3.0

_log = logging.getLogger(__name__)


class GateError(Exception):
    """Records are missing and cannot be made now; the message says how many and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the start waits for. `status`, `verify` and the search for the same content need it.

    `look` surveys the tickets anew. `wait` is told what goes on and takes a moment; its False means
    that the start must go no further.
    """

    lane: Lane
    look: Callable[[], Survey]
    wait: Callable[[str], bool]
    clock: Callable[[], float] = time.monotonic

    def open(self, found: Survey) -> Survey | None:
        """The tickets as they are when nothing is missing; None when it must go no further.

        Tickets for which no record can be made hold up nothing, and those that arrive meanwhile
        get theirs too. Raises GateError, NewerInfoError, OSError.
        """
        tries = 0
        while missing := self.lane.missing(found):
            if tries >= MAX_TRIES:
                raise GateError(self._reason(len(missing)))
            if tries and not self._pause():
                return None
            _log.info("%d past tickets get their records before the inbox opens", len(missing))
            self.lane.run_first()
            while self.lane.is_running:
                if not self.wait(self._progress()):
                    return None
            found = self.look()
            tries = tries + 1 if self.lane.missing(found) >= missing else 0
        return found

    def _pause(self) -> bool:
        _log.warning("the records could not be made; they are tried again: %s", self._progress())
        until = self.clock() + PAUSE_SECONDS
        while self.clock() < until:
            if not self.wait("waiting before records of past tickets are tried again"):
                return False
        return True

    def _progress(self) -> str:
        state = self.lane.state()
        done = "" if state is None else f" ({state.progress} of {state.total})"
        return f"making records of past tickets before the inbox opens{done}"

    def _reason(self, count: int) -> str:
        state = self.lane.state()
        why = "" if state is None else f": {state.message}"
        return f"{count} past tickets have no record, and the inbox stays closed without{why}"
