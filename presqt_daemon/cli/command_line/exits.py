"""The numbers that commands exit by, and the error that carries one."""

from collections.abc import Iterable
from enum import IntEnum


class Exit(IntEnum):
    """What a command's end means; the first four are `tickets.verdict.Verdict`."""

    OK = 0
    FAILED = 1
    DIFFERS = 2
    IN_PROGRESS = 3
    UNKNOWN_TICKET = 4
    NOT_POSSIBLE = 6
    USAGE = 64
    """sysexits.h; argparse's own 2 would read as `DIFFERS`."""
    INTERNAL = 70
    FILES = 74
    BUSY = 75
    CONFIG = 78
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class CommandRefusal(Exception):
    """A command cannot do what was asked; one sentence for stderr, and the exit code."""

    def __init__(self, message: str, code: Exit) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def wrong_usage(message: str) -> CommandRefusal:
    """What is said of options that do not go together, or name nothing (64)."""
    return CommandRefusal(message, Exit.USAGE)


def not_possible(message: str) -> CommandRefusal:
    """What is said where the ticket's state does not allow it (6)."""
    return CommandRefusal(message, Exit.NOT_POSSIBLE)


def refused(message: str) -> CommandRefusal:
    """What is said where it cannot be done as things are (1)."""
    return CommandRefusal(message, Exit.FAILED)


def no_such(kind: str, name: str, known: Iterable[str]) -> CommandRefusal:
    """What is said of a name that the configuration does not have: which there are (64)."""
    there = ", ".join(known) or "none"
    return wrong_usage(f"there is no {kind} {name!r}; there are: {there}")
