"""One line of what `check` found."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Whether the daemon can work with it."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class CheckRow:
    """What was looked at, and what to do about it where it is not right."""

    what: str
    state: State
    detail: str
