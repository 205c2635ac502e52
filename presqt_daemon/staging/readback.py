"""Digests of files read back from where they were written, while the writer goes on.

Each lane is a thread that reads for itself what has been written so far, so that lanes share
nothing with the writer but how far it is; the page cache makes the second read cheap.
"""

import os
import threading
from collections import deque
from collections.abc import Collection
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """What the disk holds of one file; `crc` and `size` as read back."""

    digests: dict[str, str]
    crc: int
    size: int


class Growing:
    """One file while it is written; `written` bytes of it may be read."""

    def __init__(self, path: str, fd: int, size: int, algorithms: Collection[str]) -> None:
        self.path, self.fd, self.size = path, fd, size
        self.algorithms = tuple(sorted(algorithms))
        self.written = 0
        self.is_complete = False
        self.lanes_left = 0
        self.digests: dict[str, str] = {}
        self.crc = 0
        self.size_read = 0


class Lanes:
    """Threads that digest files behind the writer. Leave the context to stop them.

    `from_disk` makes each file wait until it is on the disk and out of the page cache.
    """

    def __init__(self, *, from_disk: bool = False, lanes: int | None = None) -> None:
        self._from_disk = from_disk
        self._count = lanes or min(MAX_LANES, os.cpu_count() or 1)
        self._queues: list[deque[Growing]] = [deque() for _ in range(self._count)]
        self._positions = [0] * self._count
        self._threads: list[threading.Thread] = []
        lock = threading.Lock()
        self._grown = threading.Condition(lock)
        self._read = threading.Condition(lock)
        self._given = 0
        self._waiting = 0
        self._is_closed = False
        self._error: BaseException | None = None
        self.results: dict[str, ReadBack] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_how: object) -> None:
        with self._grown:
            self._is_closed = True
            self._grown.notify_all()
        for thread in self._threads:
            thread.join()
        for growing in {file.fd: file for queue in self._queues for file in queue}.values():
            os.close(growing.fd)

    def begin(self, path: str, fd: int, size: int, algorithms: Collection[str]) -> Growing:
        """Follow a file that is about to be written; its descriptor is closed here."""
        growing = Growing(path, fd, size, algorithms)
        used = min(self._count, max(1, len(growing.algorithms)))
        growing.lanes_left = used
        with self._grown:
            for lane in range(self._count):
                if lane < used:
                    self._queues[lane].append(growing)
                else:
                    self._positions[lane] += size
            self._waiting += 1
            self._grown.notify_all()
        while len(self._threads) < used:
            number = len(self._threads)
            thread = threading.Thread(
                target=self._run, args=(number,), name=f"read-back-{number}", daemon=True
            )
            self._threads.append(thread)
            thread.start()
        return growing

    def wrote(self, growing: Growing, count: int) -> None:
        """Note that the next `count` bytes are written; waits while the lanes are far behind."""
        growing.written += count
        self._given += count
        if self._from_disk:
            return
        with self._grown:
            self._grown.notify_all()
            self._read.wait_for(self._is_close_behind)
        self._raise_error()

    def complete(self, growing: Growing) -> None:
        """Note that all of the file is written; waits while too many files are unread."""
        if self._from_disk:
            os.fdatasync(growing.fd)
            os.posix_fadvise(growing.fd, 0, 0, os.POSIX_FADV_DONTNEED)
        with self._grown:
            growing.is_complete = True
            self._grown.notify_all()
            self._read.wait_for(lambda: self._waiting < _MAX_WAITING or self._error is not None)
        self._raise_error()

    def finish(self) -> dict[str, ReadBack]:
        """Wait for all lanes; what they read, by path."""
        with self._read:
            self._read.wait_for(lambda: self._waiting == 0 or self._error is not None)
        self._raise_error()
        return self.results

    def _is_close_behind(self) -> bool:
        slowest = min(self._positions[: len(self._threads)])
        return self._given - slowest < _LEAD_BYTES or self._error is not None

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self, lane: int) -> None:
        queue = self._queues[lane]
        try:
            while True:
                with self._grown:
                    self._grown.wait_for(lambda: queue or self._is_closed)
                    if self._is_closed:
                        return
                    growing = queue[0]
                self._follow(lane, growing)
        except _ClosedError:
            return
        except BaseException as error:  # noqa: BLE001  (raised again in the writer's thread)
            with self._read:
                self._error = error
                self._read.notify_all()

    def _follow(self, lane: int, growing: Growing) -> None:
        mine = growing.algorithms[lane :: min(self._count, max(1, len(growing.algorithms)))]
        states = [(name, new_hash(name, growing.size)) for name in mine]
        buffer = memoryview(bytearray(_BLOCK_BYTES))
        position = crc = 0
        while True:
            ready = self._wait_for_more(growing, position)
            if ready is None:
                break
            count = os.preadv(growing.fd, [buffer[: min(_BLOCK_BYTES, ready)]], position)
            if not count:
                break
            block = buffer[:count]
            for _, state in states:
                state.update(block)
            if lane == 0:
                crc = crc32(block, crc)
            position += count
            with self._read:
                self._positions[lane] += count
                self._read.notify_all()
        self._note_end(lane, growing, {name: state.hexdigest() for name, state in states}, crc)

    def _wait_for_more(self, growing: Growing, position: int) -> int | None:
        """How many bytes may be read at `position`, None at the end of a complete file."""
        with self._grown:
            self._grown.wait_for(
                lambda: (
                    growing.is_complete
                    or (growing.written > position and not self._from_disk)
                    or self._is_closed
                )
            )
            if self._is_closed:
                raise _ClosedError
            ready = growing.written - position
            return ready if ready > 0 else None

    def _note_end(self, lane: int, growing: Growing, digests: dict[str, str], crc: int) -> None:
        with self._read:
            self._queues[lane].popleft()
            growing.digests.update(digests)
            growing.lanes_left -= 1
            if lane == 0:
                growing.crc = crc
                growing.size_read = os.fstat(growing.fd).st_size
            if growing.lanes_left == 0:
                os.close(growing.fd)
                self.results[growing.path] = ReadBack(
                    digests=growing.digests, crc=growing.crc, size=growing.size_read
                )
                self._waiting -= 1
            self._read.notify_all()


class _ClosedError(Exception):
    """The writer gave up; lanes let go."""
