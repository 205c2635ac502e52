"""`status`: one ticket, a table of all, or the targets."""

import importlib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import CommandRefusal, Exit
from presqt_daemon.cli.output.describe import describe
from presqt_daemon.cli.output.progress import following_ticket
from presqt_daemon.cli.output.show import complain, print_json, print_text
from presqt_daemon.cli.output.text import shown
from presqt_daemon.cli.tickets.find import NotTakenYetError, find_ticket
from presqt_daemon.cli.tickets.follow import follow, read_status, sample_rate
from presqt_daemon.cli.tickets.selection import Selection, TicketGroup, TicketOrder
from presqt_daemon.cli.tickets.target_table import print_targets
from presqt_daemon.config import Config
from presqt_daemon.system.files import printable_name
from presqt_daemon.tickets.locks import is_held
from presqt_daemon.tickets.process_info import ProcessInfo, tree_from_info
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.tickets.verdict import verdict

if TYPE_CHECKING:
    from presqt_daemon.cli.tickets.overview import Overview


def main(context: Context) -> int:
    """The exit code of the ticket; 0 for a table, 3 for a drop that is not taken yet."""
    config = context.config()
    options = context.options
    if options.targets:
        if options.ticket is not None or options.watch or _is_table_asked_for(context):
            raise CommandRefusal("--targets stands alone, or with --json", Exit.USAGE)
        print_targets(config, as_json=options.json)
        return Exit.OK
    if options.workers:
        if options.ticket is not None or options.watch or _is_table_asked_for(context):
            raise CommandRefusal("--workers stands alone, or with --json", Exit.USAGE)
        # an engine's library is loaded by nobody who does not ask for its hosts
        engine = importlib.import_module("presqt_daemon.cli.check.engine")
        engine.print_workers(config, context.environment, as_json=options.json)
        return Exit.OK
    if options.ticket is None:
        return _all(config, context)
    if _is_table_asked_for(context):
        raise CommandRefusal("a TICKET needs no choice among all: leave one away", Exit.USAGE)
    try:
        folder = find_ticket(config, options.ticket)
    except NotTakenYetError as waiting:
        return _tell_not_taken(config, waiting, as_json=options.json)
    info = watch(context, folder, quiet=options.json) if options.watch else read_status(folder)
    if options.json:
        print_json(tree_from_info(info))
        return verdict(info)
    info, figures = sample_rate(folder, info)
    print_text(describe(info, folder, datetime.now(UTC), figures))
    return verdict(info)


def watch(
    context: Context, folder: TicketFolder, *, quiet: bool = False, until: float | None = None
) -> ProcessInfo:
    """The status at the end (or at `until`), with the progress shown on the way.

    ^C ends the looking on alone, and says so: Refusal 130.
    """
    try:
        if quiet:
            return follow(folder, lambda _info: None, until=until)
        with following_ticket() as update:
            return follow(folder, update, until=until)
    except KeyboardInterrupt:
        name = folder.ticket[:8]
        raise CommandRefusal(
            f"ticket {folder.ticket} goes on. Look on: {context.command('status', name, '--watch')}"
            f"; end it: {context.command('cancel', name)}",
            Exit.INTERRUPTED,
        ) from None


def not_taken_text(config: Config, waiting: NotTakenYetError) -> str:
    """What a sender should know about a drop that has no ticket."""
    daemon = "" if is_held(config.mediafiles) else "; no daemon is running"
    return f"{shown(str(waiting.path))} lies in the inbox and has not been taken yet{daemon}"


def _tell_not_taken(config: Config, waiting: NotTakenYetError, *, as_json: bool) -> int:
    text = not_taken_text(config, waiting)
    if as_json:
        name = printable_name(waiting.path.name)
        print_json({"ticket_number": None, "source_file": name, "message": text})
    else:
        complain(text)
    return Exit.IN_PROGRESS


def _is_table_asked_for(context: Context) -> bool:
    options = context.options
    chosen = (options.target, options.since, options.most, *_groups(context))
    return options.sort != TicketOrder.AGE or any(item is not None for item in chosen)


def _groups(context: Context) -> list[TicketGroup]:
    return [group for group in TicketGroup if getattr(context.options, f"is_{group}")]


def _all(config: Config, context: Context) -> int:
    options = context.options
    if options.json and options.watch:
        raise CommandRefusal("--watch and --json go together for one TICKET only", Exit.USAGE)
    # what knows the inbox's names loads far more than one ticket's status needs
    room = importlib.import_module("presqt_daemon.cli.tickets.overview")
    overview: Overview = room.Overview(
        config,
        Selection(
            groups=frozenset(_groups(context)),
            target=options.target,
            since=options.since,
            order=TicketOrder(options.sort),
            most=options.most,
        ),
    )
    if options.json:
        print_json([tree_from_info(info) for info in overview.chosen()])
        for ticket, problem in sorted(overview.readings.damaged.items()):
            complain(f"the status of ticket {ticket} cannot be read ({shown(problem)})")
    elif options.watch:
        overview.watch(time.sleep)
    else:
        overview.print()
    return Exit.OK
