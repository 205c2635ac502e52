"""Receivers on this machine: a real SMTP server (aiosmtpd) and an HTTP server of Python's own.

What apprise sends is what its own plug-ins make: RFC 5321 dialogues and plain POSTs, nothing here
imitates a particular service.
"""

import contextlib
import email
import email.policy
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail that came: its subject and its text, and when by the monotonic clock."""

    subject: str
    text: str
    at: float


class MailServer:
    """Takes every mail; `refuses` lets it answer 451 to each instead."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self.mails: list[Mail] = []
        self.refuses = False
        self._controller: Controller | None = None

    @property
    def url(self) -> str:
        """Its address as apprise writes it, with a password in it."""
        return f"mailto://127.0.0.1:{self.port}?from=daemon@example.org&to=staff@example.org"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """A mail has come."""
        if self.refuses:
            return "451 try again later"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = message.get_body(("plain",))
        text = "" if body is None else body.get_content()
        self.mails.append(Mail(str(message["subject"]), text, time.monotonic()))
        return "250 taken"

    def start(self) -> None:
        """Be there."""
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        """Be gone: whoever connects is refused."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None


@dataclass
class WebServer:
    """Takes every request; `status` is what it answers, `hangs` lets it never answer."""

    port: int = field(default_factory=free_port)
    requests: list[tuple[str, Any]] = field(default_factory=list)
    status: int = 200
    hangs: threading.Event | None = None
    _server: ThreadingHTTPServer | None = None

    @property
    def bodies(self) -> list[Any]:
        """The JSON of each POST."""
        return [body for _, body in self.requests if body is not None]

    def start(self) -> None:
        """Be there."""
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                self._answer(json.loads(self.rfile.read(length)))

            def _answer(self, body: Any) -> None:
                if owner.hangs is not None:
                    owner.hangs.wait(300)
                if owner.status == 200:
                    owner.requests.append((self.path, body))
                with contextlib.suppress(OSError):
                    self.send_response(owner.status)
                    self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Be gone."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextlib.contextmanager
def mail_server() -> Iterator[MailServer]:
    """A mail server that is there meanwhile."""
    server = MailServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def web_server() -> Iterator[WebServer]:
    """A web server that is there meanwhile."""
    server = WebServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
