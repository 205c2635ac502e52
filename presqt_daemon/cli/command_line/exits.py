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


def no_such(kind: str, name: str, known: Iterable[str]) -> CommandRefusal:
    """What is said of a name that the configuration does not have: which there are (64)."""
    there = ", ".join(known) or "none"
    return CommandRefusal(f"there is no {kind} {name!r}; there are: {there}", Exit.USAGE)
