"""What may be typed: the parser, made of the commands as they are declared."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from presqt_daemon import __version__
from presqt_daemon.cli.command_line.command import Command
from presqt_daemon.cli.command_line.commands import COMMANDS
from presqt_daemon.cli.command_line.exits import Exit
from presqt_daemon.cli.output.show import shown
from presqt_daemon.safe_text import without_secrets

PROGRAM = "presqt-daemon"


class CommandParser(argparse.ArgumentParser):
    """Says what is wrong on one line, and exits by a number that no ticket's state has."""

    def error(self, message: str) -> NoReturn:
        self.exit(
            Exit.USAGE, f"{self.prog}: {shown(without_secrets(message))} (see {self.prog} --help)\n"
        )


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command and its options; exits after `--help`, `--version` and wrong usage."""
    return build_parser()[0].parse_args(arguments)


def build_parser() -> tuple[CommandParser, Mapping[str, CommandParser]]:
    """The program's parser, and each command's by name."""
    parser = CommandParser(
        prog=PROGRAM,
        description="Drop a zipped BagIt bag into a folder; get a verified deposit and a status.",
        epilog=f"`{PROGRAM} help` lists pages to read, `{PROGRAM} COMMAND --help` shows examples.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    _add_shared(parser, is_first=True)
    added = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS.values():
        _add(added, command)
    return parser, added.choices


def _add(
    parsers: "argparse._SubParsersAction[CommandParser]",
    command: Command,
) -> None:
    parser = parsers.add_parser(
        command.name,
        help=command.summary,
        description=f"{command.summary[0].upper()}{command.summary[1:]}.",
        epilog=command.epilog(PROGRAM),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_shared(parser, is_first=False)
    for name, settings in command.options:
        parser.add_argument(name, **settings)
    if command.one_of:
        group = parser.add_mutually_exclusive_group(required=True)
        for name, settings in command.one_of:
            group.add_argument(name, **settings)


def _add_shared(parser: argparse.ArgumentParser, *, is_first: bool) -> None:
    """The options that may stand before a command and after it."""
    more: dict[str, Any] = {} if is_first else {"default": argparse.SUPPRESS}
    parser.add_argument("--config", type=Path, metavar="FILE", help="the configuration", **more)
    parser.add_argument(
        "--set",
        action="append",
        metavar="KEY=VALUE",
        dest="settings" if is_first else "more_settings",
        default=[] if is_first else argparse.SUPPRESS,
        help="set one key of the configuration, such as staging.workers=2",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="say more", **more)
