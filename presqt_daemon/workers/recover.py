"""What a daemon finds when it starts: tickets that have not ended, and the last one's leftovers."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from presqt_daemon.errors import HouseFault, PresqtError
from presqt_daemon.model import Stage
from presqt_daemon.notifications.outbox import leave_entry
from presqt_daemon.receivers import ReceiverConfig
from presqt_daemon.system.files import printable_name
from presqt_daemon.system.logs import ticket_log
from presqt_daemon.system.programs.tree import end_leftovers
from presqt_daemon.tickets.process_info import InfoError, NewerInfoError, ProcessInfo, fail
from presqt_daemon.tickets.store import TicketFolder, Uploads
from presqt_daemon.workers.processes.pool import TICKET_VARIABLE
from presqt_daemon.workers.queue.open_ticket import OpenTicket
from presqt_daemon.workers.runs.run import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An open ticket; `fault` ends it at once (it was taken only to be told)."""

    ticket: OpenTicket
    fault: PresqtError | None


def find_open(
    uploads: Uploads, names: Iterable[str], take: Callable[[str], None] = lambda _ticket: None
) -> Iterator[Found]:
    """Those of the tickets that have not ended; `take` hears of each before the look at it.

    One over which we stumble is left alone, and holds up no other. Raises NewerInfoError.
    """
    for name in names:
        take(name)
        try:
            found = _look(uploads.folder(name))
        except NewerInfoError:
            raise
        except Exception:  # noqa: BLE001  (one ticket's folder must not end the start)
            ticket_log(name).exception("a bug of ours: it is left alone until the next start")
            continue
        if found is not None:
            yield found


def give_up(
    uploads: Uploads,
    ticket: str,
    deaths: int,
    now: datetime,
    receivers: Mapping[str, ReceiverConfig] = MappingProxyType({}),
) -> None:
    """End a ticket over which starts have died, without a look at its files; its zip stays.

    Raises OSError.
    """
    folder = uploads.folder(ticket)
    if not folder.path.is_dir():
        return
    zips = sorted(name for name in os.listdir(folder.path) if name.lower().endswith(".zip"))
    info = ProcessInfo(
        ticket_number=ticket,
        source_file=printable_name(zips[0]) if zips else "",
        received_at=now,
        updated_at=now,
    )
    error = HouseFault(
        "resume-limit",
        f"The server died {deaths} times when it started and looked at this ticket; the drop is "
        "kept. Ask the operator to look into the log and at the ticket's folder.",
    )
    failed = fail(info, error, now)
    with uploads.leasing(folder) as party:
        leave_entry(folder, failed, receivers)
        uploads.write_info(folder, failed, party)
    ticket_log(ticket).error("failed: %s (%s)", error.message, error.code)


def open_ticket(folder: TicketFolder) -> OpenTicket | None:
    """What the arbiter must know of a ticket, None when nothing goes on with it here.

    That is one that has ended, or a folder that is not this program's: without a status of ours
    and without the record of its claim. Raises NewerInfoError.
    """
    zip_path = folder.find_zip()
    zip_bytes = 0 if zip_path is None else zip_path.stat().st_size
    try:
        info = folder.read_info()
    except NewerInfoError:
        raise
    except InfoError:
        if not folder.is_claimed:
            return None
        return OpenTicket(ticket=folder.ticket, work=Work.STAGE, zip_bytes=zip_bytes)
    if not info.is_open:
        return None
    is_staged = info.stage in {Stage.HASHED, Stage.UPLOADED} and info.target is not None
    return OpenTicket(
        ticket=folder.ticket,
        work=Work.UPLOAD if is_staged else Work.STAGE,
        zip_bytes=zip_bytes,
        folder=_came_through(folder, info.target),
        target=info.target,
        resource_id=info.resource_id,
        is_resume=info.function_process_id is not None,
        waited=float(info.waited_seconds),
    )


def _came_through(folder: TicketFolder, target: str | None) -> str:
    """The target of the inbox folder that a ticket came through; of a lost one where it goes to."""
    claim = folder.read_claim()
    return (target if claim is None else claim.route.target) or ""


def end_strays(tickets: list[OpenTicket]) -> int:
    """Kill programs that workers of a dead daemon left running; how many there were."""
    resumed = {ticket.ticket for ticket in tickets if ticket.is_resume}
    return end_leftovers(TICKET_VARIABLE, resumed) if resumed else 0


def _look(folder: TicketFolder) -> Found | None:
    ticket = open_ticket(folder)
    if ticket is None:
        return None
    claim = folder.read_claim() if ticket.work is Work.STAGE else None
    return Found(ticket=ticket, fault=None if claim is None else claim.fault)
