"""The gate of a start: the inbox opens when every past ticket has the record that is needed."""

import logging
from collections.abc import Callable

from presqt_daemon.records.found_tickets import FoundTickets
from presqt_daemon.workers.upgrade_runner import UpgradeRunner

MAX_TRIES = 2
"""Runs that bring nothing forward, before a start gives up; the first may be an old one's rest."""

_log = logging.getLogger(__name__)


class GateError(Exception):
    """Records are missing and cannot be made now; the message says how many and why."""


def open_gate(
    found: FoundTickets,
    upgrade: UpgradeRunner,
    look: Callable[[], FoundTickets],
    wait: Callable[[str], bool],
) -> FoundTickets | None:
    """The tickets as they are when nothing is missing; None when the start must go no further.

    `status`, `verify` and the search for the same content need the records. Tickets for which none
    can be made hold up nothing, and those that arrive meanwhile get theirs too. `look` surveys the
    tickets anew. `wait` is told what goes on and takes a moment; its False means that the start
    must go no further. Raises GateError, NewerInfoError, OSError.
    """
    tries = 0
    while missing := upgrade.missing(found):
        if tries >= MAX_TRIES:
            state = upgrade.state()
            why = "" if state is None else f": {state.message}"
            raise GateError(
                f"{len(missing)} past tickets have no record, and the inbox stays closed "
                f"without{why}"
            )
        _log.info("%d past tickets get their records before the inbox opens", len(missing))
        upgrade.run_first()
        while upgrade.is_running:
            upgrade.start_missing_threads()
            if not wait(_progress(upgrade)):
                return None
        found = look()
        tries = tries + 1 if upgrade.missing(found) >= missing else 0
    return found


def _progress(upgrade: UpgradeRunner) -> str:
    state = upgrade.state()
    done = "" if state is None else f" ({state.progress} of {state.total})"
    return f"making records of past tickets before the inbox opens{done}"
