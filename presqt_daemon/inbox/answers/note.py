"""The note that takes a drop's place in the inbox and says where its status is."""

import os

from presqt_daemon.config import Config
from presqt_daemon.inbox.files.places import OpenPlace
from presqt_daemon.inbox.files.whole_file import create_whole
from presqt_daemon.model import RECEIVED_MESSAGE
from presqt_daemon.system.files import json_bytes, printable_name
from presqt_daemon.tickets.claim_record import ClaimRecord
from presqt_daemon.tickets.store import INFO_NAME


def write_note(folder: OpenPlace, config: Config, record: ClaimRecord) -> bool:
    """Create the note, readable by all; False when its name is taken already.

    Not synced: its folder is, once for all notes of a turn. Of a ticket that nothing was done for
    yet, a lost one is written again at the next start. Raises OSError.
    """
    content = json_bytes(
        {
            "ticket_number": record.ticket,
            "message": RECEIVED_MESSAGE,
            "upload_job": printable_name(status_path(folder, config, record.ticket)),
        }
    )
    return create_whole(record.receipt_name, folder.handle, content, 0o644)


def status_path(folder: OpenPlace, config: Config, ticket: str) -> str:
    """Where the status file is as seen from the note, or from where its readers mount it."""
    inside = f"uploads/{ticket}/{INFO_NAME}"
    if config.intake.mediafiles_as_seen is not None:
        return f"{config.intake.mediafiles_as_seen.rstrip('/')}/{inside}"
    return os.path.join(os.path.relpath(os.path.realpath(config.mediafiles), folder.path), inside)
