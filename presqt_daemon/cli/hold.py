"""`hold` and `resume`: a file in `mediafiles/control/` keeps from being sent what it names."""

from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import CommandRefusal, Exit, not_possible
from presqt_daemon.cli.output.show import complain, text_from_moment
from presqt_daemon.cli.tickets.find import all_infos, find_taken, read_status
from presqt_daemon.config import Config
from presqt_daemon.model import Stage
from presqt_daemon.tickets.holds import Holds, end_hold, put_on_hold, read_holds
from presqt_daemon.tickets.locks import is_held
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.units import counted


def main(context: Context) -> int:
    """0, also where it was so before; Refusal 4 or 6 where it cannot be."""
    options = context.options
    change = _hold if options.command == "hold" else _resume
    change(context.config(), options.wanted)
    return Exit.OK


def _hold(config: Config, wanted: str | None) -> None:
    name = None if wanted is None else _name_of(config, wanted, for_hold=True)
    if not config.mediafiles.is_dir():
        raise CommandRefusal(
            f"{config.mediafiles} is missing: no daemon has run here yet. Start it once",
            Exit.FILES,
        )
    before = read_holds(config.control_folder)
    is_new = put_on_hold(config.control_folder, name)
    since = before.everything if name is None else before.named.get(name)
    what = name or "everything"
    if is_new and (name is None or name in config.targets):
        print(f"{what} is on hold: drops are taken and staged, nothing new is sent")
    elif is_new:
        print(f"ticket {what} is on hold: it is not sent")
    else:
        print(f"{what} was on hold already, since {text_from_moment(since)}")
    running, waiting = _count(config, read_holds(config.control_folder))
    print(f"{running} being sent now (to the end), {waiting} kept back")
    if not is_held(config.mediafiles):
        complain("no daemon is running; the hold counts when one is started")


def _resume(config: Config, wanted: str | None) -> None:
    control = config.control_folder
    holds = read_holds(control)
    name = wanted
    if wanted is not None and wanted not in holds.named:
        name = _name_of(config, wanted, for_hold=False)
    what = name or "everything"
    if end_hold(control, name):
        print(f"{what} is on hold no more" if name else "the hold of everything has ended")
    else:
        print(f"{name} was not on hold" if name else "there was no hold of everything")
    left = read_holds(control)
    if left.everything is not None:
        print(f"everything is still on hold, since {text_from_moment(left.everything)}: resume")
    for other, since in sorted(left.named.items()):
        print(f"{other} is still on hold, since {text_from_moment(since)}: resume {other}")


def _name_of(config: Config, wanted: str, *, for_hold: bool) -> str:
    """The target or the number of the ticket that is meant. Refusal 4 or 6."""
    if wanted in config.targets:
        return wanted
    try:
        untaken = "has not been taken yet and has no ticket; hold its target"
        folder = find_taken(config, wanted, untaken, Exit.NOT_POSSIBLE)
    except CommandRefusal as refusal:
        if refusal.code is not Exit.UNKNOWN_TICKET:
            raise
        raise CommandRefusal(
            f"{refusal.message}, nor a target of that name; targets: {', '.join(config.targets)}",
            refusal.code,
        ) from None
    info = read_status(folder)
    if for_hold and not info.is_open:
        raise not_possible(f"cannot hold ticket {folder.ticket}: it has ended ({info.status})")
    return folder.ticket


def _count(config: Config, holds: Holds) -> tuple[str, str]:
    """How many tickets that are on hold are being sent all the same, and how many wait."""
    running = waiting = 0
    for _folder, info in all_infos(Uploads(config.mediafiles)):
        if not isinstance(info, ProcessInfo) or not info.is_open:
            continue
        if holds.cover(info.ticket_number, info.target) and info.stage is Stage.HASHED:
            is_at_work = info.function_process_id is not None
            running += is_at_work
            waiting += not is_at_work
    return counted(running, "ticket"), counted(waiting, "ticket")
