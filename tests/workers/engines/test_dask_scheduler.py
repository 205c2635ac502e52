"""Addresses at which no scheduler answers: what is said, and that nothing waits for ever."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from presqt_daemon.config import EngineOptions

pytest.importorskip("distributed", reason="needs the extra dask")

from presqt_daemon.workers.engines import dask_scheduler
from presqt_daemon.workers.engines.dask import DaskEngine


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_scheduler, "CONNECT_SECONDS", 0.5)


@pytest.fixture
def http_port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.RequestHandlerClass.log_message = lambda *_: None  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def trouble_of(address: str, tls: Path | None = None) -> str:
    engine = DaskEngine(EngineOptions(address=address, tls_ca=tls, tls_cert=tls, tls_key=tls))
    said = engine.trouble()
    engine.shutdown()
    assert said is not None
    assert said.startswith(f"{address} does not answer (") or tls
    return said


def test_another_program_that_waits_for_the_first_word_is_told(http_port: int) -> None:
    assert "another program listens there" in trouble_of(f"tcp://127.0.0.1:{http_port}")


def test_one_that_is_silent_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert "another program listens there, or it is frozen" in trouble_of(
            f"tcp://127.0.0.1:{port}"
        )


def test_a_name_that_nobody_knows_is_told_as_that() -> None:
    # as dask raises it, after it has tried for as long as it may
    error = OSError("Timed out trying to connect to tcp://nowhere.invalid:8786 after 10 s")
    error.__cause__ = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert dask_scheduler.why_no_answer(error) == f"{error}: {error.__cause__}"


def test_a_file_for_tls_that_is_missing_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    said = trouble_of("tls://127.0.0.1:8786", file)
    assert said == f"{file} cannot be read: No such file or directory"
