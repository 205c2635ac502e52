"""Every command there is, declared; a new one is added in one of these files and nowhere else.

Nothing is done here: values come out. Called by the parser, for the options and the help, and by
the program's entry, for the module that does a command.
"""

from presqt_daemon.cli.command_line.command import Command
from presqt_daemon.cli.command_line.commands.deposits import DEPOSITS
from presqt_daemon.cli.command_line.commands.records import RECORDS
from presqt_daemon.cli.command_line.commands.service import SERVICE

COMMANDS: dict[str, Command] = {
    command.name: command for command in (*DEPOSITS, *RECORDS, *SERVICE)
}
"""Name -> command, in the order of the help."""

__all__ = ["COMMANDS"]
