"""What a start makes and finds: its folders, tickets of all ages, those that have not ended."""

import logging

from presqt_daemon.config import Config
from presqt_daemon.daemon.wiring import Rooms
from presqt_daemon.records.found_tickets import FoundTickets, find_tickets
from presqt_daemon.system.files import make_folder, sync_folder
from presqt_daemon.tickets.holds import end_hold, read_holds
from presqt_daemon.workers.recover import end_strays, find_open, give_up
from presqt_daemon.workers.runs.scratch_place import begin_scratch

_log = logging.getLogger(__name__)


def make_mediafiles_folders(config: Config) -> None:
    """Make what the daemon and its commands need in `mediafiles/`. Raises OSError."""
    for folder in (config.uploads_folder, config.upgrade_folder):
        make_folder(folder)
    make_folder(config.control_folder, 0o700)
    sync_folder(config.mediafiles)


def begin_start(rooms: Rooms) -> None:
    """Note from now on which ticket is in hand; give up one over which too many starts died.

    Raises OSError.
    """
    died = rooms.in_hand.open().died
    if died is None:
        return
    ticket, deaths = died
    _log.warning("the last start died when it looked at ticket %s (%d times now)", ticket, deaths)
    if deaths > rooms.supervisor.config.uploads.max_resumes:
        receivers = rooms.supervisor.config.receivers
        give_up(rooms.uploads, ticket, deaths, rooms.supervisor.now(), receivers)


def find_all_tickets(rooms: Rooms) -> FoundTickets:
    """What is there, before anything is changed. Raises NewerInfoError."""
    try:
        found = find_tickets(rooms.uploads, rooms.in_hand.take)
    except FileNotFoundError:
        return FoundTickets()
    rooms.in_hand.rest()
    rooms.upgrade.check()
    rooms.supervisor.contents.load(found.contents)
    return found


def resume_open_tickets(rooms: Rooms, found: FoundTickets) -> None:
    """Let every ticket go on that has not ended; end what its last worker left running.

    What is on hold is known first. Raises OSError.
    """
    names = found.open | (set(rooms.uploads.tickets()) - found.tickets)
    tickets = list(find_open(rooms.uploads, names, rooms.in_hand.take))
    name, deaths = rooms.in_hand.died or ("", 0)
    strays = end_strays([item.ticket for item in tickets])
    if strays:
        _log.warning("ended %d programs that an earlier run left behind", strays)
    if rooms.cluster is None:
        begin_scratch(rooms.supervisor.config)
    _begin_holds(rooms, {item.ticket.ticket for item in tickets})
    for item in tickets:
        if item.ticket.ticket == name:
            item.ticket.deaths, item.ticket.is_resume = deaths, True
        rooms.dispatch.open(item.ticket, item.fault)
    if tickets:
        _log.info("open tickets that go on from where they were: %d", len(tickets))


def _begin_holds(rooms: Rooms, open_tickets: set[str]) -> None:
    """Know what is on hold; the hold of a ticket that has ended goes, as a crash may leave it."""
    control = rooms.supervisor.config.control_folder
    for ticket in read_holds(control).tickets - open_tickets:
        info = rooms.uploads.folder(ticket).known_info()
        if info is not None and not info.is_open:
            end_hold(control, ticket)
    rooms.control.holds = read_holds(control)
    rooms.dispatch.have_holds(rooms.control.holds)
