"""`cancel` and `retry`: a file in `mediafiles/control/` that the daemon takes."""

import contextlib
import importlib

from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import CommandRefusal, Exit
from presqt_daemon.cli.output.describe import what_stays
from presqt_daemon.cli.output.show import complain, print_lines
from presqt_daemon.cli.output.text import shown
from presqt_daemon.cli.tickets.find import NotTakenYetError, find_ticket
from presqt_daemon.cli.tickets.follow import read_status
from presqt_daemon.config import Config
from presqt_daemon.system.files import create_file
from presqt_daemon.tickets.locks import is_held
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import TicketFolder


def main(context: Context) -> int:
    """0 when the request has been written; Refusal 4 or 6 when it cannot be."""
    config = context.config()
    word = context.options.command
    try:
        folder = find_ticket(config, context.options.ticket)
    except NotTakenYetError as waiting:
        raise CommandRefusal(
            f"{shown(str(waiting.path))} has not been taken yet and has no ticket; "
            "a drop that is still there can simply be removed",
            Exit.NOT_POSSIBLE,
        ) from None
    info = read_status(folder)
    reason = _why_not(word, info, folder)
    if reason is not None:
        raise CommandRefusal(
            f"cannot {word} ticket {info.ticket_number}: {reason}", Exit.NOT_POSSIBLE
        )
    _ask(config, info.ticket_number, word)
    if word == "cancel":
        print_lines(what_stays(info))
    if not is_held(config.mediafiles):
        complain("no daemon is running; the request counts when one is started")
    return Exit.OK


def _why_not(word: str, info: ProcessInfo, folder: TicketFolder) -> str | None:
    """Why the ticket's state does not allow it; None when it does."""
    if word == "cancel":
        return None if info.is_open else f"it has ended ({info.status})"
    reopen = importlib.import_module("presqt_daemon.workers.reopen")
    refusal: str | None = reopen.why_not_again(info, has_zip=folder.find_zip() is not None)
    return refusal


def _ask(config: Config, ticket: str, word: str) -> None:
    """Write the request; one that lies there already is as good."""
    config.control_folder.mkdir(mode=0o700, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        create_file(config.control_folder / f"{ticket}.{word}", b"")
