"""Files of ours in a folder where others may write: there with all they hold, or not at all.

An empty file of ours under a name that others could rename would be a request to the daemon; so a
file has no name before its content, where the file system can make such files.

Whoever makes a file may also vouch that it is whole: by an extended attribute that names the file's
own inode, size and time, so that a copy that takes the attribute along is not vouched for. Where
the file system keeps none, nothing is lost.
"""

import contextlib
import errno
import os

_MARK_NAME = "user.presqt_daemon.whole"
_NO_NAMELESS = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL, errno.ENOSYS})
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.ENOENT})
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def create_whole(name: str, folder: int, content: bytes, mode: int) -> bool:
    """Create a file in an open folder, of the folder's group; False when the name is taken.

    Not synced. Raises OSError.
    """
    try:
        handle = os.open(".", os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, mode, dir_fd=folder)
    except OSError as error:
        if error.errno not in _NO_NAMELESS:
            raise
        return _create_in_place(name, folder, content, mode)
    try:
        _fill(handle, folder, content, mode)
        os.link(f"/proc/self/fd/{handle}", name, dst_dir_fd=folder, follow_symlinks=True)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _create_in_place(name, folder, content, mode)
    finally:
        os.close(handle)
    return True


def mark_whole(handle: int) -> None:
    """Vouch for an open file as it is now, where the file system can keep that."""
    with contextlib.suppress(OSError):
        os.setxattr(handle, _MARK_NAME, _mark_of(handle))


def is_marked_whole(handle: int) -> bool:
    """Whether whoever made this very file has vouched for it as it is now."""
    try:
        return os.getxattr(handle, _MARK_NAME) == _mark_of(handle)
    except OSError:
        return False


def _create_in_place(name: str, folder: int, content: bytes, mode: int) -> bool:
    """The same where every file needs a name; a reader may meet it half written."""
    try:
        handle = os.open(name, _FLAGS, mode, dir_fd=folder)
    except FileExistsError:
        return False
    try:
        _fill(handle, folder, content, mode)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)
        raise
    finally:
        os.close(handle)
    return True


def _fill(handle: int, folder: int, content: bytes, mode: int) -> None:
    with contextlib.suppress(OSError):  # where the service is no member of the folder's group
        os.fchown(handle, -1, os.fstat(folder).st_gid)
    os.fchmod(handle, mode)
    while content:
        content = content[os.write(handle, content) :]


def _mark_of(handle: int) -> bytes:
    status = os.fstat(handle)
    return f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns}".encode()
