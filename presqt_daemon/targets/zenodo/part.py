"""A window of a file's body, sent as a body of its own."""

from presqt_daemon.targets.base import Body


class BodyPart:
    """`size` bytes of a body from `start` on; the body is read by nobody else meanwhile."""

    def __init__(self, body: Body, start: int, size: int) -> None:
        self._body = body
        self._start = start
        self._size = size
        self._position = 0
        body.seek(start)

    def read(self, size: int = -1, /) -> bytes:
        left = self._size - self._position
        block = self._body.read(left if size < 0 else min(size, left)) if left else b""
        self._position += len(block)
        return block

    def readinto(self, buffer: memoryview, /) -> int:
        block = self.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        base = (0, self._position, self._size)[whence]
        self._position = min(max(0, base + offset), self._size)
        self._body.seek(self._start + self._position)
        return self._position

    def tell(self) -> int:
        return self._position

    def fileno(self) -> int:
        return self._body.fileno()
