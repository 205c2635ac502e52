"""The table of tickets, as values: a row for each, what stands above them and below. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from presqt_daemon.cli.output.describe import headline, short_headline
from presqt_daemon.cli.output.figures import age_text, is_at_work, is_sending
from presqt_daemon.cli.output.show import brief, shown, text_from_moment
from presqt_daemon.model import Status
from presqt_daemon.tickets.holds import ON_HOLD
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.verdict import Verdict, verdict
from presqt_daemon.units import counted, text_from_bytes

_CATEGORIES = ("at work", "waiting", "on hold", "finished", "failed", "unreadable")

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
    more: int = 0
    """So many rows are not made, since no screen has room for them."""

    below: tuple[str, ...] = ()


def ticket_row(info: ProcessInfo, now: datetime, figures: Sequence[str] = ()) -> TicketRow:
    """A ticket's row at this moment."""
    target, file = shown(info.target or "-"), shown(info.source_file) or "-"
    return TicketRow(
        ticket=info.ticket_number,
        state=state_text(info),
        age=age_text(now, info.received_at),
        target=target,
        file=file,
        message=brief(short_headline(info)),
        mood=_mood(info),
        share=info.job_percentage / 100 if is_at_work(info) else None,
        figures=tuple(figures),
        wide=(
            info.ticket_number,
            info.status.value,
            "-" if info.status_code is None else str(info.status_code),
            f"{info.job_percentage}%",
            target,
            text_from_moment(info.received_at).replace(" ", "T", 1).replace(" UTC", "Z"),
            file,
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


@dataclass(slots=True)
class Totals:
    """All tickets counted; of one that has not changed since it is not asked again."""

    _known: dict[str, tuple[ProcessInfo, str, bool]] = field(default_factory=dict)

    def line(self, infos: Mapping[str, ProcessInfo], damaged: int = 0) -> str:
        """All tickets in one line: what is open first, then what has ended."""
        counts: dict[str, int] = {}
        deposited = differing = 0
        known = self._known
        self._known = {}
        for name, info in infos.items():
            entry = known.get(name)
            if entry is None or entry[0] is not info:
                entry = (info, _category(info), verdict(info) is Verdict.DIFFERS)
            self._known[name] = entry
            counts[entry[1]] = counts.get(entry[1], 0) + 1
            differing += entry[2]
            if entry[1] == "finished":
                deposited += info.upload_total_bytes
        if damaged:
            counts["unreadable"] = damaged
        more = f" ({text_from_bytes(deposited)}{f', {differing} not as sent' if differing else ''})"
        parts = [
            f"{counts[word]} {word}{more if word == 'finished' else ''}"
            for word in _CATEGORIES
            if word in counts
        ]
        number = len(infos) + damaged
        return f"{counted(number, 'ticket')}: {', '.join(parts)}" if parts else "no tickets"


def _category(info: ProcessInfo) -> str:
    if not info.is_open:
        return info.status.value
    return "at work" if is_at_work(info) else state_text(info)


def _mood(info: ProcessInfo) -> str:
    if is_at_work(info):
        return "busy"
    if info.is_open:
        return "idle"
    return {Verdict.VERIFIED: "good", Verdict.DIFFERS: "odd"}.get(verdict(info), "bad")
