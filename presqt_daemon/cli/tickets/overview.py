"""The tables of `status`: all tickets with what belongs to them, once or followed; the targets."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from presqt_daemon.cli.output.figures import age_text
from presqt_daemon.cli.output.rows import StatusScreen, TicketRow, Totals, damaged_row, ticket_row
from presqt_daemon.cli.output.show import complain, is_terminal, pen, print_json, shown
from presqt_daemon.cli.tickets.find import all_infos
from presqt_daemon.cli.tickets.readings import TicketReadings
from presqt_daemon.cli.tickets.selection import Selection, is_held_back, urgency
from presqt_daemon.cli.tickets.untaken import Untaken, find_untaken
from presqt_daemon.condition import DaemonCondition, TargetCondition, read_condition
from presqt_daemon.config import Config
from presqt_daemon.schemas.json_values import tree_from_value
from presqt_daemon.system.files import free_bytes
from presqt_daemon.tickets.holds import Holds, read_holds
from presqt_daemon.tickets.locks import is_held
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.units import counted, text_from_bytes

COLUMNS = ("target", "state", "since", "in use", "open", "held", "why")

TURN_SECONDS = 1.0
"""How often a table that is followed is looked at anew, at most."""

REST = 30
"""A turn is followed by so many times its own work: a few per cent of a core, whatever there is."""

TALLEST = 200
"""No screen has more lines; rows below are not made for one."""

INBOX_EVERY = 5
"""In one of so many turns the inbox is listed too."""

MAX_UNTAKEN = 10
MAX_DOWN = 5
NO_DAEMON = "no daemon is running: nothing is taken or sent until one is started"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """One target: `state` is up, down, no token, on hold, or unknown without a daemon.

    `open` of its tickets have not ended, `held` of those wait for more than their turn.
    """

    target: str
    type: str | None
    state: str
    since: datetime | None
    why: str | None
    asked_again_at: datetime | None
    in_use: int
    places: int
    open: int
    held: int


def print_targets(config: Config, *, as_json: bool) -> None:
    """Show every target; JSON is a list of objects."""
    told: Mapping[str, TargetCondition] = {}
    is_running = is_held(config.mediafiles)
    if is_running and (condition := read_condition(config.mediafiles)) is not None:
        told = {item.target: item for item in condition.targets}
    elif not is_running:
        complain("no daemon is running, so nobody knows how the targets are")
    found = (info for _folder, info in all_infos(Uploads(config.mediafiles)))
    infos = [info for info in found if isinstance(info, ProcessInfo)]
    rows = target_rows(config, told, holds_of(config), infos)
    if as_json:
        print_json(tree_from_value(rows))
        return
    now = datetime.now(UTC)
    pen().print_table(COLUMNS, [_cells(row, now) for row in rows])


def target_rows(
    config: Config, told: Mapping[str, TargetCondition], holds: Holds, infos: list[ProcessInfo]
) -> list[TargetRow]:
    """A row for each target that is configured, or that an open ticket names all the same."""
    opened = [info for info in infos if info.is_open]
    names = {**config.targets, **dict.fromkeys(info.target for info in opened if info.target)}
    rows = []
    for name in names:
        target = config.targets.get(name)
        found = told.get(name, TargetCondition(target=name))
        own = [info for info in opened if info.target == name]
        on_hold = holds.named.get(name) or holds.everything
        if target is None:
            state = "not configured"
        elif on_hold:
            state = "on hold"
        else:
            state = _state(found) if name in told else "unknown"
        rows.append(
            TargetRow(
                target=name,
                type=None if target is None else target.type,
                state=state,
                since=on_hold or found.down_since,
                why="the operator holds it back" if on_hold else found.cause,
                asked_again_at=found.asked_again_at,
                in_use=found.in_use,
                places=0 if target is None else target.workers,
                open=len(own),
                held=sum(map(is_held_back, own)),
            )
        )
    return rows


def since_text(moment: datetime, now: datetime) -> str:
    """`10:12 (5m)`, with the day where it is another one; in local time."""
    local = moment.astimezone()
    day = "" if local.date() == now.astimezone().date() else f"{local:%m-%d} "
    return f"{day}{local:%H:%M} ({age_text(now, moment)})"


def holds_of(config: Config) -> Holds:
    """What is on hold, as far as this user may know: the folder is the operator's."""
    try:
        return read_holds(config.control_folder)
    except OSError:
        return Holds()


def _state(found: TargetCondition) -> str:
    if found.down_since is not None:
        return "down"
    return "up" if found.cause is None else "no token"


def _cells(row: TargetRow, now: datetime) -> tuple[str, ...]:
    again = row.asked_again_at
    why = shown(row.why or "")
    if again is not None and again > now:
        why += f" (asked again in {age_text(again, now)})"
    return (
        shown(row.target),
        row.state,
        "-" if row.since is None else since_text(row.since, now),
        f"{row.in_use} of {row.places}",
        str(row.open),
        str(row.held),
        why,
    )


