"""The table of tickets, as values: a row for each, what stands above them and below. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from presqt_daemon.cli.output.describe import headline, short_headline
from presqt_daemon.cli.output.figures import age_text, is_at_work, is_sending
from presqt_daemon.cli.output.text import brief, shown, text_from_moment
from presqt_daemon.model import Status
from presqt_daemon.tickets.holds import ON_HOLD
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.verdict import Verdict, verdict
from presqt_daemon.units import text_from_bytes

WIDE_COLUMNS = ("ticket", "status", "code", "done", "target", "received", "file", "message")
"""Of a table that is not cut: for pipes and files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRow:
    """One ticket in the table. `share` is there while a worker has it, from 0 to 1.

    `figures` are its rate and the time left. `mood` says how it stands: good, odd, bad, busy, idle.
    """

    ticket: str
    state: str
    age: str
    target: str
    file: str
    message: str
    mood: str
    share: float | None = None
    figures: tuple[str, ...] = ()
    wide: tuple[str, ...] = ()
    """The cells under `WIDE_COLUMNS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusScreen:
    """Everything that `status` shows: lines above, rows, lines below. All texts are escaped."""

    above: tuple[str, ...] = ()
    rows: tuple[TicketRow, ...] = ()
    below: tuple[str, ...] = ()


def ticket_row(info: ProcessInfo, now: datetime, figures: Sequence[str] = ()) -> TicketRow:
    """A ticket's row at this moment."""
    return TicketRow(
        ticket=info.ticket_number,
        state=state_text(info),
        age=age_text(now, info.received_at),
        target=shown(info.target or "-"),
        file=shown(info.source_file) or "-",
        message=brief(short_headline(info)),
        mood=_mood(info),
        share=info.job_percentage / 100 if is_at_work(info) else None,
        figures=tuple(figures),
        wide=(
            info.ticket_number,
            info.status.value,
            "-" if info.status_code is None else str(info.status_code),
            f"{info.job_percentage}%",
            shown(info.target or "-"),
            text_from_moment(info.received_at).replace(" ", "T", 1).replace(" UTC", "Z"),
            shown(info.source_file) or "-",
            brief(headline(info)),
        ),
    )


def damaged_row(ticket: str, problem: str) -> TicketRow:
    """The row of a ticket whose status cannot be read."""
    message = shown(problem)
    return TicketRow(
        ticket=ticket,
        state="unreadable",
        age="-",
        target="-",
        file="-",
        message=message,
        mood="bad",
        wide=(ticket, "unreadable", "-", "-", "-", "-", "-", message),
    )


def state_text(info: ProcessInfo) -> str:
    """How a ticket stands, in eleven characters at most."""
    if not info.is_open:
        return f"failed {info.status_code}" if info.status is Status.FAILED else "finished"
    if is_at_work(info):
        return f"{'sending' if is_sending(info) else 'staging'} {info.job_percentage}%"
    return "on hold" if info.waiting_for == ON_HOLD else "waiting"


def totals(infos: Iterable[ProcessInfo], damaged: int = 0) -> str:
    """All tickets in one line: what is open first, then what has ended."""
    counts = dict.fromkeys(("at work", "waiting", "on hold", "finished", "differ", "failed"), 0)
    number = deposited = 0
    for info in infos:
        number += 1
        if info.is_open:
            word = state_text(info)
            counts["at work" if is_at_work(info) else word] += 1
        elif info.status is Status.FAILED:
            counts["failed"] += 1
        else:
            counts["finished"] += 1
            counts["differ"] += verdict(info) is Verdict.DIFFERS
            deposited += info.upload_total_bytes
    parts = [f"{counts[word]} {word}" for word in ("at work", "waiting", "on hold") if counts[word]]
    if counts["finished"]:
        differ = f", {counts['differ']} not as sent" if counts["differ"] else ""
        size = f" ({text_from_bytes(deposited)}{differ})"
        parts.append(f"{counts['finished']} finished{size}")
    parts += [f"{counts['failed']} failed"] if counts["failed"] else []
    parts += [f"{damaged} unreadable"] if damaged else []
    number += damaged
    counted = f"{number} ticket{'' if number == 1 else 's'}"
    return f"{counted}: {', '.join(parts)}" if parts else "no tickets"


def _mood(info: ProcessInfo) -> str:
    if is_at_work(info):
        return "busy"
    if info.is_open:
        return "idle"
    return {Verdict.VERIFIED: "good", Verdict.DIFFERS: "odd"}.get(verdict(info), "bad")
