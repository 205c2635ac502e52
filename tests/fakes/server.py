"""What every fake target stands on: a real HTTP server with routes, a log, and faults by number."""

import contextlib
import hashlib
import json
import re
import socket
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self

BLOCK_BYTES = 256 << 10
KEEP_BYTES = 32 << 20
"""Bodies up to this size are kept whole; of longer ones only size and digests."""

ALGORITHMS = ("md5", "sha1", "sha256")
TOKEN_HEADERS = ("Authorization", "PRIVATE-TOKEN")


@dataclass(kw_only=True)
class Fault:
    """What happens to some requests: `how` to the next `times` that `method` and `part` match.

    `how` is one of: `status 503 [Retry-After]` (the body is read, nothing done), `cut` (closed in
    the middle of the body), `swallow` (done, but closed without an answer), `hang` (no answer until
    the server stops), `trickle` (the answer comes byte by byte), `trickle head` (that of its head
    already), `pause SECONDS` (before the body is read), `spoil` (one bit of the body is turned
    before it is stored; also of one that is on its way when this is asked for), or a word that the
    fake itself knows (`Request.fault`). `part` is looked for in the decoded path with its
    query; `method` `*` is any. The first `after` matching requests go well.
    """

    how: str
    method: str = "PUT"
    part: str = ""
    times: int = 1
    after: int = 0


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request as it came in; `path` is decoded and without the query, `target` is raw.

    `client` is the port that it came from, one for each connection.
    """

    method: str
    path: str
    target: str
    query: Mapping[str, str]
    headers: Message
    size: int | None
    client: int = 0


@dataclass(frozen=True, kw_only=True)
class Content:
    """Bytes that were sent; `kept` None where they were too many to keep."""

    size: int
    digests: Mapping[str, str]
    kept: bytes | None

    @classmethod
    def of(cls, content: bytes) -> Self:
        """What is known about a few bytes."""
        digests = {name: hashlib.new(name, content).hexdigest() for name in ALGORITHMS}
        return cls(size=len(content), digests=digests, kept=content)


@dataclass(frozen=True, kw_only=True)
class Request(Seen):
    """A request with its body, for a route.

    `fault` is a fault's word that is the fake's own, `begun` what `FakeServer.before_body` said.
    """

    content: Content
    fault: str = ""
    begun: Any = None

    @property
    def body(self) -> bytes:
        """The whole body; AssertionError where it was too long to keep."""
        assert self.content.kept is not None, "the body was too long to be kept"
        return self.content.kept

    def json(self) -> Any:
        """The body as JSON; ValueError when it is none."""
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer: `tree` is sent as JSON unless `content` is given; 204 and None have no body."""

    status: int = 200
    tree: Any = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def payload(self) -> bytes:
        """The bytes of the body."""
        if self.content is not None:
            return self.content
        return b"" if self.tree is None else json.dumps(self.tree).encode()


