"""A proxy before the real server, so that its answers can be lost, cut, slow or refused."""

import contextlib
import http.client
from typing import ClassVar
from urllib.parse import urlsplit

from tests.fakes.server import FakeServer, Reply, Request

_HOP = frozenset({"host", "connection", "content-length", "transfer-encoding", "keep-alive"})


class Between(FakeServer):
    """Hands every request on; the faults are those of any fake.

    `refuse` gives the status of an answer that a proxy would give by itself, by method and path.
    """

    ROUTES: ClassVar[tuple[tuple[str, str, str], ...]] = ()
    keep_bytes = 512 << 20

    def __init__(self) -> None:
        super().__init__()
        self.behind = ""
        self.largest: int | None = None

    def answer(self, request: Request) -> Reply:
        """What the real server says; not under the lock, so that requests run side by side."""
        if self.largest is not None and request.content.size > self.largest:
            return Reply(status=413, content=b"<html><title>413</title></html>")
        connection = http.client.HTTPConnection(urlsplit(self.behind).netloc, timeout=300)
        try:
            headers = {
                name: value for name, value in request.headers.items() if name.lower() not in _HOP
            }
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                # a server may answer 413 before it has read everything
                connection.request(request.method, request.target, request.body, headers)
            with connection.getresponse() as response:
                content = response.read()
                kept = {
                    name: value
                    for name, value in response.getheaders()
                    if name.lower() in {"content-type", "location", "retry-after"}
                }
                return Reply(status=response.status, content=content, headers=kept)
        finally:
            connection.close()
