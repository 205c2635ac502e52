"""The lines of what `check` found, and what the disk refuses in words."""

import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from presqt_daemon.cli.output.show import pen, shown

_REASONS = {
    errno.EACCES: "cannot be written by this user",
    errno.EPERM: "cannot be written by this user",
    errno.EROFS: "is on a file system that is mounted read-only",
    errno.ENOSPC: "has no room for another file: the disk is full, or out of inodes",
    errno.EDQUOT: "has no room for another file: the quota is used up",
    errno.ENOTCONN: "is on a mount whose server is gone; unmount it and mount it again",
    errno.ESTALE: "is on a mount whose server is gone; unmount it and mount it again",
    errno.EIO: "is on a disk or mount that fails",
}


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


def ok(what: str, detail: str) -> CheckRow:
    """The row of what is as it should be."""
    return CheckRow(what, State.OK, detail)


def warning(what: str, detail: str) -> CheckRow:
    """The row of what works and should be looked at all the same."""
    return CheckRow(what, State.WARNING, detail)


def wrong(what: str, detail: str) -> CheckRow:
    """The row of what must be mended."""
    return CheckRow(what, State.WRONG, detail)


def print_rows(rows: Sequence[CheckRow]) -> None:
    """Print them as a table."""
    cells = [(row.state.value, shown(row.what), shown(row.detail)) for row in rows]
    pen().print_table(("state", "what", "detail"), cells)


def without_os_errors(what: str, rows: Iterator[CheckRow]) -> Iterator[CheckRow]:
    """The rows; what the disk refuses meanwhile ends this part, and never the table."""
    try:
        yield from rows
    except OSError as error:
        place = "" if error.filename is None else f"{os.fsdecode(error.filename)} "
        yield wrong(what, f"{place}{why_unusable(error)}")


def why_unusable(error: OSError) -> str:
    """Why something in a folder failed, as the end of a sentence that begins with the folder."""
    known = _REASONS.get(error.errno or 0)
    return known if known is not None else f"cannot be used: {error.strerror}"
