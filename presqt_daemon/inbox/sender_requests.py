"""What a sender asks for by a file beside the receipt, if it is the sender who asks."""

import os
import stat

from presqt_daemon.inbox.events import Action, Request
from presqt_daemon.inbox.receipt_note import record_of_receipt
from presqt_daemon.tickets.store import Uploads


class NotAllowedError(Exception):
    """The file asks for nothing that its owner may ask for; it stays. The message says why."""


def read_request(name: str, folder: int, uploads: Uploads) -> Request:
    """The request that a file in an open folder makes.

    It counts when it is a plain file of the drop's owner, the service or root, for a ticket whose
    receipt has this name. Raises NotAllowedError, and OSError when there is no such file.
    """
    stem, _, word = name.rpartition(".")
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise NotAllowedError("it is not a plain file with one name")
    record = record_of_receipt(stem, uploads)
    if record is None:
        raise NotAllowedError("there is no ticket for it")
    if status.st_uid not in {0, os.geteuid(), record.dropped_by_uid}:
        raise NotAllowedError("it is not owned by who dropped the zip")
    return Request(ticket=record.ticket, action=Action(word))
