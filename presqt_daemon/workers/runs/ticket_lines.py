"""Log lines about a ticket, told among those of the inbox folder through which it came."""

import logging

from presqt_daemon.config import Config
from presqt_daemon.system.logs import shared_log
from presqt_daemon.tickets.claim_record import ClaimRecordError
from presqt_daemon.tickets.store import TicketFolder


def lines_of(
    folder: TicketFolder, kind: str, config: Config
) -> logging.LoggerAdapter[logging.Logger]:
    """The log for lines of one kind about a ticket, as `shared_log`.

    Folders of no target are counted as the inbox itself, for senders make any number of them.
    """
    try:
        target = folder.read_claim().route.target
    except ClaimRecordError:
        target = None
    return shared_log(kind, target if target in config.targets else None, folder.ticket)
