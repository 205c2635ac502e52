"""`run`: the daemon in the foreground."""

import os

from presqt_daemon.cli.check.rights import refuse_orders_of_others
from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import CommandRefusal, Exit, wrong_usage
from presqt_daemon.cli.output.footer import footer_below_log
from presqt_daemon.cli.tickets.at_work import AtWork
from presqt_daemon.daemon import run_daemon
from presqt_daemon.daemon.gate import GateError
from presqt_daemon.system.logs import open_log
from presqt_daemon.system.systemd import is_journal
from presqt_daemon.tickets.locks import HeldError


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
    try:
        with footer_below_log(AtWork(config.mediafiles).lines) as stream:
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
