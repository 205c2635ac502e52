"""Log lines about a ticket: how loud, and among those of the folder through which it came."""

import logging

from presqt_daemon.config import Config
from presqt_daemon.errors import HouseFault, PresqtError
from presqt_daemon.system.logs import shared_log
from presqt_daemon.tickets.store import TicketFolder

_OPERATORS = frozenset({"unauthorized", "target-unavailable", "rate-limited"})
"""Codes of tickets that waited in vain for what only the operator can mend."""


def lines_of(
    folder: TicketFolder, kind: str, config: Config
) -> logging.LoggerAdapter[logging.Logger]:
    """The log for lines of one kind about a ticket, as `shared_log`.

    Folders of no target are counted as the inbox itself, for senders make any number of them.
    """
    target = folder.came_through()
    return shared_log(kind, target if target in config.targets else None, folder.ticket)


def level_of(error: PresqtError) -> int:
    """How loudly a failure is told: ours and the operator's as errors, a cancel as no trouble."""
    if error.code == "cancelled":
        return logging.INFO
    is_operators = isinstance(error, HouseFault) or error.code in _OPERATORS
    return logging.ERROR if is_operators else logging.WARNING