class FakeServer:
    """A server on a port of its own; a context manager that says nothing on any terminal.

    A subclass lists its `ROUTES`: method, a regular expression for the whole path, and the name of
    the method that answers; groups of the expression are decoded and handed on as text. The path
    is matched as sent (undecoded), so that `%2F` stays apart from `/`. Routes run under `lock`.
    A bug in a route is raised when the server is left; so is AssertionError when a token that any
    request had in its headers stands in the address of one.
    """

    ROUTES: ClassVar[tuple[tuple[str, str, str], ...]] = ()
    JSON_TYPE: ClassVar[str] = "application/json"
    keep_bytes: int = KEEP_BYTES

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self.faults: list[Fault] = []
        self.lock = threading.RLock()
        self.released = threading.Event()
        self.bugs: list[BaseException] = []
        self.running = 0
        self.most_running = 0
        owner = self

        class Handler(_Handler):
            fake = owner

        self._handler = Handler
        self._server = self._listen(0)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def _listen(self, port: int) -> "_Server":
        server = _Server(("127.0.0.1", port), self._handler)
        server.fake = self
        return server

    def new_listener(self) -> ThreadingHTTPServer:
        """The same server on the same address once more, for another network; not serving yet."""
        return self._listen(self._server.server_address[1])

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """The root, without a slash at the end."""
        return f"http://{self.address}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if self.bugs and kind is None:
            raise self.bugs[0]
        if kind is None:
            self._refuse_told_tokens()

    def _refuse_told_tokens(self) -> None:
        """AssertionError when an address holds a token: addresses stand in logs everywhere."""
        tokens = {token for seen in self.requests if (token := _token_of(seen)) is not None}
        for seen in self.requests:
            address = urllib.parse.unquote(seen.target) + (seen.headers.get("Referer") or "")
            told = any(token in address for token in tokens)
            assert not told, f"a token stands in an address: {seen.method} {seen.path}"

    def fault(self, how: str, method: str = "PUT", part: str = "", **more: int) -> None:
        """Ask for a fault; see `Fault`."""
        with self.lock:
            self.faults.append(Fault(how=how, method=method, part=part, **more))

    def count(self, method: str = "*", part: str = "") -> int:
        """How many requests have come whose path with its query holds this part."""
        return len(self.seen(method, part))

    def seen(self, method: str = "*", part: str = "") -> list[Seen]:
        """The requests that have come, in their order."""
        with self.lock:
            return [
                one
                for one in self.requests
                if method in {"*", one.method} and part in urllib.parse.unquote(one.target)
            ]

    def before_body(self, seen: Seen) -> Any:
        """What is known before the body is read; a Reply is sent at once, the body then dropped."""
        return None

    def between(self, seen: Seen) -> None:
        """Called after `before_body`, before the body is read; a test may wait here."""

    def refusal(self, seen: Seen, status: int) -> Any:
        """The JSON of a refusal that a fault asked for."""
        return {"message": "by order"}

    def before(self, request: Request) -> Reply | None:
        """An answer that goes before any route (bad token, rate limit), None to go on."""
        return None

    def missing(self, request: Request) -> Reply:
        """The answer where no route fits."""
        return Reply(status=404, tree={"message": "Not Found"})

    def fault_for(self, seen: Seen, only: str = "") -> str:
        """What shall happen to this request, of these words `only`; empty when nothing."""
        text = urllib.parse.unquote(seen.target)
        with self.lock:
            for fault in self.faults:
                if only not in {"", fault.how} or not fault.times:
                    continue
                if fault.method in {seen.method, "*"} and fault.part in text:
                    if fault.after:
                        fault.after -= 1
                        continue
                    fault.times -= 1
                    return fault.how
        return ""

    def answer(self, request: Request) -> Reply:
        """What the routes say to a request."""
        path = request.target.split("?", 1)[0]
        with self.lock:
            early = self.before(request)
            if early is not None:
                return early
            for method, pattern, name in self.ROUTES:
                found = re.fullmatch(pattern, path)
                if method == request.method and found:
                    groups = [urllib.parse.unquote(part or "") for part in found.groups()]
                    route: Callable[..., Reply] = getattr(self, name)
                    return route(request, *groups)
            return self.missing(request)


def _token_of(seen: Seen) -> str | None:
    """The token in a request's headers; none where it is too short to be looked for in a text."""
    given = [seen.headers.get(name) or "" for name in TOKEN_HEADERS]
    return next((words[-1] for one in given if (words := one.split()) and len(one) > 5), None)


