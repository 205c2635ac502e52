"""Why a request got no answer: real connections that fail, told in words."""

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from presqt_daemon.targets.web.no_answer import is_unsent, reason_in_words


def failure(url: str, seconds: float = 5.0) -> Exception:
    with pytest.raises(requests.RequestException) as caught:
        requests.get(url, timeout=seconds)
    return caught.value


@contextlib.contextmanager
def serving(context: ssl.SSLContext | None = None, *, hangs: bool = False) -> Iterator[int]:
    """A server that accepts and says nothing, or closes; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = server.accept()
                    if context is not None:
                        with contextlib.suppress(OSError):
                            client = context.wrap_socket(client, server_side=True)
                    if hangs:
                        kept.append(client)
                    else:
                        client.recv(1)
                        client.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for client in kept:
            client.close()


def test_a_port_where_nobody_listens() -> None:
    error = failure("http://127.0.0.1:9/")
    assert reason_in_words(error) == "connection refused"
    assert is_unsent(error)


def test_a_name_that_nobody_knows() -> None:
    error = failure("http://no-such-host.invalid/")
    assert reason_in_words(error) == "its name cannot be looked up"
    assert is_unsent(error)


def test_a_server_that_says_nothing() -> None:
    with serving(hangs=True) as port:
        error = failure(f"http://127.0.0.1:{port}/", 0.2)
    assert reason_in_words(error) == "no answer in time"
    assert not is_unsent(error)


def test_a_server_that_closes_before_it_answers() -> None:
    with serving() as port:
        error = failure(f"http://127.0.0.1:{port}/")
    assert reason_in_words(error) == "the connection was closed before the answer"
    assert not is_unsent(error)


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing: no certificate can be made")
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
         "-days", "2", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serving(context) as port:
        error = failure(f"https://localhost:{port}/")
    assert reason_in_words(error).startswith("its certificate is not valid: self")
    assert is_unsent(error)


def test_a_server_that_speaks_no_tls() -> None:
    with serving() as port:
        error = failure(f"https://127.0.0.1:{port}/")
    assert "Error" not in reason_in_words(error)
