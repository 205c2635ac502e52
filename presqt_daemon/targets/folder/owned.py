"""What is the service's own in a directory in which others may write too: folders and names."""

import contextlib
import errno
import os
import secrets
import stat

from presqt_daemon.errors import TargetFault
from presqt_daemon.system.logs import shared_log
from presqt_daemon.targets.folder import PREFIX

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def open_owned(parent: int, name: str, target: str) -> int:
    """A descriptor of the folder, which is made where it is not there, and closed to others.

    Raises TargetFault `target-refused` where something else has that name: a link, a file, a folder
    of another user or one in which others may write; OSError where it cannot be made.
    A share may give every folder the same owner and mode (SMB, FAT, some NFS servers): a folder of
    our own is tried, and one that looks the same is taken, since nothing tells them apart there.
    """
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, stat.S_IRWXU, dir_fd=parent)
    try:
        handle = os.open(name, _FOLDER, dir_fd=parent)
    except OSError as error:
        if error.errno not in {errno.ELOOP, errno.ENOTDIR, errno.EACCES}:
            raise
        is_closed = error.errno == errno.EACCES
        raise _not_ours(target, name, "closed to it" if is_closed else "no folder") from error
    try:
        _require_ours(parent, handle, name, target)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _require_ours(parent: int, handle: int, name: str, target: str) -> None:
    status = os.fstat(handle)
    is_ours = status.st_uid == os.geteuid()
    if is_ours and not status.st_mode & _OTHERS:
        return
    is_writable = bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
    if is_ours and not is_writable:
        with contextlib.suppress(PermissionError):
            os.fchmod(handle, stat.S_IRWXU)
        return
    usual = _fresh(parent)
    if (usual.st_uid, usual.st_mode & _OTHERS) == (status.st_uid, status.st_mode & _OTHERS):
        shared_log("share", None, once=True).warning(
            "%s: the share gives every folder the same owner or mode, so whoever may write in the "
            "archive may also change what is on its way there",
            target,
        )
        return
    whose = "writable by others" if is_ours else f"owned by user {status.st_uid}"
    raise _not_ours(target, name, whose)


def _fresh(parent: int) -> os.stat_result:
    """Owner and mode of a folder that we have made just now."""
    name = f".presqt-tried-{secrets.token_hex(8)}"
    os.mkdir(name, stat.S_IRWXU, dir_fd=parent)
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    finally:
        os.rmdir(name, dir_fd=parent)


def _not_ours(target: str, name: str, what: str) -> TargetFault:
    return TargetFault(
        "target-refused",
        f"{target}: {name}, in which the service works, is {what}: somebody else who may write in "
        "the archive has put it there. Remove it, and retry.",
    )


def is_title(title: str) -> bool:
    """Whether a deposit may be called so: one name in the archive, and none of ours."""
    is_name = title not in {"", ".", ".."} and "/" not in title and "\0" not in title
    return is_name and not is_of_ours(title)


def is_of_ours(name: str) -> bool:
    """Whether a name in the archive is one of our own working folders or notes.

    In any letter case: to some disks and shares it is the same name.
    """
    return name.casefold().startswith(PREFIX)
