"""What a new container carries, so that it is found again when the answer to its creation was lost.

A ticket's number is public: whoever reads it could make a container that carries it, share that
with the service's account, and be given another's files. So a new container carries a number that
nobody but the service knows before it is there: whatever carries it was made by this account, for
this ticket, after the intent was noted.
"""

import contextlib
import os
import uuid

from presqt_daemon.errors import HouseFault
from presqt_daemon.model import Resolved
from presqt_daemon.records.journal import JournalState
from presqt_daemon.system.files import open_regular, replace_file
from presqt_daemon.tickets.store import MARK_NAME, TicketFolder, is_ticket

_MAX_BYTES = 100


def container_mark(folder: TicketFolder, resolved: Resolved, record: JournalState) -> str:
    """The ticket's secret number, a UUID4; durable before it is given away.

    It stands in the record of the claim. A ticket that an earlier version took, or whose record is
    lost, has it in a file of its own.
    An earlier go, of which `record` tells, may have made a container; at a resource that was there
    before, any go may have. If it was an earlier version's, which knew no secrets, it carries the
    ticket's number, which is then what is looked for. To be called before the journal is written.
    Raises OSError, and HouseFault `state-lost` for a damaged file.
    """
    path = folder.path / MARK_NAME
    with contextlib.suppress(FileNotFoundError), open_regular(path) as stream:
        mark = stream.read(_MAX_BYTES).decode("ascii", "replace").strip()
        if not is_ticket(mark):
            raise HouseFault(
                "state-lost",
                f"{MARK_NAME} in the ticket's folder is damaged, so nobody can know whether a "
                "resource has been made already: look at the target, and drop the bag again.",
            )
        return mark
    claim = folder.read_claim()
    if claim is not None and claim.mark is not None and is_ticket(claim.mark):
        return claim.mark
    is_given = resolved.resource_id is not None
    if record.was_creating or (is_given and os.path.lexists(folder.journal)):
        return folder.ticket
    mark = str(uuid.uuid4())
    replace_file(path, f"{mark}\n".encode("ascii"), mode=0o600)
    return mark
