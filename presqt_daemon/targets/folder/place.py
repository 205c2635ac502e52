"""An unfinished file gets its place in a deposit: all at once, and never over another by chance."""

import errno
import os

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})


def place_new(source: str, parent: int, name: str) -> None:
    """Move the file to a name that must be free; FileExistsError when it is not."""
    try:
        os.link(source, name, dst_dir_fd=parent, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        place_reserved(source, parent, name)
    else:
        os.unlink(source)


def place_reserved(source: str, parent: int, name: str) -> None:
    """The same where the file system knows no hard links: an empty file keeps the name free."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(name, flags, 0o600, dir_fd=parent))
    os.rename(source, name, dst_dir_fd=parent)


def place_over(source: str, parent: int, name: str) -> None:
    """Move the file to a name, in place of what stands there; a folder stays (OSError)."""
    os.rename(source, name, dst_dir_fd=parent)
