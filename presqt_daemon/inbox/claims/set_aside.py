"""Drops that are set aside in the inbox: which file a claim took, and what is no claim of ours."""

import errno
import os

from presqt_daemon.system.files import rename_to_free
from presqt_daemon.system.host import boot_id
from presqt_daemon.tickets.claim_record import NAME_MAX_BYTES, ClaimRecord, shorten_name
from presqt_daemon.tickets.store import TicketFolder


def is_claimed_file(status: os.stat_result, record: ClaimRecord) -> bool:
    """Whether this is the very file that was claimed, and as it was then.

    Device numbers are given anew at each boot. A claim of an earlier version noted no file; then
    only the owner can be compared.
    """
    file = record.drop_file
    if file is None:
        return status.st_uid == record.dropped_by_uid
    return (
        status.st_ino == file.inode
        and status.st_size == file.size
        and status.st_mtime_ns == file.mtime_ns
        and (record.owner.boot_id != boot_id() or status.st_dev == file.device)
    )


def is_copied(status: os.stat_result, record: ClaimRecord, ticket: TicketFolder) -> bool:
    """Whether a claimed file lies in its finished ticket already, or is done with.

    Without a note of the file, the copy must have as many bytes as it.
    """
    if not is_claimed_file(status, record):
        return False
    if record.drop_file is not None:
        return True
    try:
        return (ticket.path / (record.zip_name or "")).lstat().st_size == status.st_size
    except OSError:
        return True


def remove_claimed_file(name: str, folder: int, record: ClaimRecord) -> None:
    """Remove the copied drop from the inbox, and nothing that has taken its name.

    Where it fails, a later scan finds it beside its finished ticket.
    """
    try:
        if is_claimed_file(os.stat(name, dir_fd=folder, follow_symlinks=False), record):
            os.unlink(name, dir_fd=folder)
    except OSError:
        return


def put_back(source: str, source_folder: int | None, folder: int, name: str) -> None:
    """Give a file its name in an open folder of the inbox, or one beside it where that is taken.

    Raises OSError; then the file stays where it is.
    """
    free = name
    for number in range(1, 1000):
        try:
            rename_to_free(source, free, src_dir_fd=source_folder, dst_dir_fd=folder)
        except FileExistsError:
            free = shorten_name(f"{number}-{name}", NAME_MAX_BYTES)
        else:
            return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
