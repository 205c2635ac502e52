"""Pages of firewalls, sign-ins and maintenance, told apart from what a target says itself."""

from collections.abc import Iterator

import pytest
from requests.structures import CaseInsensitiveDict

from presqt_daemon.errors import PresqtError
from presqt_daemon.targets.web.answers import Answer
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.web.in_between import is_page_in_between, page_title
from tests.fakes.server import FakeServer, Reply, Request

CLOUDFLARE = b'<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head>'
NGINX = (
    b"<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n"
    b"<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n<hr>nginx</html>"
)
BIG_IP = (
    b"<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. "
    b"Please consult with your administrator.</body></html>"
)
XHTML = (
    b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- down -->\n<!DOCTYPE html PUBLIC "x">'
    b"<h1>Back at <b>9&nbsp;h</b></h1>"
)
S3 = b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code></Error>'


def answer(status: int, content: bytes, kind: str = "text/html", **headers: str) -> Answer:
    named = CaseInsensitiveDict({"Content-Type": kind, **headers})
    return Answer(status=status, headers=named, content=content, url="http://x", target="x")


class Gate(FakeServer):
    """Answers everything with one page."""

    page = CLOUDFLARE
    status = 200

    def before(self, request: Request) -> Reply:
        return Reply(status=self.status, content=self.page, headers={"Content-Type": "text/html"})


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as gate:
        yield gate


@pytest.fixture
def http(gate: Gate) -> Iterator[Http]:
    http = Http("lab", own_urls=[gate.url], credentials={"Authorization": "Bearer secret1"})
    yield http
    http.close()


@pytest.mark.parametrize("page", [CLOUDFLARE, NGINX, BIG_IP, XHTML], ids=["cf", "nginx", "f5", "x"])
@pytest.mark.parametrize("status", [200, 201, 400, 403, 404, 406, 409, 500, 503, 530])
def test_a_page_is_known_whatever_its_status_and_type(page: bytes, status: int) -> None:
    assert is_page_in_between(answer(status, page))
    assert is_page_in_between(answer(status, page, "text/plain"))


@pytest.mark.parametrize(
    "content", [b"", b"OK", b"{}", b'{"message": "<html>"}', S3, b"<htmlx>", b"not <html>"]
)
def test_what_is_no_page_is_none_though_it_be_called_html(content: bytes) -> None:
    assert not is_page_in_between(answer(200, content))


@pytest.mark.parametrize("status", [401, 407, 413, 429])
def test_what_means_the_same_from_anybody_is_taken_by_its_status(status: int) -> None:
    assert not is_page_in_between(answer(status, NGINX))


def test_an_answer_to_head_is_judged_by_its_type() -> None:
    assert is_page_in_between(answer(403, b"", "text/html;charset=x", **{"Content-Length": "9"}))
    assert not is_page_in_between(answer(404, b"", "application/json", **{"Content-Length": "9"}))
    assert not is_page_in_between(answer(200, b"", "text/html", **{"Content-Length": "0"}))


@pytest.mark.parametrize(
    ("page", "title"),
    [
        (CLOUDFLARE, "Just a moment..."),
        (NGINX, "503 Service Temporarily Unavailable"),
        (XHTML, "Back at 9 h"),
        (b"<html><body>nothing", ""),
        (b"<html><title>\x1b[31m</title>", ""),
        (b"<html><title>" + b"x" * 999 + b"</title>", "x" * 100),
    ],
)
def test_a_page_is_called_by_its_title(page: bytes, title: str) -> None:
    assert page_title(page) == title


@pytest.mark.parametrize("status", [200, 403, 404, 503])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_page_is_tried_again_and_said_as_that(
    gate: Gate, http: Http, status: int, method: str
) -> None:
    gate.status = status
    with pytest.raises(PresqtError) as raised:
        http.ask(method, gate.url, doing="the list", content=b"x" if method == "PUT" else None)
    error = raised.value
    assert (error.code, error.retryable) == ("target-unavailable", True)
    assert error.outcome_unknown is (method == "PUT")
    assert error.message.startswith(
        f"lab answered {status} to the list, but with a web page with the title 'Just a moment...'"
    )


def test_a_page_is_no_answer_even_where_its_status_was_reckoned_with(
    gate: Gate, http: Http
) -> None:
    gate.status = 404
    with pytest.raises(PresqtError, match="web page"):
        http.ask("GET", gate.url, doing="the search", expect=(200, 404))
    asked = http.ask("GET", gate.url, doing="the search", expect=(200, 404), takes_pages=True)
    assert asked.status == 404


def test_a_page_that_shows_the_token_is_told_without_it(gate: Gate, http: Http) -> None:
    gate.page = b"<html><title>Bearer secret1 is blocked</title>"
    with pytest.raises(PresqtError, match=r"'Bearer \*\*\* is blocked'"):
        http.ask("GET", gate.url, doing="the list")


def test_a_page_of_many_comments_is_judged_at_the_cost_of_its_length() -> None:
    many = b"<!-- down -->" * 300
    assert not is_page_in_between(answer(200, many + b"x"))
    assert is_page_in_between(answer(200, many + b"<html>"))
