"""`run`: the daemon in the foreground."""

import os

from presqt_daemon.cli.check.rights import refuse_orders_of_others
from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import CommandRefusal, Exit, wrong_usage
from presqt_daemon.cli.output.figures import is_at_work
from presqt_daemon.cli.output.footer import footer_below_log, text_bar
from presqt_daemon.cli.output.progress import bar_of_ticket
from presqt_daemon.cli.output.rows import Totals
from presqt_daemon.cli.output.show import shown
from presqt_daemon.cli.tickets.readings import TicketReadings
from presqt_daemon.daemon import run_daemon
from presqt_daemon.daemon.gate import GateError
from presqt_daemon.system.logs import open_log
from presqt_daemon.system.systemd import is_journal
from presqt_daemon.tickets.locks import HeldError
from presqt_daemon.tickets.store import Uploads

MAX_LINES = 5
"""Of tickets at work, below the log."""


def main(context: Context) -> int:
    """The daemon's exit code.

    Refusal 75 beside another instance, 74 where past tickets cannot get the records that are
    needed; NewerInfoError (78) for files of a newer version.
    """
    options = context.options
    if options.max_wait is not None and not options.once:
        raise wrong_usage("--max-wait is for --once")
    if options.standby and options.once:
        raise wrong_usage("--standby waits for ever and --once does not: choose")
    # what is made gets its mode by name; under another umask that would be less than was meant
    os.umask(0o022)
    config = context.config()
    readings, totals = TicketReadings(Uploads(config.mediafiles)), Totals()
    try:
        with footer_below_log(lambda: _lines_at_work(readings, totals)) as stream:
            open_log(int(options.verbose), journal=is_journal(), stream=stream)
            refuse_orders_of_others(context.file_in_use(), config)
            return run_daemon(
                config,
                once=options.once,
                is_standby=options.standby,
                max_wait=options.max_wait,
                load=context.config,
            )
    except HeldError as error:
        raise CommandRefusal(str(error), Exit.BUSY) from None
    except GateError as error:
        raise CommandRefusal(str(error), Exit.FILES) from None


def _lines_at_work(readings: TicketReadings, totals: Totals) -> list[str]:
    """A line for each of the first few tickets at work, then all tickets in one."""
    readings.refresh()
    infos = readings.infos
    working = sorted(
        (info for info in infos.values() if is_at_work(info)),
        key=lambda info: (info.received_at, info.ticket_number),
    )
    lines = []
    for info in working[:MAX_LINES]:
        rate = readings.rates.get(info.ticket_number)
        bar = bar_of_ticket(info, () if rate is None else rate.texts(info))
        figures = "  ".join(bar.figures)
        share = bar.share or 0.0
        percent = f"{int(share * 100):>3}%"
        lines.append(f"{text_bar(share)} {percent}  {shown(info.source_file)}  {figures}")
    if len(working) > MAX_LINES:
        lines.append(f"... and {len(working) - MAX_LINES} more")
    return [*lines, totals.line(infos, len(readings.damaged))]
