"""What lies under the HTTP session: bodies in large blocks, and time-outs of one connection.

urllib3 has two time-outs, one for connecting that goes on to hold while the request is sent, one
between two pieces of the answer. Here connecting has its own, every block of the body has its own,
and the answer as a whole, its head included, has one that starts when the body has been sent.
"""

import http.client
import http.cookiejar
import io
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from presqt_daemon.targets.base import Body

BLOCK_BYTES = 256 << 10
"""One write to the socket: about 0.6 of the CPU per byte that the usual 16 KiB cost."""

CONNECT_SECONDS = 10.0
MOST_CONNECTIONS = 32
"""Kept open to one host; more than any target gets at once."""


class Blocks:
    """A body of known length for requests, which would else send it in chunks.

    Each block may take `block_seconds` to be taken by the other side. Every block is handed out in
    the same memory: it is sent before the next one is asked for.
    """

    def __init__(self, body: Body, size: int, *, block_seconds: float) -> None:
        self.block_seconds = block_seconds
        self._body = body
        self._size = size
        self._buffer = memoryview(bytearray(min(size, BLOCK_BYTES)))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes | memoryview]:
        while block := self.read(BLOCK_BYTES):
            yield block

    def read(self, size: int = -1) -> bytes | memoryview:
        if size < 0:
            return self._body.read(size)
        wanted = self._buffer[:size]
        return wanted[: self._body.readinto(wanted)]

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._body.seek(offset, whence)

    def tell(self) -> int:
        return self._body.tell()


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """What is asked, wherever a redirect leads; `doing` is for the error's sentence."""

    method: str
    data: Any
    headers: Mapping[str, str]
    doing: str
    read_seconds: float


class _TimedReader(io.RawIOBase):
    """An answer's bytes as they come; TimeoutError once its whole time has passed."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, seconds: float) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: Any, /) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    """An answer whose whole time is the socket's time-out at its beginning."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        seconds = sock.gettimeout()
        if seconds is not None:
            self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock, seconds))


class _Connection(HTTPConnection):
    """Waits for every block of a body as long as the body says."""

    response_class = _TimedResponse

    def request(self, method: str, url: str, body: Any = None, *args: Any, **options: Any) -> None:
        if isinstance(body, Blocks):
            if self.sock is None:
                self.connect()
            # urllib3 puts it on the socket when that is there before the request
            self.timeout = body.block_seconds
        super().request(method, url, body, *args, **options)


class _EncryptedConnection(_Connection, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _EncryptedPool(HTTPSConnectionPool):
    ConnectionCls = _EncryptedConnection


class BodyAdapter(HTTPAdapter):
    """requests' own adapter over these connections; it never retries by itself."""

    POOLS: ClassVar = {"http": _Pool, "https": _EncryptedPool}

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **{**options, "blocksize": BLOCK_BYTES})
        self.poolmanager.pool_classes_by_scheme = self.POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **{**options, "blocksize": BLOCK_BYTES})
        manager.pool_classes_by_scheme = self.POOLS
        return manager

    def send_body(
        self,
        request: requests.PreparedRequest,
        *,
        timeout: tuple[float, float],
        proxies: dict[str, str],
        verify: bool | str,
    ) -> requests.Response:
        """What `send` does, for a request of ours whose body has a length.

        No cookies, hooks or history; raises what urllib3 raises.
        """
        pool = self.get_connection_with_tls_context(request, verify, proxies)
        assert isinstance(pool, HTTPConnectionPool)
        raw = pool.urlopen(
            str(request.method),
            self.request_url(request, proxies),
            body=request.body,
            headers=request.headers,
            redirect=False,
            assert_same_host=False,
            retries=False,
            timeout=urllib3.Timeout(connect=timeout[0], read=timeout[1]),
            preload_content=False,
            decode_content=False,
        )
        response = requests.Response()
        response.status_code = raw.status
        response.headers = CaseInsensitiveDict(raw.headers)
        response.raw = raw
        return response


class _PlainAuth(requests.auth.AuthBase):
    """Leaves the headers alone; without it requests would put a netrc entry over the token."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def open_session() -> requests.Session:
    """A session that adds nothing of its own to a request and keeps nothing of an answer.

    So several threads may share it: all that is common to them are urllib3's pools of connections,
    which are made for threads.
    """
    session = requests.Session()
    session.auth = _PlainAuth()
    session.trust_env = False
    session.headers.clear()
    # a session cookie may outweigh the token, and is nothing that we asked for
    session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=()))
    session.mount("https://", BodyAdapter(pool_maxsize=MOST_CONNECTIONS))
    session.mount("http://", BodyAdapter(pool_maxsize=MOST_CONNECTIONS))
    return session


def send_request(
    session: requests.Session,
    request: HttpRequest,
    url: str,
    *,
    headers: Mapping[str, str],
    params: Mapping[str, str] | None,
    proxies: Mapping[str, str],
    verify: bool | str,
) -> requests.Response:
    """The answer to a request, its content not read yet; follows nothing.

    A body passes by most of requests: for a file of 10 kB that is nearly half of what the request
    costs.
    """
    data, timeout = request.data, (CONNECT_SECONDS, request.read_seconds)
    if not isinstance(data, Blocks):
        return session.request(
            request.method,
            url,
            data=data,
            params=params,
            headers=headers,
            timeout=timeout,
            allow_redirects=False,
            stream=True,
            proxies=dict(proxies),
            verify=verify,
        )
    prepared = requests.PreparedRequest()
    prepared.method = request.method
    prepared.prepare_url(url, params)
    prepared.headers = CaseInsensitiveDict({**headers, "Content-Length": str(len(data))})
    body: Any = data  # its length is asked, and it is iterated over
    prepared.body = body
    adapter = session.get_adapter(url)
    assert isinstance(adapter, BodyAdapter)
    return adapter.send_body(prepared, timeout=timeout, proxies=dict(proxies), verify=verify)


def surroundings_of(url: str) -> Mapping[str, Any]:
    """`proxies` and `verify` as the environment has them for a host, read anew each time."""
    with requests.Session() as session:
        found = session.merge_environment_settings(url, {}, None, None, None)
    return {"proxies": found["proxies"], "verify": found["verify"]}
