"""Parts of a file are windows of its body; which of them have arrived is heard one by one."""

import io
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import Any, cast

import pytest

from presqt_daemon.errors import TargetFault
from presqt_daemon.targets.base import Body, Sending
from presqt_daemon.targets.web.answers import Answer
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.web.multipart import FilePart, PartBody, PartSender

CONTENT = b"0123456789"


class PartServer:
    """Keeps what it is sent; fails for the parts that it is told to fail for."""

    def __init__(self, failing: frozenset[str] = frozenset()) -> None:
        self.stored: dict[str, bytes] = {}
        self.failing = failing

    def ask(self, _method: str, url: str, **options: Any) -> Answer:
        if url in self.failing:
            raise TargetFault("target-unavailable", "cut", retryable=True)
        self.stored[url] = options["body"].read()
        return Answer(status=200, headers={}, content=b"", url=url, target="t")


def parts(size: int = 4) -> list[FilePart]:
    starts = range(0, len(CONTENT), size)
    return [
        FilePart(number=at, start=start, size=min(size, len(CONTENT) - start), url=f"/{at}")
        for at, start in enumerate(starts, 1)
    ]


def sent(server: PartServer, heard: list[int]) -> Mapping[int, int]:
    file = Sending(
        path=PurePosixPath("a"),
        size=len(CONTENT),
        digests={},
        open=lambda: cast("Any", io.BytesIO(CONTENT)),
    )
    sender = PartSender(http=cast("Http", server), expect=(200,), seconds=1.0)
    with ThreadPoolExecutor(2) as pool:
        return sender.send_all(file, parts(), pool, lambda part: heard.append(part.number))


def test_the_parts_together_are_the_file() -> None:
    server, heard = PartServer(), list[int]()
    assert sent(server, heard) == {1: 200, 2: 200, 3: 200}
    assert b"".join(server.stored[f"/{at}"] for at in (1, 2, 3)) == CONTENT
    assert sorted(heard) == [1, 2, 3]


def test_what_arrived_beside_a_failure_is_heard_of_before_the_error_flies() -> None:
    server, heard = PartServer(frozenset({"/2"})), list[int]()
    with pytest.raises(TargetFault):
        sent(server, heard)
    assert sorted(f"/{at}" for at in heard) == sorted(server.stored)


def test_a_part_is_a_body_of_its_own_that_can_begin_anew() -> None:
    body = PartBody(cast("Body", io.BytesIO(CONTENT)), parts()[1])
    assert (body.read(3), body.read(), body.read(1)) == (b"456", b"7", b"")
    assert body.seek(0, os.SEEK_END) == 4
    assert body.seek(0) == 0
    buffer = bytearray(9)
    assert body.readinto(memoryview(buffer)) == 4
    assert bytes(buffer[:4]) == b"4567"
