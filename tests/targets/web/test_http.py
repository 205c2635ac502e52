"""The HTTP session over real sockets: whom it tells the token, what it takes for an answer."""

import io
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from presqt_daemon.errors import PayloadSpoilt, PresqtError, TargetFault, UserFault
from presqt_daemon.targets.base import Body
from presqt_daemon.targets.web.http import MAX_ANSWER_BYTES, Http
from tests.fakes.server import FakeServer, Reply, Request

TOKEN = "s3cret-token"


class Echo(FakeServer):
    """Says what it was asked."""

    ROUTES: ClassVar = (
        ("GET", r"/away", "away"),
        ("POST", r"/away", "away"),
        ("GET", r"/circle", "circle"),
        ("GET", r"/large", "large"),
        ("GET", r"/text", "text"),
        ("GET", r"/cookie", "cookie"),
        ("GET", r"/refuse", "refuse"),
        ("GET", r"/echo.*", "echo"),
        ("PUT", r"/echo.*", "echo"),
        ("POST", r"/echo.*", "echo"),
    )

    def elsewhere(self) -> str:
        """The same server under another host name."""
        return self.url.replace("127.0.0.1", "localhost")

    def echo(self, request: Request) -> Reply:
        return Reply(
            tree={
                "authorization": request.headers["Authorization"],
                "length": request.headers["Content-Length"],
                "type": request.headers["Content-Type"],
                "cookie": request.headers["Cookie"],
                "body": request.content.digests["md5"],
                "query": dict(request.query),
            }
        )

    def away(self, request: Request) -> Reply:
        return Reply(status=302, headers={"Location": f"{self.elsewhere()}/echo"})

    def circle(self, request: Request) -> Reply:
        return Reply(status=302, headers={"Location": "/circle"})

    def large(self, request: Request) -> Reply:
        return Reply(content=bytes(MAX_ANSWER_BYTES + 1))

    def text(self, request: Request) -> Reply:
        return Reply(content=b"neither JSON nor a page")

    def cookie(self, request: Request) -> Reply:
        return Reply(tree={}, headers={"Set-Cookie": "session=1; Path=/"})

    def refuse(self, request: Request) -> Reply:
        return Reply(status=422, tree={"message": f"{request.headers['Authorization']} is odd"})


@pytest.fixture
def server() -> Iterator[Echo]:
    with Echo() as server:
        yield server


@pytest.fixture
def http(server: Echo) -> Iterator[Http]:
    session = http_for(server.url)
    yield session
    session.close()


def http_for(url: str) -> Http:
    return Http("osf", own_urls=[url], credentials={"Authorization": f"Bearer {TOKEN}"})


def body(content: bytes) -> Body:
    return cast("Body", io.BytesIO(content))


