"""A message in words: what happened, to which file, whose fault it is, what to do, where it stands.

Much of the same is told by number, with the first few by name: a thousand failures are one message.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from presqt_daemon.notifications.advice import OPERATOR, advice_for
from presqt_daemon.notifications.events import Notification, NotificationKind
from presqt_daemon.safe_text import on_one_line

FIRST_FEW = 5
"""Of each group these are told one by one."""

MAX_LINE = 600
MOST_IDS = 6

_SHOWN_BY = frozenset({"failed", "held", "finished"})
"""Words that choose tickets in `status`."""

_Kind = NotificationKind
_SHORT = {
    _Kind.DISK_SHORT: "disk short",
    _Kind.TARGET_DOWN: "target down",
    _Kind.FAILED: "failed",
    _Kind.FIXITY: "finished, but not every file verified",
    _Kind.HELD: "waiting for long",
    _Kind.DISK_BACK: "disk well again",
    _Kind.TARGET_BACK: "target back",
    _Kind.CANCELLED: "cancelled",
    _Kind.FINISHED: "finished",
}
"""In a subject; what needs a person comes first."""

_MEND = (
    "mend what the cause names (presqt-daemon check shows whether it is well); its tickets then "
    "go on by themselves."
)
_LET_BE = (
    "nothing, if it is known to be down: it is asked again each 5 minutes at least, and you are "
    "told when it serves again. Else ask its administrators."
)
"""What to do about a target that is down, where a person is needed and where not."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one receiver is sent: a subject without a line's end, and plain text."""

    subject: str
    text: str


def message_from(
    notifications: Sequence[Notification], *, host: str, uploads: Path, lost: int = 0
) -> Message:
    """One message for all of these; `lost` are those that could never be told.

    `uploads` is where the tickets' folders are.
    """
    groups = list(_groups(notifications))
    parts = [_group(group, uploads) for group in groups]
    if lost:
        parts.append(
            f"{lost} earlier notifications could not be delivered here for a week, or were too "
            "many, and are not told any more: `presqt-daemon status` shows every ticket."
        )
    if len(groups) > 1 or len(notifications) > 1:
        parts.insert(0, f"{len(notifications)} things happened at {host}:")
    parts.append(_ids(notifications))
    return Message(f"[presqt-daemon {host}] {_subject(groups)}", "\n\n".join(parts) + "\n")


def trial_message(host: str, receiver: str) -> Message:
    """What `check --notify` sends."""
    return Message(
        f"[presqt-daemon {host}] a trial",
        f"This is a trial: the receiver {receiver!r} of presqt-daemon at {host} is told what "
        "happens. Nothing has happened, and nothing is to be done.\n",
    )


def _groups(notifications: Iterable[Notification]) -> Iterable[list[Notification]]:
    """Those that have one cause and one remedy together, the most urgent ones first."""
    found: dict[tuple[int, str, str], list[Notification]] = {}
    for one in notifications:
        about = "" if one.kind.is_of_ticket else one.about
        about = one.message if one.kind is NotificationKind.HELD else about
        key = (list(_SHORT).index(one.kind), one.error_code or "", about)
        found.setdefault(key, []).append(one)
    return [found[key] for key in sorted(found)]


def _subject(groups: Sequence[list[Notification]]) -> str:
    told: list[str] = []
    by_kind: dict[NotificationKind, list[Notification]] = {}
    for group in groups:
        by_kind.setdefault(group[0].kind, []).extend(group)
    for kind, group in by_kind.items():
        first = group[0]
        if len(group) == 1:
            code = f" ({first.error_code})" if first.error_code else ""
            told.append(f"{_SHORT[kind]}: {_line(first.about, 80)}{code}")
        elif kind.is_of_ticket:
            told.append(f"{len(group)} tickets {_SHORT[kind]}")
        else:
            told.append(f"{_SHORT[kind]}: {_line(', '.join(sorted({o.about for o in group})), 80)}")
    return "; ".join(told)


def _group(group: Sequence[Notification], uploads: Path) -> str:
    first = group[0]
    match first.kind:
        case NotificationKind.FAILED | NotificationKind.CANCELLED:
            lines = _failed(group)
        case NotificationKind.FIXITY:
            lines = _fixity(group)
        case NotificationKind.HELD:
            lines = _held(group)
        case NotificationKind.FINISHED:
            lines = [f"{_tickets(group)} finished: every file is there with a digest that matches."]
        case _:
            return "\n".join(line for one in group for line in _of_server(one))
    if len(group) > 1:
        lines.append(f"The first {FIRST_FEW} of them:" if len(group) > FIRST_FEW else "These are:")
    for one in group[:FIRST_FEW]:
        lines += _item(one, uploads)
    if len(group) > FIRST_FEW:
        shown = f"status --{first.kind.word}" if first.kind.word in _SHOWN_BY else "status"
        more = len(group) - FIRST_FEW
        lines.append(f"  and {more} more: `presqt-daemon {shown}` shows them all.")
    return "\n".join(lines)


