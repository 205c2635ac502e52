"""Whose file is this? One answer for every name that is read from an inbox.

Whoever may write in a folder can put a link, a pipe, somebody else's file or one of ours under any
name. So requests, side-cars, notes and drops that were set aside count only as what they are: a
regular file with one name, reached by no link, of an owner who may say what it says.
"""

import functools
import os
import pwd
import stat
from collections.abc import Collection

from presqt_daemon.inbox.files.probe import open_file
from presqt_daemon.system.files import printable_name

_ROOT = 0


class NotOwnError(Exception):
    """The file is not what its name says; the message is a clause about it."""


def check_own(status: os.stat_result, owners: Collection[int] | None) -> None:
    """Raise NotOwnError unless this is a regular file with one name, of an owner or of root.

    Without `owners` anybody's file will do.
    """
    if not stat.S_ISREG(status.st_mode):
        raise NotOwnError("it is not a plain file")
    if status.st_nlink != 1:
        raise NotOwnError("it is not a plain file with one name")
    if owners is not None and status.st_uid != _ROOT and status.st_uid not in owners:
        raise NotOwnError(f"it belongs to {owner_name(status.st_uid)}")


def status_of_own(name: str, folder: int, owners: Collection[int] | None) -> os.stat_result:
    """The status of such a file in an open folder. Raises NotOwnError, and OSError without one."""
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    check_own(status, owners)
    return status


def open_own(name: str, folder: int, owners: Collection[int] | None) -> int:
    """The same file open for reading. Raises NotOwnError, and OSError when it cannot be opened."""
    status_of_own(name, folder, owners)  # or a link would be an error of the system's own
    handle = open_file(name, folder)
    try:
        check_own(os.fstat(handle), owners)
    except BaseException:
        os.close(handle)
        raise
    return handle


def is_ours(name: str, folder: int) -> bool:
    """Whether a file in an open folder is one that this service made there."""
    try:
        return status_of_own(name, folder, None).st_uid == os.geteuid()
    except (OSError, NotOwnError):
        return False


@functools.lru_cache(maxsize=1024)
def user_name(uid: int) -> str | None:
    """The user's name, None for a number that this machine does not know."""
    try:
        return printable_name(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return None


def owner_name(uid: int) -> str:
    """The user's name, or the number in words."""
    return user_name(uid) or f"user {uid}"
