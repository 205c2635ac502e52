"""`cancel` and `retry`: asked of the daemon by files in `mediafiles/control/`.

Of many tickets that are to be cancelled or retried, those that are meant are listed first.
"""

import contextlib
import importlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import Exit, not_possible, wrong_usage
from presqt_daemon.cli.output.describe import what_stays
from presqt_daemon.cli.output.rows import StatusScreen, ticket_row
from presqt_daemon.cli.output.show import (
    complain,
    is_terminal,
    pen,
    print_lines,
    shown,
)
from presqt_daemon.cli.tickets.find import (
    all_infos,
    find_taken,
    read_status,
    require_claim,
    tell_unknown_target,
)
from presqt_daemon.config import Config
from presqt_daemon.model import Status
from presqt_daemon.system.files import give_to_owner, sync_folder
from presqt_daemon.tickets.locks import is_held
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import TicketFolder, Uploads
from presqt_daemon.units import counted


def main(context: Context) -> int:
    """0 when it is asked for, also where it was before; Refusal 4 or 6 where it cannot be."""
    options = context.options
    word: str = options.command
    if (options.ticket is None) is not options.all:
        raise wrong_usage(f"{word}: name one TICKET, or say --all")
    config = context.config()
    if options.all:
        return _ask_for_many(context, config)
    untaken = "has not been taken yet and has no ticket; it can simply be removed"
    folder = find_taken(config, options.ticket, untaken, Exit.NOT_POSSIBLE)
    info = read_status(folder)
    reason = why_not(word, info, folder)
    if reason is not None:
        raise not_possible(f"cannot {word} ticket {info.ticket_number}: {reason}")
    ask_daemon(config, word, [info.ticket_number])
    print_lines(what_stays(info) if word == "cancel" else _what_retries(context, info))
    return Exit.OK


def _what_retries(context: Context, info: ProcessInfo) -> Iterator[str]:
    """That another run is asked for, and how to follow it."""
    yield f"ticket {info.ticket_number} ({shown(info.source_file)}): another run is asked for"
    yield f"follow it: {context.command('wait', info.ticket_number[:8])}"


def _ask_for_many(context: Context, config: Config) -> int:
    """0 when it was asked for, or nothing was to be done; Refusal 64 where nobody can be asked."""
    options = context.options
    word: str = options.command
    tell_unknown_target(config, options.target)
    chosen = sorted(_meant(context, config), key=lambda found: found[1].received_at)
    judged = [(info, why_not(word, info, folder)) for folder, info in chosen]
    possible = [info for info, reason in judged if reason is None]
    if possible:
        now = datetime.now(UTC)
        pen().print_tickets(StatusScreen(rows=tuple(ticket_row(info, now) for info in possible)))
    reasons = Counter(reason for _info, reason in judged if reason is not None)
    for reason, count in sorted(reasons.items()):
        complain(f"{counted(count, 'ticket')} cannot be asked for: {reason}")
    if not possible:
        print(f"no ticket to {word}")
        return Exit.OK
    if not options.yes and not _is_wanted(word, len(possible)):
        print("nothing was done")
        return Exit.OK
    # the oldest first, as they came: the daemon takes them up in the order of these files
    ask_daemon(config, word, [info.ticket_number for info in possible])
    print(f"asked to {word} {counted(len(possible), 'ticket')}")
    return Exit.OK


def _meant(context: Context, config: Config) -> Iterator[tuple[TicketFolder, ProcessInfo]]:
    """The tickets of the state that the command is for, as the options narrow them down."""
    options = context.options
    code = getattr(options, "code", None)
    for folder, info in all_infos(Uploads(config.mediafiles)):
        if not isinstance(info, ProcessInfo):
            complain(f"ticket {folder.ticket} is passed over: its status cannot be read")
            continue
        codes = {str(info.status_code), info.error_code}
        if options.command == "cancel":
            is_meant = info.is_open
        else:
            is_meant = _may_need_another(info, is_named=code in codes)
        if (
            is_meant
            and options.target in {None, info.target}
            and code in {None, *codes}
            and (options.since is None or info.received_at >= options.since)
        ):
            yield folder, info


def _may_need_another(info: ProcessInfo, *, is_named: bool) -> bool:
    """Whether a retry of many means this ticket.

    One that its sender has called off only where that very code was given (`is_named`).
    """
    if info.status is Status.FAILED:
        return is_named or info.error_code != "cancelled"
    return info.status is Status.FINISHED and bool(info.failed_fixity)


def _is_wanted(word: str, count: int) -> bool:
    """Whether the person at the terminal says yes; Refusal 64 without one."""
    what = counted(count, "ticket")
    if not (is_terminal() and sys.stdin.isatty()):
        raise wrong_usage(f"nothing was done: say --yes to {word} {what}")
    try:
        return input(f"{word} {what}? [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        print()
        return False


def why_not(word: str, info: ProcessInfo, folder: TicketFolder) -> str | None:
    """Why the ticket's state does not allow it; None when it does. Raises OSError."""
    if word == "cancel":
        return None if info.is_open else f"it has ended ({info.status})"
    require_claim(folder)
    reopen = importlib.import_module("presqt_daemon.workers.reopen")
    refusal: str | None = reopen.why_not_again(info, has_zip=folder.find_zip() is not None)
    return refusal


def ask_daemon(config: Config, word: str, tickets: Iterable[str]) -> None:
    """Write a request for each ticket, in this order; one that lies there already is as good.

    They are durable when it returns. Raises OSError.
    """
    control = config.control_folder
    control.mkdir(mode=0o700, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    moment = time.time_ns()
    for number, ticket in enumerate(tickets):
        with contextlib.suppress(FileExistsError):
            handle = os.open(control / f"{ticket}.{word}", flags, 0o600)
            try:
                give_to_owner(handle, control)
                # many are made within one tick of the clock, and their order is to be kept
                os.utime(handle, ns=(moment + number, moment + number))
            finally:
                os.close(handle)
    # they are empty: their names are all there is to keep
    sync_folder(control)
    if not is_held(config.mediafiles):
        complain("no daemon is running; the request counts when one is started")
