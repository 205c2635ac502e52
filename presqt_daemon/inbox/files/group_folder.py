"""Folders of a group that the service may not give anything to, only inherit from.

In the unit's sandbox no file changes its group and no set-group-id bit is set. What still works is
the kernel's own rule: what is made in a folder with that bit gets its group and, a folder, the bit.
"""

import contextlib
import os
import stat
import uuid
from pathlib import Path

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def give_folder(path: Path, mode: int, group: int, source: int) -> bool:
    """Give a fresh, empty folder to a group, together with all that will be made in it.

    `source` is an open folder that hands this group on, used where the group cannot be given. False
    where neither can be done; the folder is there in any case. Raises OSError.
    """
    if _has_group(path, group):
        return True
    try:
        os.chown(path, -1, group)
        os.chmod(path, mode | stat.S_ISGID)
    except PermissionError:
        return _inherit(path, mode, group, source)
    return True


def _has_group(path: Path, group: int) -> bool:
    status = path.stat()
    hands_on = bool(status.st_mode & stat.S_ISGID) or group == os.getegid()
    return status.st_gid == group and hands_on


def _inherit(path: Path, mode: int, group: int, source: int) -> bool:
    parent = path.parent / f".group-{group}"
    if not _is_parent(parent, group) and not _make_parent(parent, group, source):
        return False
    inner = parent / path.name
    with contextlib.suppress(FileNotFoundError):
        inner.rmdir()
    inner.mkdir(mode)
    path.rmdir()
    inner.rename(path)
    return True


def _is_parent(parent: Path, group: int) -> bool:
    """Whether this is a folder of our own that hands on the group."""
    try:
        status = parent.lstat()
    except FileNotFoundError:
        return False
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    return is_ours and status.st_gid == group and bool(status.st_mode & stat.S_ISGID)


def _make_parent(parent: Path, group: int, source: int) -> bool:
    """Make it in the folder that hands the group on, and move it out of its senders' reach."""
    if os.fstat(source).st_gid != group:
        return False
    name = f".{uuid.uuid4()}.part"
    os.mkdir(name, 0o700, dir_fd=source)
    try:
        handle = os.open(name, _FLAGS, dir_fd=source)
        try:
            made = os.fstat(handle)
        finally:
            os.close(handle)
        os.rename(name, parent, src_dir_fd=source)
    except OSError:
        # another file system, or a sender has moved it meanwhile
        with contextlib.suppress(OSError):
            os.rmdir(name, dir_fd=source)
        return False
    if os.path.samestat(made, parent.lstat()) and _is_parent(parent, group):
        return True
    # a sender has put something else under the name: it goes back to where it was
    with contextlib.suppress(OSError):
        os.rename(parent, name, dst_dir_fd=source)
    return False