@dataclass(slots=True)
class Overview:
    """What is asked for of all tickets, and what is known of them."""

    config: Config
    selection: Selection
    readings: TicketReadings = field(init=False)
    _untaken: Untaken = field(default_factory=Untaken)
    _totals: Totals = field(default_factory=Totals)

    def __post_init__(self) -> None:
        self.readings = TicketReadings(Uploads(self.config.mediafiles))

    def chosen(self) -> list[ProcessInfo]:
        """The statuses that are asked for, in order."""
        self.readings.refresh()
        return self.selection.choose(self.readings.infos.values())[: self.selection.most]

    def print(self) -> None:
        """Print the table once."""
        self.readings.refresh()
        pen().print_tickets(self._screen(self._condition(), is_watched=False))

    def watch(self, sleep: Callable[[float], None]) -> None:
        """Show the table as it changes, until somebody interrupts."""
        turn, shown_at, before = 0, float("-inf"), None
        with pen().following_tickets() as update:
            while True:
                began = time.process_time()
                changed = self.readings.refresh()
                condition = self._condition(lists=turn % INBOX_EVERY == 0)
                now = time.monotonic()
                # ages go on where nothing changes
                if changed or condition != before or now - shown_at >= 10 * TURN_SECONDS:
                    update(self._screen(condition, is_watched=is_terminal()))
                    shown_at, before = now, condition
                turn += 1
                sleep(max(TURN_SECONDS, REST * (time.process_time() - began)))

    def _condition(self, *, lists: bool = True) -> DaemonCondition | None:
        """What the daemon tells of itself, None where none is running; the inbox is listed too."""
        condition = None
        if is_held(self.config.mediafiles):
            condition = read_condition(self.config.mediafiles) or DaemonCondition()
        if lists:
            self._untaken = find_untaken(self.config, condition)
        return condition

    def _screen(self, condition: DaemonCondition | None, *, is_watched: bool) -> StatusScreen:
        now = datetime.now(UTC)
        infos = self.selection.choose(self.readings.infos.values())
        if is_watched:
            infos.sort(key=urgency)  # stable: within that the order asked for
        rates = self.readings.rates
        rows: list[TicketRow] = []
        if self.selection.is_everything:
            rows = [damaged_row(*item) for item in sorted(self.readings.damaged.items())]
        most = self.selection.most
        wanted = infos if most is None else infos[: max(0, most - len(rows))]
        made = wanted[:TALLEST] if is_watched else wanted
        for info in made:
            figures = rates[info.ticket_number].texts(info) if info.ticket_number in rates else ()
            rows.append(ticket_row(info, now, figures))
        total = len(infos) + (len(self.readings.damaged) if self.selection.is_everything else 0)
        return StatusScreen(
            above=tuple(self._above(condition, now)),
            rows=tuple(rows[:most]),
            more=len(wanted) - len(made),
            below=tuple(self._below(len(rows) + len(wanted) - len(made), total)),
        )

    def _above(self, condition: DaemonCondition | None, now: datetime) -> Iterator[str]:
        if condition is None:
            yield NO_DAEMON
        holds = holds_of(self.config)
        if holds.everything is not None:
            yield f"everything is on hold since {since_text(holds.everything, now)}"
        for name in sorted(holds.targets):
            yield f"{shown(name)} is on hold since {since_text(holds.named[name], now)}"
        # read here, since a daemon whose disk is full cannot tell anything
        if (free := _short_of_disk(self.config)) is not None:
            yield (
                f"{text_from_bytes(free)} free for mediafiles, fewer than "
                f"{text_from_bytes(self.config.staging.min_free_bytes)}: drops wait"
            )
        if condition is None:
            return
        yield from (f"{shown(name)} is not mounted" for name in condition.missing)
        down = [item for item in condition.targets if item.cause is not None]
        for item in down[:MAX_DOWN]:
            since = "" if item.down_since is None else f" since {since_text(item.down_since, now)}"
            yield f"{shown(item.target)} is down{since}: {shown(item.cause or '')}"
        if len(down) > MAX_DOWN:
            yield f"... and {len(down) - MAX_DOWN} more targets, see status --targets"

    def _below(self, number: int, total: int) -> Iterator[str]:
        yield ""
        if self._untaken.total and self.selection.is_everything:
            yield f"in the inbox, not taken yet ({self._untaken.total}):"
            for drop in self._untaken.drops[:MAX_UNTAKEN]:
                yield f"  {shown(drop.path)}: {shown(drop.why)}"
            if self._untaken.total > MAX_UNTAKEN:
                yield f"  ... and {self._untaken.total - MAX_UNTAKEN} more"
        if number < total or not self.selection.is_everything:
            yield (
                f"{number} of {total} that are asked for are shown"
                if number < total
                else f"{counted(number, 'ticket')} chosen"
            )
        yield self._totals.line(self.readings.infos, len(self.readings.damaged))


def _short_of_disk(config: Config) -> int | None:
    """The free bytes of mediafiles' disk where those are too few to take up a bag."""
    with contextlib.suppress(OSError):
        free = free_bytes(config.mediafiles)
        return free if free < config.staging.min_free_bytes else None
    return None
