"""`status`: one ticket, a table of all, or the targets; `wait`: returns when a ticket has ended."""

import importlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import ModuleType
from typing import TYPE_CHECKING

from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import CommandRefusal, Exit, wrong_usage
from presqt_daemon.cli.output.describe import describe
from presqt_daemon.cli.output.figures import TicketRate, is_at_work
from presqt_daemon.cli.output.progress import following_ticket
from presqt_daemon.cli.output.show import complain, print_json, print_text, shown
from presqt_daemon.cli.tickets.find import (
    NotTakenYetError,
    find_ticket,
    read_status,
    tell_unknown_target,
)
from presqt_daemon.cli.tickets.selection import GROUPS, Selection
from presqt_daemon.config import Config
from presqt_daemon.system.files import printable_name
from presqt_daemon.tickets.locks import is_held
from presqt_daemon.tickets.process_info import ProcessInfo, tree_from_info
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.tickets.verdict import verdict

if TYPE_CHECKING:
    from presqt_daemon.cli.tickets.overview import Overview

POLL_SECONDS = 0.25
SAMPLE_SECONDS = 1.5
"""How long a second reading is waited for; a ticket at work is written twice a second."""

_LIVE_SECONDS = 30.0


def main(context: Context) -> int:
    """The exit code of the ticket; 0 for a table, 3 for a drop that is not taken yet."""
    config = context.config()
    options = context.options
    if options.command == "wait":
        return _wait(context, config)
    is_narrowed = _is_table_asked_for(context)
    for name in ("targets", "workers"):
        if getattr(options, name) and (options.ticket is not None or options.watch or is_narrowed):
            raise wrong_usage(f"--{name} stands alone, or with --json")
    if options.targets:
        _tables().print_targets(config, as_json=options.json)
        return Exit.OK
    if options.workers:
        # an engine's library is loaded by nobody who does not ask for its hosts
        engine = importlib.import_module("presqt_daemon.cli.check.engine")
        engine.print_workers(config, context.environment, as_json=options.json)
        return Exit.OK
    if options.ticket is None:
        return _all(config, context)
    if is_narrowed:
        raise wrong_usage("a TICKET needs no choice among all: leave one away")
    try:
        folder = find_ticket(config, options.ticket)
    except NotTakenYetError as waiting:
        return _tell_not_taken(config, waiting, as_json=options.json)
    info = _watch(context, folder, quiet=options.json) if options.watch else read_status(folder)
    if options.json:
        print_json(tree_from_info(info))
        return verdict(info)
    info, figures = _sample_rate(folder, info)
    print_text(describe(info, folder, datetime.now(UTC), figures))
    return verdict(info)


def _watch(
    context: Context, folder: TicketFolder, *, quiet: bool = False, until: float | None = None
) -> ProcessInfo:
    """The status at the end (or at `until`), with the progress shown on the way.

    ^C ends the looking on alone, and says so: Refusal 130.
    """
    try:
        if quiet:
            return _follow(folder, lambda _info: None, until=until)
        with following_ticket() as update:
            return _follow(folder, update, until=until)
    except KeyboardInterrupt:
        name = folder.ticket[:8]
        raise CommandRefusal(
            f"ticket {folder.ticket} goes on. Look on: {context.command('status', name, '--watch')}"
            f"; end it: {context.command('cancel', name)}",
            Exit.INTERRUPTED,
        ) from None


def _not_taken_text(config: Config, waiting: NotTakenYetError) -> str:
    """What a sender should know about a drop that has no ticket."""
    daemon = "" if is_held(config.mediafiles) else "; no daemon is running"
    return f"{shown(str(waiting.path))} lies in the inbox and has not been taken yet{daemon}"


def _tell_not_taken(config: Config, waiting: NotTakenYetError, *, as_json: bool) -> int:
    text = _not_taken_text(config, waiting)
    if as_json:
        name = printable_name(waiting.path.name)
        print_json({"ticket_number": None, "source_file": name, "message": text})
    else:
        complain(text)
    return Exit.IN_PROGRESS


def _is_table_asked_for(context: Context) -> bool:
    options = context.options
    chosen = (options.target, options.since, options.most, *_groups(context))
    return options.sort != "age" or any(item is not None for item in chosen)


def _groups(context: Context) -> list[str]:
    return [group for group in GROUPS if getattr(context.options, f"is_{group}")]


def _tables() -> ModuleType:
    """What knows the inbox's names loads far more than one ticket's status needs."""
    return importlib.import_module("presqt_daemon.cli.tickets.overview")


def _all(config: Config, context: Context) -> int:
    options = context.options
    if options.json and options.watch:
        raise wrong_usage("--watch and --json go together for one TICKET only")
    tell_unknown_target(config, options.target)
    overview: Overview = _tables().Overview(
        config,
        Selection(
            groups=frozenset(_groups(context)),
            target=options.target,
            since=options.since,
            order=options.sort,
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


def _wait(context: Context, config: Config) -> int:
    """The exit code of the ticket; 3 when the time is over first."""
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
    info = _watch(context, folder, until=until)
    print_text(["", *describe(info, folder, datetime.now(UTC))])
    return verdict(info)


def _await_retry(config: Config, folder: TicketFolder, until: float | None) -> None:
    """Return when no retry is asked for that the daemon has still to take: its end is to come.

    The daemon takes the request away when the ticket is open again, or will not be.
    """
    request = f"{folder.ticket}.retry"
    control = importlib.import_module("presqt_daemon.inbox.requests.control")
    while control.is_asked(config.control_folder, request) and is_held(config.mediafiles):
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
                complain(_not_taken_text(config, waiting))
                is_told = True
        if until is not None and time.monotonic() >= until:
            return None
        time.sleep(POLL_SECONDS)


def _follow(
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


def _sample_rate(folder: TicketFolder, info: ProcessInfo) -> tuple[ProcessInfo, tuple[str, ...]]:
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
