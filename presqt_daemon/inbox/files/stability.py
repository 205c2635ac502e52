"""Whether a file in the inbox may be taken now. Pure: values in, a decision out.

A file may be taken when it is one whole zip, nobody has it open for writing, and its name is used
by its writer no more. Clients stat, chmod, touch and rename the name after the last byte (paramiko
`put`, WinSCP, `install -m`, rclone); so nothing may have been written to the file, changed of it or
moved onto its name for `settle`. Opens and reads count for nothing. Modification times are compared
for change, never with a clock: they may lie in the past or the future.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from os import stat_result

from presqt_daemon.errors import UserFault
from presqt_daemon.tickets.claim_record import DropFile
from presqt_daemon.units import text_from_seconds

UNSEEN_SETTLE_SECONDS = 2.0
"""The least quiet time where writers cannot be seen, whatever is configured."""

LONGEST_SETTLE = 10
"""So many quiet times without a write are enough, whoever goes on touching the name."""

_LONGEST_PAUSE_SECONDS = 30.0


class Writer(StrEnum):
    """Whether some process has the file open for writing."""

    NONE = "none"
    OPEN = "open"
    UNKNOWN = "unknown"


class Content(StrEnum):
    """What the file's first and last bytes say."""

    WHOLE = "whole"
    INCOMPLETE = "incomplete"
    FOREIGN = "foreign"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Since when (monotonic clock) nothing was written to the file, and nothing changed of it.

    `beside` is the file that grows beside a placeholder, as it was last seen: its growth counts
    as the placeholder's.
    """

    sight: DropFile
    ctime_ns: int
    since: float
    changed: float
    beside: DropFile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What opening the file tells; `says` is a clause about content that is not a whole zip.

    `has_holes`: blocks of it were never written. `is_marked`: who made it vouches that it is done.
    """

    writer: Writer
    content: Content
    says: str = ""
    has_holes: bool = False
    is_marked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Seconds without change after which a whole zip is taken, and one that is not is given up.

    `held_after` is the same for what somebody has open for writing, or may be still copying.
    """

    settle: float
    incomplete_after: float
    held_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """The file is whole. `unwritten` says that this rests on nobody having it open to write."""

    unwritten: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Look again at this time (monotonic clock), or when the file has changed."""

    until: float
    why: str


Decision = Take | UserFault | Wait
"""A fault: the file will not become a zip, and its ticket fails with this."""


def sight_of(status: stat_result) -> DropFile:
    """The file as its folder shows it; a file that was replaced or written to differs."""
    return DropFile(
        device=status.st_dev,
        inode=status.st_ino,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
    )


def remember(before: History | None, status: stat_result, now: float, age: float = 0.0) -> History:
    """What is known of a file now; any write begins anew, any change of it begins its rest anew.

    `age` is for how many seconds it is known to have been as it is, when it is seen first.
    """
    sight = sight_of(status)
    if before is not None and before.sight == sight:
        if before.ctime_ns == status.st_ctime_ns:
            return before
        return replace(before, ctime_ns=status.st_ctime_ns, changed=now)
    since = now - age
    return History(sight=sight, ctime_ns=status.st_ctime_ns, since=since, changed=since)


def remember_beside(history: History, beside: DropFile | None, now: float) -> History:
    """The history of a placeholder: while the file beside it grows, it counts as written to."""
    if beside is None or beside == history.beside:
        return history
    return replace(history, beside=beside, since=now, changed=now)


def decide_taking(history: History, probe: Probe, rules: Rules, now: float, name: str) -> Decision:
    """Take the file, take it as one that can only fail, or wait; `name` is for the message."""
    quiet = now - history.since
    settle = rules.settle
    if probe.writer is Writer.UNKNOWN:
        settle = max(settle, UNSEEN_SETTLE_SECONDS)
    if probe.content is Content.WHOLE:
        if probe.writer is Writer.OPEN:
            if quiet >= rules.held_after:
                return Take()
            return _pause(history, rules, now, rules.held_after, "somebody is writing to it")
        unwritten = probe.writer is Writer.NONE
        if probe.has_holes and quiet < rules.incomplete_after:
            return _pause(history, rules, now, rules.incomplete_after, "parts of it are not there")
        due = max(history.since, history.changed) + settle
        due = min(due, history.since + LONGEST_SETTLE * settle)
        if now >= due or probe.is_marked:
            return Take(unwritten=unwritten)
        return Wait(until=due, why="it has just changed")
    patience = rules.incomplete_after
    if probe.content is Content.FOREIGN:
        patience = settle
    if probe.writer is Writer.OPEN:
        patience = rules.held_after
    if quiet >= patience:
        return _give_up(probe, quiet, name)
    return _pause(history, rules, now, patience, probe.says or "it is not whole")


def _pause(history: History, rules: Rules, now: float, limit: float, why: str) -> Wait:
    """The next look: soon after a change, ever later while nothing changes."""
    quiet = now - history.since
    pause = min(max(rules.settle, quiet), _LONGEST_PAUSE_SECONDS)
    return Wait(until=min(now + pause, history.since + limit), why=why)


def _give_up(probe: Probe, quiet: float, name: str) -> UserFault:
    if probe.content is Content.EMPTY:
        return UserFault("not-a-zip", f"{name} is empty (0 bytes): copy the bag's zip here again.")
    if probe.content is Content.FOREIGN:
        return UserFault(
            "not-a-zip",
            f"{name} is not a zip: {probe.says}. Zip the bag's folder and drop the zip.",
        )
    return UserFault(
        "incomplete-zip",
        f"{name} is not a whole zip: {probe.says}; it has not changed for "
        f"{text_from_seconds(quiet)}. Copy it again; best under the name <name>.zip.part, and "
        "rename it when the copy is done.",
    )
