"""What a start finds: tickets of all ages, and those that have not ended."""

import logging

from presqt_daemon.daemon.rooms import Rooms
from presqt_daemon.tickets.survey import Survey, survey
from presqt_daemon.workers.recover import end_strays, find_open

_log = logging.getLogger(__name__)


def look_at_tickets(rooms: Rooms) -> Survey:
    """What is there, before anything is changed. Raises NewerInfoError."""
    try:
        found = survey(rooms.uploads)
    except FileNotFoundError:
        return Survey()
    rooms.upgrade.check()
    rooms.supervisor.contents.load(found.contents)
    return found


def take_up_open_tickets(rooms: Rooms, found: Survey) -> None:
    """Let every ticket go on that has not ended; end what its last worker left running."""
    names = found.open | (set(rooms.uploads.tickets()) - found.tickets)
    tickets = list(find_open(rooms.uploads, names))
    strays = end_strays([item.ticket for item in tickets])
    if strays:
        _log.warning("ended %d programs that an earlier run left behind", strays)
    for item in tickets:
        rooms.dispatch.open(item.ticket, item.fault)
    if tickets:
        _log.info("%d tickets go on from where they were", len(tickets))
