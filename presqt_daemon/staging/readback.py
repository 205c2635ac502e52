"""Digests of files read back from where they were written, while the writer goes on.

Each lane is a thread that reads for itself what has been written so far, so that lanes share
nothing with the writer but how far it is; the page cache makes the second read cheap.
"""

import os
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from presqt_daemon.digest import new_hash
from presqt_daemon.zips.inflate import crc32

MAX_LANES = 4
_BLOCK_BYTES = 256 << 10
_LEAD_BYTES = 64 << 20
"""How far the writer may be ahead of the slowest lane, so that its pages are still in memory."""

_MAX_WAITING = 16
"""Files that are written but not yet read to their end; each holds a descriptor."""


@dataclass(slots=True, kw_only=True, eq=False)
class Growing:
    """One file while it is written; `written` bytes of it may be read.

    `positions` are how far its lanes are. When all of them are done, `digests`, `crc` and
    `size_read` are what the disk holds.
    """

    path: str
    fd: int
    size: int
    positions: list[int]
    lanes_left: int
    digests: dict[str, str]
    written: int = 0
    is_complete: bool = False
    crc: int = 0
    size_read: int = 0


class Lanes:
    """Threads that digest files behind the writer. Leave the context to stop them.

    `from_disk` makes each file wait until it is on the disk and out of the page cache.
    """

    def __init__(self, *, from_disk: bool = False) -> None:
        self._from_disk = from_disk
        count = min(MAX_LANES, os.cpu_count() or 1)
        self._lanes = [ThreadPoolExecutor(1, f"read-back-{number}") for number in range(count)]
        lock = threading.Lock()
        self._grown = threading.Condition(lock)
        self._read = threading.Condition(lock)
        self._begun: list[Growing] = []
        self._unread: list[Growing] = []
        self._is_closed = False
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_how: object) -> None:
        with self._grown:
            self._is_closed = True
            self._grown.notify_all()
        for lane in self._lanes:
            lane.shutdown(cancel_futures=True)
        for growing in self._unread:
            os.close(growing.fd)

    def begin(self, path: str, fd: int, size: int, algorithms: Collection[str]) -> Growing:
        """Follow a file that is about to be written; its descriptor is closed here."""
        used = min(len(self._lanes), max(1, len(algorithms)))
        names = sorted(algorithms)
        growing = Growing(
            path=path,
            fd=fd,
            size=size,
            positions=[0] * used,
            lanes_left=used,
            digests=dict.fromkeys(names, ""),
        )
        with self._grown:
            self._begun.append(growing)
            self._unread.append(growing)
        for lane in range(used):
            self._lanes[lane].submit(self._follow, lane, growing, names[lane::used])
        return growing

    def wrote(self, growing: Growing, count: int) -> None:
        """Note that the next `count` bytes are written; waits while the lanes are far behind."""
        with self._grown:
            growing.written += count
            self._grown.notify_all()
        if not self._from_disk:
            self._wait_until(self._are_close_behind)

    def complete(self, growing: Growing) -> None:
        """Note that all of the file is written; waits while too many files are unread."""
        if self._from_disk:
            os.fdatasync(growing.fd)
            os.posix_fadvise(growing.fd, 0, 0, os.POSIX_FADV_DONTNEED)
        with self._grown:
            growing.is_complete = True
            self._grown.notify_all()
        self._wait_until(lambda: len(self._unread) < _MAX_WAITING)

    def finish(self) -> list[Growing]:
        """Wait for all lanes; the files in the order in which they were begun."""
        self._wait_until(lambda: not self._unread)
        return self._begun

    def _are_close_behind(self) -> bool:
        return sum(file.written - min(file.positions) for file in self._unread) < _LEAD_BYTES

    def _wait_until(self, is_so: Callable[[], bool]) -> None:
        """Wait for the lanes; raises what one of them raised."""
        with self._read:
            self._read.wait_for(lambda: self._error is not None or is_so())
        if self._error is not None:
            raise self._error

    def _follow(self, lane: int, growing: Growing, names: list[str]) -> None:
        """One lane's part of a file, in its thread."""
        try:
            self._digest(lane, growing, names)
        except BaseException as error:  # noqa: BLE001  (raised again in the writer's thread)
            with self._read:
                self._error = error
                self._read.notify_all()

    def _digest(self, lane: int, growing: Growing, names: list[str]) -> None:
        states = {name: new_hash(name, growing.size) for name in names}
        buffer = memoryview(bytearray(_BLOCK_BYTES))
        position = crc = 0
        while ready := self._wait_for_more(growing, position):
            count = os.preadv(growing.fd, [buffer[: min(_BLOCK_BYTES, ready)]], position)
            if not count:
                break
            block = buffer[:count]
            for state in states.values():
                state.update(block)
            if lane == 0:
                crc = crc32(block, crc)
            position += count
            with self._read:
                growing.positions[lane] = position
                self._read.notify_all()
        with self._read:
            if self._is_closed:
                return
            growing.digests.update((name, state.hexdigest()) for name, state in states.items())
            growing.lanes_left -= 1
            if lane == 0:
                growing.crc = crc
                growing.size_read = os.fstat(growing.fd).st_size
            if growing.lanes_left == 0:
                os.close(growing.fd)
                self._unread.remove(growing)
            self._read.notify_all()

    def _wait_for_more(self, growing: Growing, position: int) -> int:
        """How many bytes may be read at `position`; 0 at the end, and when the writer gave up."""
        with self._grown:
            self._grown.wait_for(
                lambda: (
                    growing.is_complete
                    or (growing.written > position and not self._from_disk)
                    or self._is_closed
                )
            )
            return 0 if self._is_closed else growing.written - position
