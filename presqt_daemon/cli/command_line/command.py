"""One command as it is declared: its name, who does it, its options, examples and exit codes."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from presqt_daemon.cli.command_line.exits import Exit
from presqt_daemon.units import seconds_from_text

TICKET_HELP = "ticket number, four or more of its first characters, a drop's name or its inbox note"

EXITS_OF_TICKET: Mapping[Exit, str] = MappingProxyType(
    {
        Exit.OK: "finished, and every file matched",
        Exit.FAILED: "failed",
        Exit.DIFFERS: "finished, but a file failed, lacks verification or is another one there",
        Exit.IN_PROGRESS: "still in progress",
        Exit.UNKNOWN_TICKET: "there is no such ticket",
    }
)
"""How `status`, `wait` and what waits end, by the ticket."""

EXITS_OF_REQUEST: Mapping[Exit, str] = MappingProxyType(
    {
        Exit.OK: "asked for",
        Exit.UNKNOWN_TICKET: "there is no such ticket",
        Exit.NOT_POSSIBLE: "not possible in the ticket's state",
    }
)
"""How what asks the daemon for something about a ticket ends."""

Option = tuple[str, dict[str, Any]]
"""An argument's name and what else argparse's `add_argument` is called with."""

_EVERYWHERE = "64 wrong usage, 74 a file or folder, 78 configuration, 130 interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command: all that the parser, the help and the program's entry know of it."""

    name: str
    module: str
    """The module of `cli` that does it, loaded only when it is asked for; its `main` is called."""

    summary: str
    """What it does, as a line in the list of commands."""

    examples: Sequence[tuple[str, str]]
    """Command lines without the program's name, and what each is for."""

    exits: Mapping[Exit, str] = field(default_factory=lambda: {Exit.OK: "done"})
    """The exit codes that have a meaning of their own here."""

    options: Sequence[Option] = ()
    one_of: Sequence[Option] = ()
    """Of these exactly one must be given."""

    def epilog(self, program: str) -> str:
        """Examples and exit codes, as they stand below the options."""
        lines = ["examples:"]
        for line, purpose in self.examples:
            lines += [f"  {program} {line}".rstrip(), f"      {purpose}"]
        lines += ["", "exit codes:"]
        lines += [f"  {code.value:>3}  {meaning}" for code, meaning in sorted(self.exits.items())]
        lines.append(f"  and {_EVERYWHERE}")
        return "\n".join(lines)


def option(name: str, metavar: str | None, about: str, **settings: Any) -> Option:
    """An argument with a value, as `add_argument` of argparse takes it."""
    return name, {"metavar": metavar, "help": about, **settings}


def flag(name: str, about: str, **settings: Any) -> Option:
    """An option without a value."""
    return name, {"action": "store_true", "help": about, **settings}


def seconds(text: str) -> float:
    """A time such as `10m`, for `type=`; our sentence becomes argparse's message."""
    try:
        return seconds_from_text(float(text) if text.replace(".", "", 1).isdecimal() else text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error}") from None


def number(text: str) -> int:
    """A count from 1, for `type=`."""
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)


def since(text: str) -> datetime:
    """A moment in UTC, for `type=`: a time before now (`2d`), a date, or a date with its time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            return datetime.now(UTC) - timedelta(seconds=seconds_from_text(text))
        except (ValueError, OverflowError):
            raise argparse.ArgumentTypeError(
                f"{text!r} is no time before now such as 12h or 2d, nor a date such as 2026-01-31"
            ) from None
    # a date without a zone is one of the person who types it
    return moment.astimezone(UTC)
