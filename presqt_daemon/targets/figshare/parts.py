"""Figshare's upload service: a file goes there in parts, in any order, each as often as needed.

The service knows no tokens; whoever knows an upload's address may write to it, so the address is a
secret (docs.figshare.com, "Upload files").
"""

import os
from collections.abc import Callable, Collection
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from presqt_daemon.errors import TargetFault
from presqt_daemon.targets.base import Body, Sending
from presqt_daemon.targets.web.http import Http

LOCKED_SECONDS = 2.0
LOCKED_TRIES = 15
"""How often a part may be locked by a request that is dying, before the put begins anew."""

PART_SECONDS = 300.0
"""The service stores a part before it answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPart:
    """A piece of the file; `start` in bytes from its beginning."""

    number: int
    start: int
    size: int
    is_complete: bool


class PartBody:
    """A piece of a body that looks like a body of its own."""

    def __init__(self, body: Body, part: UploadPart) -> None:
        self._body = body
        self._start = part.start
        self._size = part.size
        self.seek(0)

    def read(self, size: int = -1, /) -> bytes:
        left = max(self._size - self.tell(), 0)
        return self._body.read(left if size < 0 else min(size, left))

    def readinto(self, buffer: memoryview, /) -> int:
        return self._body.readinto(buffer[: max(self._size - self.tell(), 0)])

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self._size}[whence]
        self._body.seek(self._start + max(base + offset, 0))
        return self.tell()

    def tell(self) -> int:
        return self._body.tell() - self._start

    def fileno(self) -> int:
        return self._body.fileno()


def send_parts(
    http: Http, url: str, file: Sending, pool: Executor, wait: Callable[[float], None]
) -> None:
    """Send what the upload at this address lacks; several parts at once.

    `wait` returns when a locked part is to be tried again; it is told for how many seconds that may
    go on. Raises what the service says; what has arrived until then is not sent again by the next
    call.
    """
    for left in range(LOCKED_TRIES, 0, -1):
        missing = [part for part in _parts(http, url, file) if not part.is_complete]
        if all(_send_all(http, url, file, missing, pool)):
            return
        wait(left * LOCKED_SECONDS)
        http.heard()
    raise TargetFault(
        "target-unavailable",
        f"{http.target} keeps a part of {file.path} locked.",
        retryable=True,
        retry_after=LOCKED_SECONDS,
    )


def _send_all(
    http: Http, url: str, file: Sending, parts: Collection[UploadPart], pool: Executor
) -> list[bool]:
    """Whether each part has been taken; an error flies when no part is under way any more."""
    running = [pool.submit(_send_part, http, url, file, part) for part in parts]
    taken: list[bool] = []
    errors: list[BaseException] = []
    for future in running:
        if errors:
            future.cancel()
        if not future.cancelled():
            error = future.exception()
            if error is None:
                taken.append(future.result())
            else:
                errors.append(error)
    if errors:
        raise errors[0]
    return taken


def _send_part(http: Http, url: str, file: Sending, part: UploadPart) -> bool:
    """Whether the part has been taken; False when it is locked."""
    with file.open() as body:
        answer = http.ask(
            "PUT",
            f"{url}/{part.number}",
            doing=f"part {part.number} of {file.path}",
            body=PartBody(body, part),
            size=part.size,
            expect=(200, 409),
            read_seconds=PART_SECONDS,
        )
    return answer.status == 200


def _parts(http: Http, url: str, file: Sending) -> list[UploadPart]:
    """All parts, which together are the file. Raises TargetFault `target-misbehaved`."""
    tree = http.ask("GET", url, doing=f"the parts of {file.path}").tree()
    try:
        parts = sorted((_part_from(entry) for entry in tree["parts"]), key=lambda part: part.start)
    except (KeyError, TypeError, ValueError):
        parts = []
    end = 0
    for part in parts:
        end = end + part.size if part.start == end and part.size > 0 else -1
    if end != file.size:
        raise TargetFault(
            "target-misbehaved", f"The parts that {http.target} wants are not those of {file.path}."
        )
    return parts


def _part_from(entry: Any) -> UploadPart:
    start = int(entry["startOffset"])
    return UploadPart(
        number=int(entry["partNo"]),
        start=start,
        size=int(entry["endOffset"]) + 1 - start,
        is_complete=entry["status"] == "COMPLETE",
    )
