"""`prepare-upgrade`: asks for the job, or shows how far it is; without a daemon does it itself."""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import Exit, not_possible, refused
from presqt_daemon.cli.output.progress import Step, following_steps
from presqt_daemon.cli.output.show import capped, print_json, print_lines, text_from_moment
from presqt_daemon.config import Config
from presqt_daemon.daemon.start import make_mediafiles_folders
from presqt_daemon.inbox.requests.control import FORCE, UPGRADE_NAME
from presqt_daemon.records.found_tickets import find_tickets
from presqt_daemon.system.files import make_folder, replace_file
from presqt_daemon.system.logs import open_log
from presqt_daemon.system.precedence import yield_to_others
from presqt_daemon.tickets.locks import FolderLock, HeldError, is_held, is_held_elsewhere
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.upgrade.order import UpgradeOrder, order_for
from presqt_daemon.upgrade.run import UpgradeRun
from presqt_daemon.upgrade.state import JobState, StateError, queued, tree_from_state

POLL_SECONDS = 0.1
TAKEN_SECONDS = 10.0
"""How long a running daemon may take to see a request."""


def main(context: Context) -> int:
    """0 complete, 3 queued or running, 1 some tickets could not get a record; Refusal 6."""
    config, options = context.config(), context.options
    order = order_for(config)
    lock = _lock(config)
    if lock is not None and options.verbose:
        open_log(1, journal=False)
    elif lock is not None:
        # what went wrong stands in the result
        logging.disable()
    shows = not options.json and (options.wait or lock is not None)
    try:
        with following_steps(shows=shows, stays=True) as show:
            if lock is not None:
                state = _do_it_here(config, order, show, force=options.force)
            else:
                state = _ask_daemon(config, order, force=options.force)
                if options.wait:
                    state = _wait(config, order, show)
    except StateError as error:
        raise refused(f"{error}; --force begins anew") from None
    finally:
        if lock is not None:
            lock.release()
    if options.json:
        print_json(tree_from_state(state))
    else:
        print_lines(_lines(state))
    return exit_of(state)


def exit_of(state: JobState) -> Exit:
    """The command's exit code for a state."""
    if state.is_open:
        return Exit.IN_PROGRESS
    return Exit.OK if state.complete and not state.failed_total else Exit.FAILED


def _lock(config: Config) -> FolderLock | None:
    """The folder's lock, None while a daemon (or another of these) has it."""
    make_folder(config.mediafiles)
    if is_held_elsewhere(config.mediafiles):
        return None
    try:
        lock = FolderLock(config.mediafiles)
    except HeldError:
        return None
    lock.give_to_owner()
    return lock


def _do_it_here(
    config: Config, order: UpgradeOrder, show: Callable[[Step], None], *, force: bool
) -> JobState:
    """The job in the foreground, where no daemon is."""
    with contextlib.suppress(FileNotFoundError):
        find_tickets(Uploads(config.mediafiles))
    file = order.state_file
    with contextlib.suppress(StateError):
        file.read()
    make_mediafiles_folders(config)
    has_work = order.queue(force=force)
    state = file.read()
    assert state is not None
    if not has_work:
        return state
    yield_to_others()
    return UpgradeRun(order, state, show=lambda now: _show(now, show)).go()


def _ask_daemon(config: Config, order: UpgradeOrder, *, force: bool) -> JobState:
    """Ask the daemon that runs; the state as it is then."""
    state = order.state_file.read()
    is_first = state is None
    if state is None:
        total = sum(1 for _ in Uploads(config.mediafiles).tickets())
        order.state_file.create(queued(datetime.now(UTC), total))
        state = order.state_file.read()
        assert state is not None
    is_under_way = state.is_open and state.is_of_today
    if force and is_under_way and not is_first:
        raise not_possible(
            f"prepare-upgrade runs now ({state.progress} of {state.total} tickets): "
            "--force is for a run that has ended"
        )
    if not is_under_way and not force and not order.is_wanted(state):
        return state
    request = config.control_folder / UPGRADE_NAME
    replace_file(request, (FORCE if force else "").encode("ascii"), writer=f".{os.getpid()}")
    return state if is_under_way else _next_run(order, state)


def _next_run(order: UpgradeOrder, before: JobState) -> JobState:
    """The state of the run after this one, or this where the daemon does not begin it in time."""
    deadline = time.monotonic() + TAKEN_SECONDS
    while time.monotonic() < deadline:
        state = order.state_file.read()
        if state is not None and state.run != before.run:
            return state
        time.sleep(POLL_SECONDS)
    return before


def _wait(config: Config, order: UpgradeOrder, show: Callable[[Step], None]) -> JobState:
    """The state at the job's end, or when the daemon has gone."""
    while True:
        is_served = is_held(config.mediafiles)
        state = order.state_file.read()
        assert state is not None
        _show(state, show)
        if not state.is_open or not is_served:
            return state
        time.sleep(POLL_SECONDS)


def _show(state: JobState, show: Callable[[Step], None]) -> None:
    """Show how far the job is, once it has begun."""
    if state.started_at is not None:
        words = f"{state.added} records made, {state.failed_total} could not be"
        show(Step(words=words, done=state.progress, total=state.total, unit="tickets"))


def _lines(state: JobState) -> Iterator[str]:
    """The state for people."""
    yield f"{state.progress} of {state.total} tickets: {state.message}"
    yield (
        f"{state.already_had} had their record, {state.added} got one, "
        f"{state.left_open} are open and get it at their end, {state.failed_total} could not"
    )
    if state.finished_at is not None:
        yield f"finished {text_from_moment(state.finished_at)}"
    failed = (f"  {ticket}: {reason}" for ticket, reason in state.failed)
    yield from capped(failed, state.failed_total)
