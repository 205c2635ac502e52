"""`status`: one ticket, or a table of all."""

import time

from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import Exit
from presqt_daemon.cli.output.describe import COLUMNS, damaged_row, describe, row
from presqt_daemon.cli.output.show import Row, complain, pen, print_json, print_lines
from presqt_daemon.cli.output.text import shown
from presqt_daemon.cli.tickets.find import NotTakenYetError, all_infos, find_ticket
from presqt_daemon.cli.tickets.follow import POLL_SECONDS, follow, read_status
from presqt_daemon.config import Config
from presqt_daemon.tickets.locks import is_held
from presqt_daemon.tickets.process_info import ProcessInfo, tree_from_info
from presqt_daemon.tickets.store import TicketFolder, Uploads
from presqt_daemon.tickets.verdict import verdict


def main(context: Context) -> int:
    """The exit code of the ticket; 0 for the table, 3 for a drop that is not taken yet."""
    config = context.config()
    options = context.options
    if options.ticket is None:
        return _all(config, as_json=options.json, watch=options.watch)
    try:
        folder = find_ticket(config, options.ticket)
    except NotTakenYetError as waiting:
        complain(not_taken_text(config, waiting))
        return Exit.IN_PROGRESS
    info = watch(folder, quiet=options.json) if options.watch else read_status(folder)
    if options.json:
        print_json(tree_from_info(info))
    else:
        print_lines(describe(info, folder))
    return verdict(info)


def watch(folder: TicketFolder, *, quiet: bool = False, until: float | None = None) -> ProcessInfo:
    """The status at the end (or at `until`), with the progress shown on the way."""
    if quiet:
        return follow(folder, lambda _info: None, until=until)
    with pen().following() as update:
        return follow(folder, update, until=until)


def not_taken_text(config: Config, waiting: NotTakenYetError) -> str:
    """What a sender should know about a drop that has no ticket."""
    daemon = "" if is_held(config.mediafiles) else "; no daemon is running"
    return f"{shown(str(waiting.path))} lies in the inbox and has not been taken yet{daemon}"


def _all(config: Config, *, as_json: bool, watch: bool) -> int:
    if as_json:
        print_json([tree_from_info(info) for info in _readable(config)])
    elif watch:
        with pen().following_table(COLUMNS) as update:
            while True:
                update(_rows(config))
                time.sleep(POLL_SECONDS * 2)
    else:
        pen().print_table(COLUMNS, _rows(config))
    return Exit.OK


def _readable(config: Config) -> list[ProcessInfo]:
    """Every status, newest first; one that cannot be read is told on stderr."""
    infos = []
    for folder, info in all_infos(Uploads(config.mediafiles)):
        if isinstance(info, ProcessInfo):
            infos.append(info)
        else:
            complain(f"the status of ticket {folder.ticket} cannot be read ({shown(str(info))})")
    return sorted(infos, key=lambda info: info.received_at, reverse=True)


def _rows(config: Config) -> list[Row]:
    """The table's rows, newest first; tickets that cannot be read come first of all."""
    good, bad = [], []
    for folder, info in all_infos(Uploads(config.mediafiles)):
        if isinstance(info, ProcessInfo):
            good.append((info.received_at, row(info)))
        else:
            bad.append(damaged_row(folder.ticket, str(info)))
    good.sort(key=lambda pair: pair[0], reverse=True)
    return [*sorted(bad), *(cells for _moment, cells in good)]