def _failed(group: Sequence[Notification]) -> list[str]:
    first = group[0]
    advice = advice_for(first.error_code)
    what = "was cancelled" if first.kind is NotificationKind.CANCELLED else "failed"
    what = what if len(group) == 1 else what.replace("was", "were")
    return [
        f"{_tickets(group)} {what} ({first.error_code}).",
        f"Whose fault: {advice.whose}.",
        f"What to do: {_named(advice.to_do, group)}",
    ]


def _fixity(group: Sequence[Notification]) -> list[str]:
    differing = [one for one in group if one.differing]
    to_do = (
        "`presqt-daemon retry TICKET` sends again what differs; do not delete the original before."
        if differing
        else "no digest says that these files are right: look at them at the target before the "
        "original is deleted."
    )
    return [
        f"{_tickets(group)} finished, but not every file is proved to be right at the target.",
        "Whose fault: the target's, or somebody has changed files there.",
        f"What to do: {_named(to_do, group if len(group) == 1 else [])}",
    ]


def _held(group: Sequence[Notification]) -> list[str]:
    verb = "has waited" if len(group) == 1 else "have waited"
    goes_on = "it goes on by itself" if len(group) == 1 else "they go on by themselves"
    return [
        f"{_tickets(group)} {verb} for long. Nothing is lost; {goes_on}.",
        f"Cause: {_line(group[0].message)}",
        "What to do: `presqt-daemon resume` ends a hold, `presqt-daemon check` shows what else is.",
    ]


def _of_server(one: Notification) -> list[str]:
    about = _line(one.about)
    if one.kind is NotificationKind.TARGET_DOWN:
        whose = OPERATOR if one.needs_person else "the target's, or the network's"
        to_do = _MEND if one.needs_person else _LET_BE
        return [
            f"The target {about} takes nothing since {_time(one.since)}.",
            f"Cause: {_line(one.message)}",
            f"{_waiting(one.count)} Nothing is lost.",
            f"Whose fault: {whose}.",
            f"What to do: {to_do}",
        ]
    if one.kind is NotificationKind.DISK_SHORT:
        return [
            f"The disk of {about} is short since {_time(one.since)}: {_line(one.message)}",
            f"{_waiting(one.count, 'drop')} Nothing is lost.",
            f"Whose fault: {OPERATOR}.",
            "What to do: make room there (`presqt-daemon prune --dry-run` lists what may go).",
        ]
    what = "The target" if one.kind is NotificationKind.TARGET_BACK else "The disk of"
    return [f"{what} {about} {_line(one.message)} What waited goes on; nothing is to be done."]


def _item(one: Notification, uploads: Path) -> list[str]:
    lines = [f"  {_line(one.about, 200)}{_whence(one)}"]
    if one.kind is not NotificationKind.HELD:
        lines.append(f"    {_line(one.message)}")
    if one.differing:
        count = "1 file differs" if one.differing == 1 else f"{one.differing} files differ"
        lines.append(f"    {count} there: failed_fixity in the status lists them")
    if one.link is not None:
        lines.append(f"    at the target: {_line(one.link, 300)}")
    lines.append(f"    {uploads / (one.ticket or '')}/process_info.json")
    return lines


def _whence(one: Notification) -> str:
    folder = f", into inbox/{_line(one.folder, 64)}" if one.folder else ""
    to = f", for {_line(one.target, 64)}" if one.target and one.target != one.folder else ""
    who = f", by {_line(one.dropped_by, 64)}" if one.dropped_by else ""
    return f"{folder}{to}{who}"


def _named(to_do: str, group: Sequence[Notification]) -> str:
    """The advice with the ticket's number in it, where there is one ticket."""
    if len(group) == 1 and group[0].ticket:
        return to_do.replace("TICKET", group[0].ticket)
    return to_do


def _ids(notifications: Sequence[Notification]) -> str:
    """By which a message that came twice is known."""
    ids = [one.id for one in notifications]
    if len(ids) > MOST_IDS:
        return f"Events {ids[0]} to {ids[-1]}, {len(ids)} in all"
    return f"Event{'' if len(ids) == 1 else 's'} {', '.join(ids)}"


def _tickets(group: Sequence[Notification]) -> str:
    return "A ticket" if len(group) == 1 else f"{len(group)} tickets"


def _waiting(count: int, what: str = "ticket") -> str:
    return f"1 {what} waits." if count == 1 else f"{count} {what}s wait."


def _time(moment: datetime | None) -> str:
    return "a while ago" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _line(text: str | None, most: int = MAX_LINE) -> str:
    """Text of others on one line, with nothing in it that hides or moves."""
    safe = on_one_line(text or "")
    return safe if len(safe) <= most else f"{safe[: most - 1]}…"
