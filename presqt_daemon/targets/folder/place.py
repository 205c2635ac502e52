"""An unfinished file gets its place in a deposit: all at once, and never over another by chance."""

import errno
import os

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})


def place_new(side: int, source: str, parent: int, name: str) -> None:
    """Move a file of the folder `side` to a name that must be free; else FileExistsError."""
    try:
        os.link(source, name, src_dir_fd=side, dst_dir_fd=parent, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        place_reserved(side, source, parent, name)
    else:
        os.unlink(source, dir_fd=side)


def place_reserved(side: int, source: str, parent: int, name: str) -> None:
    """The same where the file system knows no hard links: an empty file keeps the name free."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(name, flags, 0o600, dir_fd=parent))
    os.rename(source, name, src_dir_fd=side, dst_dir_fd=parent)


def place_over(side: int, source: str, parent: int, name: str) -> None:
    """Move the file to a name, in place of what stands there; a folder stays (OSError)."""
    os.rename(source, name, src_dir_fd=side, dst_dir_fd=parent)
