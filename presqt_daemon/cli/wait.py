"""`wait`: returns when a ticket has ended."""

import time
from datetime import UTC, datetime

from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import Exit
from presqt_daemon.cli.output.describe import describe
from presqt_daemon.cli.output.show import complain, print_text
from presqt_daemon.cli.status import not_taken_text, watch
from presqt_daemon.cli.tickets.find import NotTakenYetError, find_ticket
from presqt_daemon.cli.tickets.follow import POLL_SECONDS
from presqt_daemon.config import Config
from presqt_daemon.inbox.requests.control import is_asked
from presqt_daemon.tickets.locks import is_held
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.tickets.verdict import verdict


def main(context: Context) -> int:
    """The exit code of the ticket; 3 when the time is over first."""
    config = context.config()
    timeout: float | None = context.options.timeout
    until = None if timeout is None else time.monotonic() + timeout
    folder = _taken(config, context.options.ticket, until)
    if folder is None:
        return Exit.IN_PROGRESS
    return wait_for(context, config, folder, until)


def wait_for(context: Context, config: Config, folder: TicketFolder, until: float | None) -> int:
    """Show progress until the ticket has ended or the clock says `until`, then how it stands."""
    if not is_held(config.mediafiles):
        complain("no daemon is running; an open ticket goes on when one is started")
    _await_retry(config, folder, until)
    info = watch(context, folder, until=until)
    print_text(["", *describe(info, folder, datetime.now(UTC))])
    return verdict(info)


def _await_retry(config: Config, folder: TicketFolder, until: float | None) -> None:
    """Return when no retry is asked for that the daemon has still to take: its end is to come.

    The daemon takes the request away when the ticket is open again, or will not be.
    """
    request = f"{folder.ticket}.retry"
    while is_asked(config.control_folder, request) and is_held(config.mediafiles):
        if until is not None and time.monotonic() >= until:
            return
        time.sleep(POLL_SECONDS)


def _taken(config: Config, wanted: str, until: float | None) -> TicketFolder | None:
    """The ticket's folder, waited for while the drop lies in the inbox; None after `until`."""
    is_told = False
    while True:
        try:
            return find_ticket(config, wanted)
        except NotTakenYetError as waiting:
            if not is_told:
                complain(not_taken_text(config, waiting))
                is_told = True
        if until is not None and time.monotonic() >= until:
            return None
        time.sleep(POLL_SECONDS)