class SpoiltBody(io.BytesIO):
    """A body that turns out to be wrong while it is read."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise PayloadSpoilt("a.txt has another content")
        return super().read(10)

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        block = self.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)


def ask(http: Http, url: str, method: str = "GET") -> dict[str, object]:
    return http.ask(method, url, doing="a question").tree()


def test_the_token_goes_to_the_targets_own_host_alone(server: Echo, http: Http) -> None:
    assert ask(http, f"{server.url}/echo")["authorization"] == f"Bearer {TOKEN}"
    assert ask(http, f"{server.elsewhere()}/echo")["authorization"] is None
    http.trust(f"{server.elsewhere()}/any/path")
    assert ask(http, f"{server.elsewhere()}/echo")["authorization"] == f"Bearer {TOKEN}"


def test_another_port_is_another_host(server: Echo) -> None:
    with Echo() as other:
        http = http_for(other.url)
        assert ask(http, f"{server.url}/echo")["authorization"] is None
        http.close()


def test_a_redirect_is_followed_without_the_token(server: Echo, http: Http) -> None:
    assert ask(http, f"{server.url}/away")["authorization"] is None


def test_a_write_is_never_redirected(server: Echo, http: Http) -> None:
    with pytest.raises(TargetFault, match="look at the target's `url`") as raised:
        ask(http, f"{server.url}/away", "POST")
    assert raised.value.code == "target-misbehaved"


def test_a_circle_of_redirects_ends(server: Echo, http: Http) -> None:
    with pytest.raises(TargetFault, match="in a circle"):
        ask(http, f"{server.url}/circle")
    assert server.count() == 5


def test_nothing_leaves_an_encrypted_target_in_the_clear(server: Echo) -> None:
    http = http_for("https://api.example.org")
    with pytest.raises(TargetFault, match="not encrypted"):
        ask(http, f"{server.url}/echo", "PUT")
    assert server.requests == []


def test_a_netrc_file_does_not_outweigh_the_token(
    server: Echo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    http = http_for(server.url)
    assert ask(http, f"{server.url}/echo")["authorization"] == f"Bearer {TOKEN}"
    http.close()


def test_cookies_are_not_kept(server: Echo, http: Http) -> None:
    ask(http, f"{server.url}/cookie")
    assert ask(http, f"{server.url}/echo")["cookie"] is None


def test_a_token_that_the_target_repeats_is_hidden(server: Echo, http: Http) -> None:
    http.hide("odd")
    with pytest.raises(TargetFault) as raised:
        ask(http, f"{server.url}/refuse")
    assert raised.value.message == "osf answered 422 to a question: Bearer *** is ***."
    assert TOKEN not in repr(raised.value)


@pytest.mark.parametrize("content", [b"", b"alpha", bytes(3 << 20)], ids=["empty", "one", "large"])
def test_a_body_is_sent_with_its_length_and_never_in_chunks(
    server: Echo, http: Http, content: bytes
) -> None:
    answer = http.ask(
        "PUT", f"{server.url}/echo", doing="a put", body=body(content), size=len(content)
    )
    assert answer.tree()["length"] == str(len(content))
    assert server.requests[0].headers["Transfer-Encoding"] is None


def test_json_goes_as_utf_8_with_its_type(server: Echo, http: Http) -> None:
    answer = http.ask("POST", f"{server.url}/echo", doing="a post", tree={"title": "Grüße"})
    assert answer.tree()["type"] == "application/json"
    assert answer.tree()["length"] == str(len('{"title": "Grüße"}'.encode()))


def test_parameters_join_those_of_the_address(server: Echo, http: Http) -> None:
    url = f"{server.url}/echo?kind=file"
    answer = http.ask("GET", url, doing="a question", params={"name": "a b&c.txt"})
    assert answer.tree()["query"] == {"kind": "file", "name": "a b&c.txt"}


@pytest.mark.parametrize("how", ["cut", "swallow"])
def test_a_lost_answer_leaves_the_outcome_open(server: Echo, http: Http, how: str) -> None:
    server.fault(how)
    with pytest.raises(TargetFault) as raised:
        ask(http, f"{server.url}/echo", "PUT")
    error = raised.value
    assert (error.code, error.retryable, error.outcome_unknown) == (
        "target-unavailable", True, True
    )  # fmt: skip
    assert error.__cause__ is None


def test_a_refused_connection_has_done_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    http = http_for(f"http://127.0.0.1:{port}")
    with pytest.raises(TargetFault) as raised:
        ask(http, f"http://127.0.0.1:{port}/echo", "PUT")
    assert raised.value.retryable
    assert not raised.value.outcome_unknown


@pytest.mark.parametrize("how", ["hang", "trickle", "trickle head"])
def test_an_answer_that_takes_too_long_is_given_up(server: Echo, http: Http, how: str) -> None:
    server.fault(how, "GET")
    before = time.monotonic()
    with pytest.raises(TargetFault) as raised:
        http.ask("GET", f"{server.url}/echo", doing="a question", read_seconds=0.3)
    assert raised.value.code == "target-unavailable"
    assert raised.value.outcome_unknown
    assert time.monotonic() - before < 5


@pytest.mark.parametrize("is_used", [False, True])
def test_a_receiver_that_pauses_longer_than_connecting_may_take_gets_the_whole_body(
    server: Echo, http: Http, monkeypatch: pytest.MonkeyPatch, is_used: bool
) -> None:
    monkeypatch.setattr("presqt_daemon.targets.web.wire.CONNECT_SECONDS", 0.2)
    if is_used:
        ask(http, f"{server.url}/echo")
    server.fault("pause 1")
    content = bytes(32 << 20)
    answer = http.ask("PUT", f"{server.url}/echo", doing="a put", body=body(content), size=32 << 20)
    assert answer.tree()["length"] == str(32 << 20)


@pytest.mark.parametrize("is_json", [False, True])
def test_a_receiver_that_takes_no_more_is_given_up(server: Echo, http: Http, is_json: bool) -> None:
    server.fault("hang", "PUT")
    content = b"x" * (32 << 20)
    sent: Any = {"tree": content.decode()} if is_json else {"body": body(content), "size": 32 << 20}
    with pytest.raises(TargetFault) as raised:
        http.ask("PUT", f"{server.url}/echo", doing="a put", read_seconds=0.3, **sent)
    assert raised.value.code == "target-unavailable"
    assert raised.value.outcome_unknown


def test_a_connection_is_used_again(server: Echo, http: Http) -> None:
    for _ in range(5):
        ask(http, f"{server.url}/echo", "PUT")
        ask(http, f"{server.url}/echo")
        with pytest.raises(UserFault):
            ask(http, f"{server.url}/none")
    assert len({seen.client for seen in server.requests}) == 1


def test_an_endless_answer_is_given_up(server: Echo, http: Http) -> None:
    with pytest.raises(TargetFault, match="endless"):
        ask(http, f"{server.url}/large")


def test_something_else_than_json_is_a_misbehaviour(server: Echo, http: Http) -> None:
    with pytest.raises(TargetFault, match="not JSON") as raised:
        ask(http, f"{server.url}/text")
    assert raised.value.code == "target-misbehaved"


def test_a_status_that_is_expected_is_no_error(server: Echo, http: Http) -> None:
    answer = http.ask("GET", f"{server.url}/none", doing="a question", expect=(200, 404))
    assert answer.status == 404
    with pytest.raises(UserFault):
        ask(http, f"{server.url}/none")


def test_bytes_that_turn_out_wrong_end_the_request(server: Echo, http: Http) -> None:
    with pytest.raises(PayloadSpoilt):
        http.ask(
            "PUT",
            f"{server.url}/echo",
            doing="a put",
            body=cast("Body", SpoiltBody(b"x" * 100)),
            size=100,
        )
    assert ask(http, f"{server.url}/echo")["length"] is None


def test_every_answer_is_heard(server: Echo) -> None:
    heard: list[int] = []
    http = Http("osf", own_urls=[server.url], credentials={}, heard=lambda: heard.append(1))
    ask(http, f"{server.url}/echo")
    with pytest.raises(PresqtError):
        ask(http, f"{server.url}/none")
    http.close()
    assert len(heard) == 2


def test_many_threads_use_one_session(server: Echo, http: Http) -> None:
    wrong: list[object] = []

    def use(number: int) -> None:
        content = bytes([number]) * 5000
        for _ in range(10):
            answer = http.ask(
                "PUT", f"{server.url}/echo", doing="a put", body=body(content), size=5000
            )
            if answer.tree()["length"] != "5000":
                wrong.append(answer)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert server.count("PUT") == 80


def test_a_proxy_of_the_environment_is_used(server: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.url)
    http = Http("osf", own_urls=["http://target.invalid"], credentials={})
    http.ask("GET", "http://target.invalid/echo", doing="a question", expect=(404,))
    http.close()
    assert [seen.target for seen in server.requests] == ["http://target.invalid/echo"]
