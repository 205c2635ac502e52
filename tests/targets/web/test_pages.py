"""Where the next page of a list is."""

import json
from itertools import count
from pathlib import PurePosixPath

import pytest

from presqt_daemon.errors import TargetFault
from presqt_daemon.targets.github.git import Branch
from presqt_daemon.targets.osf.lists import NotWhole, read_pages
from presqt_daemon.targets.web import pages
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.web.pages import MAX_DEPTH, FolderBound, all_pages, next_page
from tests.fakes.server import FakeServer, Reply, Request


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("", None),
        ('<https://h/p?page=2>; rel="next"', "https://h/p?page=2"),
        ('<https://h/p?a=1,2&b=;>; rel="prev", <https://h/n>; rel="next"', "https://h/n"),
        ('<https://h/n>; title="x"; rel=next, <https://h/l>; rel="last"', "https://h/n"),
        ('<https://h/n>; REL="last next"', "https://h/n"),
        ('<https://h/l>; rel="last"', None),
        ("nonsense", None),
        ("<" * 500_000, None),
    ],
)
def test_the_next_page_is_the_link_of_that_relation(link: str, expected: str | None) -> None:
    assert next_page({"Link": link}) == expected


def test_without_a_link_there_is_no_next_page() -> None:
    assert next_page({}) is None


class _Lists(FakeServer):
    """A server whose lists never end; each page has an address of its own."""

    def __init__(self, *, is_new: bool) -> None:
        super().__init__()
        self.numbers = count()
        self.is_new = is_new

    def answer(self, request: Request) -> Reply:
        number = next(self.numbers)
        row = {"id": str(number if self.is_new else 0), "filler": "x"}
        following = f"{self.url}/?page={number}"
        if request.path == "/osf":
            return Reply(tree={"data": [row], "links": {"next": f"{self.url}/osf?page={number}"}})
        content = json.dumps([row]).encode()
        return Reply(content=content, headers={"Link": f'<{following}>; rel="next"'})


def test_a_page_seen_twice_ends_the_list() -> None:
    with _Lists(is_new=False) as server:
        http = Http("here", own_urls=(server.url,), credentials={})
        with pytest.raises(TargetFault, match="the same page twice"):
            list(all_pages(http, f"{server.url}/", {}, doing="the list"))
        with pytest.raises(NotWhole):
            read_pages(http, f"{server.url}/osf", "the list", sort="name")
        http.close()


def test_a_list_without_end_is_the_targets_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MAX_PAGES", 5)
    monkeypatch.setattr("presqt_daemon.targets.osf.lists.MAX_PAGES", 5)
    with _Lists(is_new=True) as server:
        http = Http("here", own_urls=(server.url,), credentials={})
        with pytest.raises(TargetFault, match="without end"):
            list(all_pages(http, f"{server.url}/", {}, doing="the list"))
        with pytest.raises(TargetFault, match="no whole list"):
            read_pages(http, f"{server.url}/osf", "the list", sort="name")
        http.close()


class _Elsewhere(FakeServer):
    """A server that redirects to an address that is none."""

    def answer(self, request: Request) -> Reply:
        return Reply(status=302, headers={"Location": request.query["to"]})


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("place", ["http://[::1", "http://127.0.0.1:99999/", "file:///etc/passwd"])
def test_a_redirect_to_no_address_is_the_targets_fault(method: str, place: str) -> None:
    with _Elsewhere() as server:
        http = Http("here", own_urls=(server.url,), credentials={})
        with pytest.raises(TargetFault) as caught:
            http.ask(method, f"{server.url}/", params={"to": place}, doing="the list")
        assert caught.value.code == "target-misbehaved"
        http.close()


def test_folders_without_end_are_bounded_in_depth_and_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bound = FolderBound(target="osf", doing="the list of files")
    bound.enter(PurePosixPath(*"a" * MAX_DEPTH))
    with pytest.raises(TargetFault, match="without end"):
        bound.enter(PurePosixPath(*"a" * (MAX_DEPTH + 1)))
    monkeypatch.setattr("presqt_daemon.targets.web.pages.MAX_FOLDERS", 5)
    wide = FolderBound(target="osf", doing="the list of files")
    for _ in range(5):
        wide.enter(PurePosixPath("a"))
    with pytest.raises(TargetFault, match="without end"):
        wide.enter(PurePosixPath("a"))


class _Deep(FakeServer):
    """A GitHub whose trees are all too long for one answer, each with one more folder in it."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = count()

    def answer(self, request: Request) -> Reply:
        is_deep = "recursive" in request.target
        row = {"path": "d", "type": "tree", "mode": "040000", "sha": f"{next(self.numbers):040x}"}
        return Reply(tree={"tree": [row], "truncated": is_deep})


def test_trees_of_github_without_end_are_a_named_error_after_few_questions() -> None:
    with _Deep() as server:
        http = Http("github", own_urls=(server.url,), credentials={})
        branch = Branch(http, f"{server.url}/repos/a/b", "main")
        with pytest.raises(TargetFault, match="folders without end") as raised:
            branch.files("0" * 40)
        assert raised.value.code == "target-misbehaved"
        assert next(server.numbers) <= 3 * (MAX_DEPTH + 2)
        http.close()
