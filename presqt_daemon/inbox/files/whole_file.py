"""Files of ours in a folder where others may write: there with all they hold, or not at all.

An empty file of ours under a name that others could rename would be a request to the daemon; so a
file has no name before its content, where the file system can make such files.
"""

import contextlib
import errno
import os

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
