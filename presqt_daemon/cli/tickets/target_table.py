"""`status --targets`: each target up or down, since when and why, what is held, what is in use."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from presqt_daemon.cli.output.figures import age_text
from presqt_daemon.cli.output.show import complain, pen, print_json
from presqt_daemon.cli.output.text import shown
from presqt_daemon.cli.tickets.find import all_infos
from presqt_daemon.cli.tickets.selection import is_held_back
from presqt_daemon.condition import TargetCondition, read_condition
from presqt_daemon.config import Config
from presqt_daemon.schemas.json_values import tree_from_value
from presqt_daemon.tickets.holds import Holds, read_holds
from presqt_daemon.tickets.locks import is_held
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import Uploads

COLUMNS = ("target", "state", "since", "in use", "open", "held", "why")


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
