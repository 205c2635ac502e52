"""A JSON body with files in it as base64, of known length, made while it is sent."""

import binascii
import io
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any

from presqt_daemon.targets.base import Body, Sending
from presqt_daemon.targets.web.answers import Answer
from presqt_daemon.targets.web.http import Http

BLOCK_BYTES = 3 << 16
"""Bytes of a file read at once; a multiple of three, so that only the last group is padded."""

Part = bytes | Sending


def base64_length(size: int) -> int:
    """Characters that `size` bytes take as base64 with padding (RFC 4648 section 4)."""
    return 4 * ((size + 2) // 3)


class Base64Body(io.RawIOBase):
    """The parts one after the other, files encoded; begins anew after `seek(0)`.

    No more than one file is open, and no more than a block of it in memory.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__()
        self._parts = parts
        self._position = 0
        self._rest = memoryview(b"")
        self._blocks = _blocks(parts)
        self.size = sum(
            len(part) if isinstance(part, bytes) else base64_length(part.size) for part in parts
        )

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go back to the start, the only place that a request is sent from."""
        if (offset, whence) != (0, io.SEEK_SET):
            raise io.UnsupportedOperation("a body is only sent from its start")
        self._blocks.close()
        self._position, self._rest, self._blocks = 0, memoryview(b""), _blocks(self._parts)
        return 0

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self._position += count
        return count

    def close(self) -> None:
        """Close the file that is being sent."""
        self._blocks.close()
        super().close()


def send_base64(
    http: Http, method: str, url: str, parts: Sequence[Part], doing: str, **options: Any
) -> Answer:
    """The answer to a JSON body with files in it."""
    with closing(Base64Body(parts)) as body:
        return http.ask(
            method,
            url,
            body=body,
            size=body.size,
            headers={"Content-Type": "application/json"},
            doing=doing,
            **options,
        )


def _blocks(parts: Sequence[Part]) -> Generator[bytes, None, None]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
        else:
            with part.open() as body:
                while block := _read_full(body):
                    yield binascii.b2a_base64(block, newline=False)


def _read_full(body: Body) -> bytes:
    """The next block; shorter than BLOCK_BYTES only at the end."""
    block = body.read(BLOCK_BYTES)
    while block and len(block) < BLOCK_BYTES:
        more = body.read(BLOCK_BYTES - len(block))
        if not more:
            break
        block += more
    return block