class _Server(ThreadingHTTPServer):
    fake: FakeServer
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that went away; bugs of the fake are in its `bugs`."""


class _Handler(BaseHTTPRequestHandler):
    fake: FakeServer
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    _headers_buffer: list[bytes]

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        with self._counted():
            try:
                self._serve()
            except OSError:
                self.close_connection = True
            except Exception as error:  # noqa: BLE001  (told at the end, see `bugs`)
                self.fake.bugs.append(error)
                self._send(Reply(status=500, tree={"message": repr(error)}))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET  # noqa: N815  (names of the base)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        fake = self.fake
        with fake.lock:
            fake.running += 1
            fake.most_running = max(fake.most_running, fake.running)
        try:
            yield
        finally:
            with fake.lock:
                fake.running -= 1

    def _serve(self) -> None:
        fake = self.fake
        parts = urllib.parse.urlsplit(self.path)
        length = self.headers.get("Content-Length")
        seen = Seen(
            method=self.command,
            path=urllib.parse.unquote(parts.path),
            target=self.path,
            query=dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True)),
            headers=self.headers,
            size=None if length is None else int(length),
            client=self.client_address[1],
        )
        with fake.lock:
            fake.requests.append(seen)
        how = fake.fault_for(seen)
        if how == "hang":
            fake.released.wait()
            self.close_connection = True
            return
        if how.startswith("pause "):
            fake.released.wait(float(how.split()[1]))
        if how == "cut":
            self._read(seen, (seen.size or 0) // 2)
            self._hang_up()
            return
        if self.headers.get("Transfer-Encoding"):
            self._send(Reply(status=411, tree={"message": "Length Required"}))
            self.close_connection = True
            return
        if how.startswith("status "):
            self._read(seen, seen.size or 0)
            _, status, *wait = how.split()
            headers = {"Retry-After": wait[0]} if wait else {}
            tree = fake.refusal(seen, int(status))
            self._send(Reply(status=int(status), tree=tree, headers=headers))
            return
        with fake.lock:
            begun = fake.before_body(seen)
        if isinstance(begun, Reply):
            self._send(begun)
            self._read(seen, seen.size or 0)
            return
        fake.between(seen)
        content = self._read(seen, seen.size or 0, spoil=how == "spoil")
        request = Request(**vars(seen), content=content, fault=how, begun=begun)
        reply = fake.answer(request)
        if how == "swallow":
            self._hang_up()
            return
        self._send(reply, slow_from={"trickle head": "head", "trickle": "body"}.get(how))

    def _read(self, seen: Seen, length: int, *, spoil: bool = False) -> Content:
        """The body, with one bit turned where it shall be spoilt (an empty one gets a byte)."""
        states = [hashlib.new(name) for name in ALGORITHMS]
        kept: bytearray | None = bytearray() if length <= self.fake.keep_bytes else None
        left = length
        while left or spoil:
            block = self.rfile.read(min(left, BLOCK_BYTES))
            if not block and left:
                raise ConnectionResetError
            left -= len(block)
            if spoil or (self.fake.faults and self.fake.fault_for(seen, "spoil")):
                block = bytes([block[0] ^ 1]) + block[1:] if block else b"x"
                spoil = False
            for state in states:
                state.update(block)
            if kept is not None:
                kept += block
        digests = {name: state.hexdigest() for name, state in zip(ALGORITHMS, states, strict=True)}
        return Content(
            size=length if kept is None else len(kept),
            digests=digests,
            kept=None if kept is None else bytes(kept),
        )

    def _hang_up(self) -> None:
        """Close so that the client sees it now."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, reply: Reply, *, slow_from: str | None = None) -> None:
        content = reply.payload()
        has_body = reply.status not in {204, 304} and self.command != "HEAD"
        self.send_response(reply.status)
        if content and "Content-Type" not in reply.headers:
            self.send_header("Content-Type", self.fake.JSON_TYPE)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status not in {204, 304} and "Content-Length" not in reply.headers:
            self.send_header("Content-Length", str(len(content)))
        if slow_from == "head":
            head, self._headers_buffer = b"".join(self._headers_buffer), []
            self._trickle(head)
        self.end_headers()
        if has_body and slow_from is not None:
            self._trickle(content)
        elif has_body:
            self.wfile.write(content)
        self.wfile.flush()

    def _trickle(self, content: bytes) -> None:
        for byte in content:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.fake.released.wait(0.05):
                break
