"""The other side of the test target: a small HTTP store with state and faults by number."""

import hashlib
import json
import threading
import urllib.parse
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class Fault:
    """What happens to some requests: `how` to the next `times` that `method` and `part` match."""

    how: str
    method: str = "PUT"
    part: str = ""
    times: int = 1
    after: int = 0


@dataclass
class Room:
    title: str
    mark: str
    files: dict[str, bytes] = field(default_factory=dict)


class Shelf:
    """A server on a port of its own; `rooms` is what it stores, `puts` how often each was sent."""

    def __init__(self, token: str = "") -> None:
        self.rooms: dict[str, Room] = {}
        self.puts: Counter[tuple[str, str]] = Counter()
        self.requests: list[tuple[str, str]] = []
        self.needless: list[tuple[str, str]] = []
        """Files that were sent again though a listing had shown that they are there."""
        self.faults: list[Fault] = []
        self._shown: set[tuple[str, str]] = set()
        self.token = token
        self.lock = threading.Lock()
        self.released = threading.Event()
        shelf = self

        class Handler(_Handler):
            owner = shelf

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def target(self, **options: str) -> dict[str, Any]:
        """The target's entry in the configuration."""
        return {"type": "shelf", "options": {"address": self.address, **options}}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fault_for(self, method: str, path: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times and fault.method in {method, "*"} and fault.part in path:
                    if fault.after:
                        fault.after -= 1
                        continue
                    fault.times -= 1
                    return fault
        return None

    def show(self, room: str, names: Iterable[str]) -> None:
        """A listing has told of these files."""
        self._shown.update((room, name) for name in names)

    def keep(self, room: Room, path: list[str], body: bytes) -> None:
        """Store a file."""
        name = path[3]
        if (path[1], name) in self._shown and room.files.get(name) == body:
            self.needless.append((room.title, name))
        room.files[name] = body
        self.puts[room.title, name] += 1

    def stored(self) -> dict[str, dict[str, bytes]]:
        """Title -> files."""
        return {room.title: dict(room.files) for room in self.rooms.values()}


class _Handler(BaseHTTPRequestHandler):
    owner: Shelf
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._serve(self._get)

    def do_POST(self) -> None:
        self._serve(self._post)

    def do_PUT(self) -> None:
        self._serve(self._put)

    def _serve(self, work: Callable[[list[str], bytes], tuple[int, Any]]) -> None:
        shelf = self.owner
        path = urllib.parse.unquote(self.path)
        with shelf.lock:
            shelf.requests.append((self.command, path))
        fault = shelf.fault_for(self.command, path)
        how = fault.how if fault else ""
        if how == "hang":
            shelf.released.wait()
            self.close_connection = True
            return
        if how.startswith("status "):
            self._answer(int(how.split()[1]), {}, retry_after=[*how.split(), ""][2])
            self.close_connection = True
            return
        length = int(self.headers.get("Content-Length") or 0)
        if how == "cut":
            self.rfile.read(length // 2)
            self.close_connection = True
            return
        body = self._sip(length) if how == "sip" else self.rfile.read(length)
        if how == "spoil":
            body = bytes([body[0] ^ 1]) + body[1:] if body else b"x"
        if shelf.token and self.headers.get("Authorization") != f"Bearer {shelf.token}":
            self._answer(401, {})
            return
        status, tree = work(path.strip("/").split("/", 3), body)
        if how == "swallow":
            self.close_connection = True
            return
        if how == "late":
            shelf.released.wait()
        if how == "slowly":
            shelf.released.wait(0.1)
        if how == "trickle":
            for _ in range(20):
                if shelf.released.wait(0.1):
                    break
        if how == "mute" and isinstance(tree, dict):
            tree.pop("sha256", None)
        self._answer(status, tree)

    def _sip(self, length: int) -> bytes:
        """The body, a megabyte every tenth of a second."""
        body = b""
        while len(body) < length and not self.owner.released.wait(0.1):
            body += self.rfile.read(min(1 << 20, length - len(body)))
        return body

    def _get(self, parts: list[str], _body: bytes) -> tuple[int, Any]:
        shelf = self.owner
        with shelf.lock:
            if parts[0] == "account":
                return 200, {}
            if parts[0] == "titles":
                return 200, {"titles": [room.title for room in shelf.rooms.values()]}
            if parts[0] == "marks":
                for name, room in shelf.rooms.items():
                    if room.mark == parts[1]:
                        return 200, {"id": name, "title": room.title}
                return 200, {"id": None}
            found = shelf.rooms.get(parts[1])
            if found is None:
                return 404, {}
            files = {
                name: (len(content), hashlib.sha256(content).hexdigest())
                for name, content in found.files.items()
            }
            shelf.show(parts[1], files)
            return 200, {"files": files}

    def _post(self, _parts: list[str], body: bytes) -> tuple[int, Any]:
        shelf = self.owner
        wanted = json.loads(body)
        with shelf.lock:
            if any(room.title == wanted["title"] for room in shelf.rooms.values()):
                return 409, {}
            name = uuid.uuid4().hex[:8]
            shelf.rooms[name] = Room(wanted["title"], wanted["mark"])
            return 201, {"id": name}

    def _put(self, parts: list[str], body: bytes) -> tuple[int, Any]:
        shelf = self.owner
        with shelf.lock:
            room = shelf.rooms.get(parts[1])
            if room is None:
                return 404, {}
            shelf.keep(room, parts, body)
            return 200, {"sha256": hashlib.sha256(body).hexdigest()}

    def _answer(self, status: int, tree: Any, *, retry_after: str = "") -> None:
        content = json.dumps(tree).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if retry_after:
                self.send_header("Retry-After", retry_after)
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            self.close_connection = True
