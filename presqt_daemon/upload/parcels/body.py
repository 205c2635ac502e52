"""A staged file's bytes while they are sent: counted, digested, held back when they are wrong."""

import contextlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, cast

from presqt_daemon.digest import BLOCK_BYTES, digest_stream, is_known, new_hash, strongest_common
from presqt_daemon.errors import MachineError, PayloadSpoilt
from presqt_daemon.system.shortage import is_shortage
from presqt_daemon.upload.parcels.decide import Parcel


class StagedBody(io.RawIOBase):
    """The bytes of a file that must have `size` bytes and, read from start to end, `digest`.

    Raises PayloadSpoilt instead of handing out the last bytes of a content that has changed since
    staging, so that a target never gets it whole. `on_position` hears how far it has been read.
    """

    mode = "rb"

    def __init__(
        self,
        handle: int,
        size: int,
        name: str,
        expected: tuple[str, str] | None,
        on_position: Callable[[int], None],
    ) -> None:
        super().__init__()
        self._handle = handle
        self._size = size
        self._name = name
        self._on_position = on_position
        self._position = 0
        self._digested = 0
        self._expected = expected
        self._hash = None if expected is None else new_hash(expected[0], size)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._handle

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        view = memoryview(buffer).cast("B")[: max(self._size - self._position, 0)]
        if not view:
            return 0
        try:
            count = os.preadv(self._handle, [view], self._position)
        except OSError as error:
            raise self._spoilt(f"cannot be read: {error.strerror}") from error
        self._take(view[:count])
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(self._size - self._position, 0)
        buffer = bytearray(left if size is None or size < 0 else min(size, left))
        count = self.readinto(buffer)
        while size is not None and size < 0 and count < left:
            count += self.readinto(memoryview(buffer)[count:])
        return bytes(buffer[:count])

    def _take(self, block: memoryview) -> None:
        """Digest what has not been digested yet, move on, and judge the whole at its end."""
        start, end = self._position, self._position + len(block)
        if start == end:
            raise self._spoilt("is shorter than it was")
        if self._hash is not None and start <= self._digested < end:
            self._hash.update(block[self._digested - start :])
            self._digested = end
            if end == self._size and self._expected is not None:
                if self._hash.hexdigest() != self._expected[1]:
                    raise self._spoilt("has another content")
                self._hash = None
        self._position = end
        self._on_position(end)

    def _spoilt(self, what: str) -> PayloadSpoilt:
        return PayloadSpoilt(f"{self._name} {what} on the server's disk")


@contextlib.contextmanager
def open_body(
    parcel: Parcel, algorithm: str | None, on_position: Callable[[int], None]
) -> Iterator[StagedBody]:
    """The file's bytes from the start; `algorithm` is the digest to check where there is one.

    Raises PayloadSpoilt when the file is missing or not as long as at staging.
    """
    with _opened(parcel) as handle:
        digests = parcel.digests
        chosen = algorithm if algorithm in digests else strongest_common(digests, digests)
        expected = None if chosen is None else (chosen, digests[chosen])
        body = StagedBody(handle, parcel.size, parcel.name, expected, on_position)
        with contextlib.closing(body):
            yield body


def local_digests(
    parcel: Parcel, algorithms: tuple[str, ...], on_bytes: Callable[[int], None] | None = None
) -> dict[str, str]:
    """Digests of a staged file as it is now; algorithms not known here are left out.

    Raises PayloadSpoilt when it cannot be read or is not as long as at staging.
    """
    known = [item for item in algorithms if is_known(item)]
    with _opened(parcel) as handle, open(handle, "rb", 0, closefd=False) as stream:
        try:
            return digest_stream(cast("BinaryIO", stream), known, parcel.size, on_bytes)
        except OSError as error:
            raise PayloadSpoilt(f"{parcel.name} cannot be read: {error.strerror}") from error


def recheck_payload(
    parcels: Iterable[Parcel], preferred: str | None, beat: Callable[[], None]
) -> None:
    """Read every staged file again, where a reboot leaves doubt about what the disk kept.

    PayloadSpoilt for the first that has not the digest taken at staging.
    """
    buffer = memoryview(bytearray(BLOCK_BYTES))
    for parcel in parcels:
        with open_body(parcel, preferred, lambda _position: beat()) as body:
            while body.readinto(buffer):
                pass


@contextlib.contextmanager
def _opened(parcel: Parcel) -> Iterator[int]:
    """A descriptor of a file that has the size it had at staging."""
    try:
        handle = os.open(parcel.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if is_shortage(error):
            raise MachineError(error) from error
        raise PayloadSpoilt(f"{parcel.name} cannot be opened: {error.strerror}") from error
    try:
        if os.fstat(handle).st_size != parcel.size:
            raise PayloadSpoilt(f"{parcel.name} has another size on the server's disk")
        yield handle
    finally:
        os.close(handle)
