"""`cancel` and `retry`: a file in `mediafiles/control/` that the daemon takes."""

import importlib
from collections.abc import Iterator

from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import CommandRefusal, Exit
from presqt_daemon.cli.output.describe import what_stays
from presqt_daemon.cli.output.show import print_lines
from presqt_daemon.cli.output.text import shown
from presqt_daemon.cli.tickets.find import find_taken
from presqt_daemon.cli.tickets.follow import read_status
from presqt_daemon.cli.tickets.requests import ask_daemon, why_not
from presqt_daemon.tickets.process_info import ProcessInfo


def what_retries(context: Context, info: ProcessInfo) -> Iterator[str]:
    """That another run is asked for, and how to follow it."""
    yield f"ticket {info.ticket_number} ({shown(info.source_file)}): another run is asked for"
    yield f"follow it: {context.command('wait', info.ticket_number[:8])}"


def main(context: Context) -> int:
    """0 when the request has been written; Refusal 4 or 6 when it cannot be."""
    if context.options.all or context.options.ticket is None:
        code: int = importlib.import_module("presqt_daemon.cli.operator.bulk").main(context)
        return code
    config = context.config()
    word = context.options.command
    untaken = "has not been taken yet and has no ticket; it can simply be removed"
    folder = find_taken(config, context.options.ticket, untaken, Exit.NOT_POSSIBLE)
    info = read_status(folder)
    reason = why_not(word, info, folder)
    if reason is not None:
        raise CommandRefusal(
            f"cannot {word} ticket {info.ticket_number}: {reason}", Exit.NOT_POSSIBLE
        )
    ask_daemon(config, word, [info.ticket_number])
    print_lines(what_stays(info) if word == "cancel" else what_retries(context, info))
    return Exit.OK
