"""The status of a ticket, opened by the party that has it."""

from collections.abc import Callable
from datetime import datetime

from presqt_daemon.config import Config
from presqt_daemon.records.recovery import rebuild_info
from presqt_daemon.tickets.parties import Party
from presqt_daemon.tickets.process_info import InfoError, UnreadableInfoError
from presqt_daemon.tickets.status_writer import StatusWriter
from presqt_daemon.tickets.store import TicketFolder, Uploads
from presqt_daemon.workers.runs.ticket_lines import lines_of


def open_status(
    uploads: Uploads,
    folder: TicketFolder,
    party: Party,
    config: Config,
    *,
    clock: Callable[[], float],
    now: Callable[[], datetime],
) -> StatusWriter:
    """The writer of a ticket's status; a damaged or missing one is made anew from the rest.

    Read only now that the party has the ticket: until then another may have written it. The lease's
    number grows beyond the one that the status tells of. Raises OSError when the status cannot be
    read now, FencedError.
    """
    try:
        info = folder.read_info()
    except UnreadableInfoError:
        raise
    except InfoError as error:
        log = lines_of(folder, "status lost", config)
        log.warning("its status was lost (%s); made anew", error)
        info = rebuild_info(folder, now())
        if not info.is_open:
            uploads.write_info(folder, info, party)
    if party.lease is not None:
        party.lease.lift(info.epoch)
    party.has_ended_ticket = not info.is_open
    return StatusWriter(uploads, folder, info, party, clock=clock, now=now)
