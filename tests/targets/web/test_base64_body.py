"""JSON with files in it, as it goes over the wire."""

import base64
import io
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

import pytest

from presqt_daemon.targets.base import Body, Sending
from presqt_daemon.targets.web.base64_body import BLOCK_BYTES, Base64Body, base64_length
from tests.targets.conformance import sending

SIZES = (0, 1, 2, 3, 4, 100, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES + 2)


def content_of(size: int) -> bytes:
    return bytes(itertools.islice(itertools.cycle(range(251)), size))


class Grudging(io.BytesIO):
    """Gives at most a thousand bytes at once, and tells when it is closed."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(1000, size) if size and size > 0 else 1000)


def grudging(content: bytes, opened: list[Grudging]) -> Sending:
    @contextmanager
    def opens() -> Iterator[Body]:
        with Grudging(content) as body:
            opened.append(body)
            yield body

    return Sending(path=PurePosixPath("x"), size=len(content), digests={}, open=opens)


@pytest.mark.parametrize("size", SIZES)
def test_the_length_is_known_before_a_byte_is_read(size: int) -> None:
    opened: list[Grudging] = []
    content = content_of(size)
    body = Base64Body(
        (b'{"a":"', grudging(content, opened), b'","b":"', grudging(b"b", opened), b'"}')
    )
    assert opened == []
    sent = b"".join(iter(lambda: body.read(777), b""))
    assert body.size == len(sent) == body.tell()
    tree = json.loads(sent)
    assert (base64.b64decode(tree["a"]), base64.b64decode(tree["b"])) == (content, b"b")
    assert base64_length(size) == len(tree["a"])
    assert all(one.closed for one in opened)


def test_it_can_be_sent_again_from_the_start() -> None:
    body = Base64Body((b'"', sending("x", content_of(10**6), ()), b'"'))
    body.read(12345)
    assert body.seek(0) == body.tell() == 0
    assert base64.b64decode(body.read()[1:-1]) == content_of(10**6)
    with pytest.raises(io.UnsupportedOperation):
        body.seek(5)


def test_a_file_is_closed_when_the_request_ends_early() -> None:
    opened: list[Grudging] = []
    body = Base64Body((b"x", grudging(content_of(10**6), opened)))
    body.read(10)
    body.read(10)
    body.close()
    assert [one.closed for one in opened] == [True]
