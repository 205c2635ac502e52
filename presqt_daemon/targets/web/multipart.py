"""A large file in parts: windows of its body, several under way at once.

What has arrived is known by the caller: from what the server lists, or from notes where it lists
nothing. So an interrupted file is gone on with, and no part is sent a second time.
"""

import os
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass

from presqt_daemon.targets.base import Body, Sending
from presqt_daemon.targets.web.http import Http


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePart:
    """A piece of a file and where it is put; `start` in bytes from the file's beginning."""

    number: int
    start: int
    size: int
    url: str


class PartBody:
    """A part's bytes as a body of their own; the whole body is read by nobody else meanwhile."""

    def __init__(self, body: Body, part: FilePart) -> None:
        self._body = body
        self._start = part.start
        self._size = part.size
        self.seek(0)

    def read(self, size: int = -1, /) -> bytes:
        left = max(self._size - self.tell(), 0)
        return self._body.read(left if size < 0 else min(size, left)) if left else b""

    def readinto(self, buffer: memoryview, /) -> int:
        left = max(self._size - self.tell(), 0)
        return self._body.readinto(buffer[:left]) if left else 0

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self._size}[whence]
        self._body.seek(self._start + min(max(base + offset, 0), self._size))
        return self.tell()

    def tell(self) -> int:
        return self._body.tell() - self._start

    def fileno(self) -> int:
        return self._body.fileno()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSender:
    """Sends parts of files to one service.

    `expect` are the statuses with which it answers a part; `seconds` is how long it may take for a
    block of one, and then for its answer.
    """

    http: Http
    expect: Collection[int]
    seconds: float

    def send(self, file: Sending, part: FilePart, also: Collection[int] = ()) -> int:
        """The status of a part's answer; each part reads the file through a body of its own.

        `also` are statuses that are an answer too, and no error.
        """
        with file.open() as body:
            answer = self.http.ask(
                "PUT",
                part.url,
                doing=f"part {part.number} of {file.path}",
                body=PartBody(body, part),
                size=part.size,
                expect=(*self.expect, *also),
                read_seconds=self.seconds,
            )
        return answer.status

    def send_all(
        self,
        file: Sending,
        parts: Collection[FilePart],
        pool: Executor,
        answered: Callable[[FilePart], None] = lambda _part: None,
    ) -> Mapping[int, int]:
        """The status of each part's answer, by its number.

        `answered` hears of each, one after the other. After an error no new part begins, and it
        flies when those under way have ended: what they bring there is heard of all the same.
        """
        running: dict[Future[int], FilePart] = {
            pool.submit(self.send, file, part): part for part in parts
        }
        statuses: dict[int, int] = {}
        error: BaseException | None = None
        for future in as_completed(running):
            if future.cancelled():
                continue
            if (failed := future.exception()) is None:
                part = running[future]
                statuses[part.number] = future.result()
                answered(part)
                continue
            error = error or failed
            for other in running:
                other.cancel()
        if error is not None:
            raise error
        return statuses
