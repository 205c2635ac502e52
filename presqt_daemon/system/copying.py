"""A file's bytes in another file system: by the kernel where it can, and durable."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

from presqt_daemon.system.files import write_all

COPY_BLOCK_BYTES = 8 << 20
_NO_KERNEL_COPY = frozenset(
    {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.ETXTBSY}
)


def copy_durably(
    source: int,
    destination: Path,
    *,
    mode: int,
    keep_going: Callable[[], bool] = lambda: True,
) -> int:
    """Copy an open file to a new name and sync it; returns the number of bytes.

    Shares blocks where the file system can. Raises FileExistsError when the name is taken and
    InterruptedError when `keep_going`, asked before each block, says no.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    handle = os.open(destination, flags, mode)
    try:
        os.fchmod(handle, mode)
        os.lseek(source, 0, os.SEEK_SET)
        copied = 0
        copy = _copy_in_kernel
        while True:
            if not keep_going():
                raise InterruptedError(f"the copy to {destination.name} was stopped")
            try:
                count = copy(source, handle)
            except OSError as error:
                if copy is _copy_block or error.errno not in _NO_KERNEL_COPY:
                    raise
                copy = _copy_block
                continue
            if not count and copy is _copy_block:
                break
            if not count:
                copy = _copy_block
            copied += count
        os.fsync(handle)
    finally:
        os.close(handle)
    return copied


def _copy_in_kernel(source: int, destination: int) -> int:
    """Copy the next block from one file position to the other; 0 at the end, and where it fails.

    Some file systems answer 0 for what they cannot copy, so that the end needs a second opinion.
    """
    return os.copy_file_range(source, destination, COPY_BLOCK_BYTES)


def _copy_block(source: int, destination: int) -> int:
    block = os.read(source, COPY_BLOCK_BYTES)
    write_all(destination, block)
    return len(block)
