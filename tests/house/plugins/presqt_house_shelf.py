"""A target for tests: speaks to `shelf.Shelf` over HTTP. Found through the entry-point group."""

import ctypes
import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.targets.base import (
    Account,
    Container,
    ContainerRequest,
    Item,
    Sending,
    Target,
    Traits,
)

TRAITS = Traits(algorithms=("sha256",), parallel_puts=4)


def traits(config: TargetConfig) -> Traits:
    if config.options.get("bad_disk"):
        spoil_writes(int(config.options["bad_disk"]))
    return TRAITS


def connect(config: TargetConfig, token: str | None) -> Target:
    return ShelfTarget(dict(config.options), token)


class ShelfTarget:
    def __init__(self, options: Mapping[str, str], token: str | None) -> None:
        self.traits = TRAITS
        self.heard: Callable[[], None] = lambda: None
        self._address = options["address"]
        self._timeout = float(options.get("timeout", "20"))
        self._misbehave = options.get("misbehave", "")
        self._token = token or ""

    def account(self) -> Account:
        self._do("GET", "/account")
        return Account(id="1", name="shelf keeper")

    def titles(self) -> Collection[str]:
        return [str(title) for title in self._do("GET", "/titles")["titles"]]

    def container(self, request: ContainerRequest) -> Container:
        if request.resource_id is not None:
            # as at OSF, `N:storage` is another id of `N`
            name = request.resource_id.partition(":")[0]
            self._do("GET", f"/containers/{urllib.parse.quote(name)}")
            return self._container(name, request.title, is_new=False)
        found = self._do("GET", f"/marks/{request.ticket}")
        if found["id"]:
            return self._container(found["id"], found["title"], is_new=True)
        made = self._do("POST", "/containers", {"title": request.title, "mark": request.ticket})
        return self._container(made["id"], request.title, is_new=True)

    def listing(self, container: Container) -> Mapping[PurePosixPath, Item]:
        answer = self._do("GET", f"/containers/{container.id}")
        return {
            PurePosixPath(name): Item(
                path=PurePosixPath(name), size=size, digests={"sha256": digest}
            )
            for name, (size, digest) in answer["files"].items()
        }

    def stat(self, container: Container, path: PurePosixPath) -> Item | None:
        return self.listing(container).get(path)

    def make_folder(self, container: Container, path: PurePosixPath) -> None:
        """Folders are only parts of names here."""

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        misbehave(self._misbehave)
        path = f"/containers/{container.id}/files/{urllib.parse.quote(str(file.path))}"
        with file.open() as body:
            if self._misbehave == "rot":
                rot(f"/proc/self/fd/{body.fileno()}")
            answer = self._do("PUT", path, body=body, size=file.size)
        digest = answer.get("sha256")
        return Item(
            path=file.path,
            size=file.size,
            digests={"sha256": digest} if digest else {},
        )

    def digest(
        self, container: Container, item: Item, algorithms: Collection[str]
    ) -> Mapping[str, str]:
        return item.digests

    def commit(self, container: Container) -> Mapping[PurePosixPath, Item]:
        return {}

    def publish(self, container: Container) -> str | None:
        return None

    def close(self) -> None:
        """Every request has a connection of its own."""

    def _container(self, name: str, title: str, *, is_new: bool) -> Container:
        link = f"http://{self._address}/containers/{name}"
        return Container(id=name, title=title, link=link, is_new=is_new)

    def _do(
        self,
        method: str,
        path: str,
        tree: Any = None,
        *,
        body: Any = None,
        size: int = 0,
    ) -> Any:
        connection = http.client.HTTPConnection(self._address, timeout=self._timeout)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Length": str(size)}
        if tree is not None:
            body = json.dumps(tree).encode()
            headers["Content-Length"] = str(len(body))
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise TargetFault(
                "target-unavailable",
                f"The shelf did not answer ({type(error).__name__}).",
                retryable=True,
                outcome_unknown=True,
            ) from error
        finally:
            connection.close()
        self.heard()
        return answered(response, content)


def answered(response: http.client.HTTPResponse, content: bytes) -> Any:
    if response.status < 300:
        return json.loads(content)
    if response.status == 401:
        raise UserFault("unauthorized", "Token is invalid. Response returned a 401 status code.")
    if response.status == 404:
        raise UserFault("resource-not-found", "Resource not found for this user.")
    if response.status == 409:
        raise FileExistsError
    if response.status == 400:
        raise TargetFault("target-refused", "The shelf answered 400.")
    wait = response.headers.get("Retry-After")
    raise TargetFault(
        "rate-limited" if response.status == 429 else "target-unavailable",
        f"The shelf answered {response.status}.",
        retryable=True,
        retry_after=None if wait is None else float(wait),
    )


def rot(path: str) -> None:
    """Another content of the same length, as a disk gives back that does not keep what it has."""
    content = Path(path).read_bytes()
    Path(path).write_bytes(bytes(byte ^ 1 for byte in content))


def spoil_writes(times: int) -> None:
    """From now on this worker's disk spoils files that begin with `spoil me`, `times` times."""
    if hasattr(os.write, "left"):
        return
    write = os.write

    def bad_write(handle: int, content: Any) -> int:
        if bad_write.left and bytes(content[:8]) == b"spoil me":  # type: ignore[attr-defined]
            bad_write.left -= 1  # type: ignore[attr-defined]
            content = b"?" + bytes(content[1:])
        return write(handle, content)

    bad_write.left = times  # type: ignore[attr-defined]
    os.write = bad_write


def misbehave(how: str) -> None:
    """What a worker can do to itself, in the middle of a put."""
    if how == "hang":
        time.sleep(3600)
    elif how == "deaf":
        # puts run in threads, where Python lets nobody set a handler
        ctypes.CDLL(None).signal(signal.SIGTERM, ctypes.c_void_p(signal.SIG_IGN.value))
        subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(3600)"], start_new_session=True
        )
        time.sleep(3600)
    elif how == "orphans":
        sleep = [sys.executable, "-c", "import time; time.sleep(3600)"]
        code = f"import subprocess; subprocess.Popen({sleep}, start_new_session=True)"
        subprocess.run([sys.executable, "-c", code], check=True, start_new_session=True)
        time.sleep(3600)
    elif how == "hog":
        hoard = []
        while True:
            hoard.append(bytearray(os.urandom(1 << 20) * 16))
            time.sleep(0.02)
    elif how == "stuck":
        # in C with the GIL held, so that no Python of this process runs any more
        ctypes.PyDLL(None).sleep(3600)
    elif how == "raise":
        raise ZeroDivisionError
    elif how == "memory":
        raise MemoryError
    elif how.startswith("signal "):
        os.kill(os.getpid(), int(how.split()[1]))
    elif how.startswith("exit "):
        os._exit(int(how.split()[1]))
