"""What may be typed: the commands and their options."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from presqt_daemon import __version__
from presqt_daemon.cli.command_line.exits import Exit
from presqt_daemon.cli.output.text import shown
from presqt_daemon.safe_text import without_secrets
from presqt_daemon.units import seconds_from_text

PROGRAM = "presqt-daemon"

_TICKET = "ticket number, four or more of its first characters, a drop's name or its inbox note"


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
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    _add_shared(parser, is_first=True)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, summary: str) -> CommandParser:
        added = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            allow_abbrev=False,
        )
        _add_shared(added, is_first=False)
        return added

    about = command("help", "show a page about a topic, or a command's options; none: list them")
    about.add_argument("topic", nargs="?", metavar="TOPIC|COMMAND")
    _add_run(command("run", "run the daemon in the foreground"))
    _add_submit(command("submit", "drop a bag zip, or a folder, for a target"))
    status = command("status", "show one ticket, or a table of all")
    status.add_argument("ticket", nargs="?", metavar="TICKET|FILE", help=_TICKET)
    status.add_argument("--json", action="store_true", help="print JSON")
    status.add_argument("--watch", action="store_true", help="follow what changes")
    wait = command("wait", "wait until a ticket has ended")
    wait.add_argument("ticket", metavar="TICKET", help=_TICKET)
    wait.add_argument("--timeout", type=_of(seconds_from_text), metavar="T", help="such as 10m")
    command("cancel", "ask for the end of a ticket").add_argument("ticket", metavar="TICKET")
    command("retry", "ask for another run of a ticket").add_argument("ticket", metavar="TICKET")
    validate = command("validate", "check one zip as the daemon would, and upload nothing")
    validate.add_argument("zip", type=Path, metavar="ZIP")
    validate.add_argument("--json", action="store_true", help="print JSON")
    check = command("check", "check configuration, folders, rights, disk, limits and targets")
    check.add_argument("--json", action="store_true", help="print JSON")
    check.add_argument(
        "--deposit",
        metavar="TARGET",
        help="make a small private deposit there too, verify it and remove it",
    )
    check.add_argument(
        "--accept",
        metavar="TARGET",
        help="take what lies in this folder target's place now for its archive, on purpose",
    )
    command("reload", "let the running daemon take over the configuration, and wait for its answer")
    shown = command("config", "print the commented example of a configuration, or its schema")
    shown.add_argument("what", choices=("example", "schema"))
    _add_install(command("install", "write unit, users, folders and a first configuration (root)"))
    upgrade = command("prepare-upgrade", "see to it that every past ticket has its record")
    upgrade.add_argument("--force", action="store_true", help="again, after a run that has ended")
    upgrade.add_argument("--wait", action="store_true", help="wait until it is complete")
    upgrade.add_argument("--json", action="store_true", help="print JSON")
    _add_verify(command("verify", "ask targets again for their digests"))
    prune = command("prune", "remove what need not be kept any longer")
    prune.add_argument("--dry-run", action="store_true", help="only list what would go")
    prune.add_argument(
        "--unverified", metavar="TICKET", help="remove this ended ticket's zip though not verified"
    )
    prune.add_argument(
        "--rejected-from",
        metavar="FOLDER",
        help="remove the zips of rejected drops of this inbox folder before their time",
    )
    return parser, commands.choices


def _add_shared(parser: argparse.ArgumentParser, *, is_first: bool) -> None:
    """The options that may stand before a command and after it."""

    def default(value: object) -> Any:
        return value if is_first else argparse.SUPPRESS

    parser.add_argument(
        "--config", type=Path, metavar="FILE", default=default(None), help="the configuration"
    )
    parser.add_argument(
        "--set",
        action="append",
        metavar="KEY=VALUE",
        dest="settings" if is_first else "more_settings",
        default=[] if is_first else argparse.SUPPRESS,
        help="set one key of the configuration, such as staging.workers=2",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", default=default(value=False), help="say more"
    )


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--once", action="store_true", help="bring what is there to its end, then stop"
    )
    parser.add_argument(
        "--max-wait",
        type=_of(seconds_from_text),
        metavar="T",
        help="with --once: leave tickets that must wait longer, such as 5m",
    )


def _add_install(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument(
        "--prefix",
        type=Path,
        default=Path("/"),
        metavar="DIR",
        help="write below this folder, such as the root of an image; starts nothing",
    )


def _add_verify(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("ticket", nargs="?", metavar="TICKET", help=_TICKET)
    which.add_argument("--all", action="store_true", help="every deposit there is")
    which.add_argument("--sample", type=int, metavar="N", help="so many deposits, by chance")


def _add_submit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="PATH", help="a zip, or a folder")
    parser.add_argument("--target", metavar="NAME", help="needed unless there is a default target")
    parser.add_argument("--resource-id", metavar="ID", help="an existing container at the target")
    parser.add_argument("--duplicates", choices=("ignore", "update"))
    parser.add_argument("--title", metavar="T", help="of a new top-level resource")
    parser.add_argument("--wait", action="store_true", help="wait until the ticket has ended")


def _of(read: Callable[[object], float]) -> Callable[[str], float]:
    """A reader of ours as argparse wants it: its sentence becomes the message."""

    def convert(text: str) -> float:
        try:
            return read(float(text) if text.replace(".", "", 1).isdecimal() else text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} {error}") from None

    return convert
