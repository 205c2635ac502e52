"""The daemon in one line, for `systemctl status` and for the log's `ready`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from presqt_daemon.units import counted

MAX_BYTES = 400
"""What a status line may take; what does not fit is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOff:
    """A target that takes nothing now: since when, why in words, and how many tickets wait."""

    target: str
    cause: str
    since: datetime | None = None
    waiting: int = 0


def summary(
    *, open_count: int, running: int, off: Sequence[TargetOff] = (), missing: Collection[str] = ()
) -> str:
    """Such as `osf down since 10:12: connection refused; 14 tickets wait; 20 open, 2 at work`.

    What is wrong comes first; `missing` are folders whose disk is not mounted.
    """
    parts = [f"{name} is not mounted" for name in sorted(missing)]
    parts += [_down(item) for item in off]
    counts = f"{counted(open_count, 'ticket')} open, {running} at work"
    shown: list[str] = []
    for number, part in enumerate(parts):
        rest = f"{len(parts) - number} more targets are down"
        if len("; ".join([*shown, part, rest, counts]).encode()) > MAX_BYTES:
            shown.append(rest)
            break
        shown.append(part)
    return "; ".join([*shown, counts])


def ready_line(inbox: str, off: Sequence[TargetOff]) -> str:
    """What is said when drops are taken from now on: where to, and what is off."""
    line = f"ready: drop zips into {inbox}"
    if not off:
        return line
    told = ", ".join(f"{item.target} ({item.cause})" for item in off)
    return f"{line}; these targets are off and their drops wait: {told}"


def _down(item: TargetOff) -> str:
    since = "" if item.since is None else f" since {item.since.astimezone():%H:%M}"
    verb = "waits" if item.waiting == 1 else "wait"
    return f"{item.target} down{since}: {item.cause}; {counted(item.waiting, 'ticket')} {verb}"
