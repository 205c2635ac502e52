"""Reading a file by offset from one descriptor, with one block of it kept."""

import os

from presqt_daemon.zips.faults import shrunk

WINDOW_BYTES = 256 << 10


class Window:
    """Gives any range of an open file; neighbours come from one read. For one thread."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._start = 0
        self._block = b""

    def take(self, offset: int, count: int) -> bytes:
        """Exactly `count` bytes. Raises UserFault `incomplete-zip` when the file ends before."""
        block, start = self.find(offset, count)
        return block[start : start + count]

    def find(self, offset: int, count: int, ahead: int | None = None) -> tuple[bytes, int]:
        """A block that holds `count` bytes, and where in it they begin.

        `ahead` (bytes) is how much to read when they are not at hand. Raises UserFault
        `incomplete-zip` when the file ends before.
        """
        start = offset - self._start
        if start < 0 or start + count > len(self._block):
            self._start = offset
            self._block = os.pread(self.fd, max(count, ahead or WINDOW_BYTES), offset)
            start = 0
            if len(self._block) < count:
                raise shrunk()
        return self._block, start
