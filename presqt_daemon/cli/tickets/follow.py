"""Waiting for a ticket by reading its status file, as every other reader does."""

import time
from collections.abc import Callable

from presqt_daemon.cli.command_line.exits import CommandRefusal, Exit
from presqt_daemon.tickets.legacy import read_any_info
from presqt_daemon.tickets.process_info import InfoError, ProcessInfo
from presqt_daemon.tickets.store import TicketFolder

POLL_SECONDS = 0.25


def read_status(folder: TicketFolder) -> ProcessInfo:
    """The ticket's status; Refusal when the file is damaged or from a newer version."""
    try:
        return read_any_info(folder)
    except InfoError as error:
        raise CommandRefusal(
            f"the status of ticket {folder.ticket} cannot be read ({error}); "
            "a running daemon mends it from the ticket's zip",
            Exit.FAILED,
        ) from None


def follow(
    folder: TicketFolder,
    each: Callable[[ProcessInfo], None],
    *,
    until: float | None = None,
) -> ProcessInfo:
    """The status at the ticket's end, or at the moment `until` of the monotonic clock.

    `each` is given every status read. Raises Refusal when the status cannot be read.
    """
    while True:
        info = read_status(folder)
        each(info)
        left = float("inf") if until is None else until - time.monotonic()
        if not info.is_open or left <= 0:
            return info
        time.sleep(min(POLL_SECONDS, left))
