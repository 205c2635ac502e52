"""The note that takes a drop's place in the inbox and says where its status is."""

import contextlib
import errno
import os

from presqt_daemon.config import Config
from presqt_daemon.inbox.places import OpenPlace
from presqt_daemon.model import RECEIVED_MESSAGE
from presqt_daemon.system.files import json_bytes, printable_name
from presqt_daemon.tickets.claim_record import NOTE_SUFFIX, ClaimRecord
from presqt_daemon.tickets.store import INFO_NAME

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_note(folder: OpenPlace, config: Config, record: ClaimRecord) -> bool:
    """Create the note, readable by all; False when its name is taken already.

    Not synced: a note that a power loss takes is written again at the next start. Raises OSError.
    """
    content = json_bytes(
        {
            "ticket_number": record.ticket,
            "message": RECEIVED_MESSAGE,
            "upload_job": printable_name(status_path(folder, config, record.ticket)),
        }
    )
    hidden = f".{record.ticket}{NOTE_SUFFIX}"
    names = {"src_dir_fd": folder.handle, "dst_dir_fd": folder.handle}
    with contextlib.suppress(FileNotFoundError):
        os.unlink(hidden, dir_fd=folder.handle)
    handle = os.open(hidden, _FLAGS, 0o644, dir_fd=folder.handle)
    try:
        os.fchmod(handle, 0o644)
        os.write(handle, content)
        # a link appears with its whole content, and not over what has the name already
        os.link(hidden, record.receipt_name, follow_symlinks=False, **names)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _write_in_place(folder, record.receipt_name, content)
    finally:
        os.close(handle)
        with contextlib.suppress(OSError):
            os.unlink(hidden, dir_fd=folder.handle)
    return True


def _write_in_place(folder: OpenPlace, name: str, content: bytes) -> bool:
    """Create the note where the file system knows no links; a reader may meet it half written."""
    try:
        handle = os.open(name, _FLAGS, 0o644, dir_fd=folder.handle)
    except FileExistsError:
        return False
    try:
        os.write(handle, content)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder.handle)
        raise
    finally:
        os.close(handle)
    return True


def status_path(folder: OpenPlace, config: Config, ticket: str) -> str:
    """Where the status file is as seen from the note, or from where its readers mount it."""
    inside = f"uploads/{ticket}/{INFO_NAME}"
    if config.intake.mediafiles_as_seen is not None:
        return f"{config.intake.mediafiles_as_seen.rstrip('/')}/{inside}"
    return os.path.join(os.path.relpath(os.path.realpath(config.mediafiles), folder.path), inside)
