"""Waiting for a ticket by reading its status file, as every other reader does."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from presqt_daemon.cli.command_line.exits import refused
from presqt_daemon.cli.output.figures import TicketRate, is_at_work
from presqt_daemon.tickets.legacy import read_any_info
from presqt_daemon.tickets.process_info import InfoError, ProcessInfo
from presqt_daemon.tickets.store import TicketFolder

POLL_SECONDS = 0.25
SAMPLE_SECONDS = 1.5
"""How long a second reading is waited for; a ticket at work is written twice a second."""

_LIVE_SECONDS = 30.0


def read_status(folder: TicketFolder) -> ProcessInfo:
    """The ticket's status; Refusal when the file is damaged or from a newer version."""
    try:
        return read_any_info(folder)
    except InfoError as error:
        raise refused(
            f"the status of ticket {folder.ticket} cannot be read ({error}); "
            "a running daemon mends it from the ticket's zip"
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


def sample_rate(folder: TicketFolder, info: ProcessInfo) -> tuple[ProcessInfo, tuple[str, ...]]:
    """A ticket at work read twice: its newest status, and how fast it goes as far as that shows."""
    rate = TicketRate()
    rate.add(info)
    is_live = (datetime.now(UTC) - info.updated_at).total_seconds() < _LIVE_SECONDS
    until = time.monotonic() + SAMPLE_SECONDS
    while is_live and is_at_work(info) and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
        info = read_status(folder)
        rate.add(info)
    return info, rate.texts(info)
