"""Addresses that a target names."""

import re
from pathlib import Path

import pytest

import presqt_daemon
from presqt_daemon.errors import TargetFault
from presqt_daemon.targets.figshare.files import is_same_site
from presqt_daemon.targets.osf.entries import with_query
from presqt_daemon.targets.web.addresses import joined, origin_of, page_from
from presqt_daemon.targets.zenodo.words import record_id

ODD = [
    "http://[::1",
    "http://127.0.0.1:99999/x",
    "http://127.0.0.1:0/x",
    "http://127.0.0.1:port/x",
    "file:///etc/passwd",
    "ftp://host/x",
    "http:///x",
    "https://host/a b",
    "https://host/\n",
    "https://host/\u202e",
    "x",
    "",
]


@pytest.mark.parametrize("url", ODD, ids=ascii)
def test_an_address_that_is_none_on_the_web_is_the_targets_fault(url: str) -> None:
    with pytest.raises(TargetFault, match="names an address"):
        origin_of(url, "here")


@pytest.mark.parametrize("reference", ["http://[::1", "//host:99999/", "file:///etc/passwd"])
def test_so_is_one_that_a_page_points_to(reference: str) -> None:
    with pytest.raises(TargetFault, match="names an address"):
        joined("https://host/list", reference, "here")


def test_a_port_that_is_not_written_is_the_usual_one() -> None:
    assert origin_of("https://Host/x", "here") == origin_of("https://host:443/y", "here")
    assert joined("https://host/a/b?c", "?page=2", "here") == "https://host/a/b?page=2"


@pytest.mark.parametrize("link", ["https://osf.io/abc12/", "http://h/x"])
def test_a_page_of_the_web_may_be_shown(link: str) -> None:
    assert page_from(link) == link


@pytest.mark.parametrize(
    "link",
    [
        None,
        7,
        [{}],
        {},
        "",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://h/\x1b[2J",
        "https://h/" + "x" * 2000,
    ],
)
def test_what_is_no_page_of_the_web_is_shown_to_nobody(link: object) -> None:
    assert page_from(link) is None


CONFIGURED = {
    "settings/engine.py",
    "settings/targets.py",
    "targets/figshare/files.py",
    "targets/github/target.py",
    "targets/zenodo/target.py",
    "targets/zenodo/words.py",
}
"""Where an address of the configuration is looked at, which has been checked there."""


def test_addresses_that_others_give_are_taken_apart_in_one_place() -> None:
    package = Path(presqt_daemon.__file__).parent
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(r"\b(urlsplit|urljoin|urlparse)\(", path.read_text(encoding="utf-8"))
    }
    assert found - CONFIGURED == {"targets/web/addresses.py"}


@pytest.mark.parametrize("text", ["http://[::1", "https://[", "http://", "http://[::1/records/7"])
def test_what_is_no_address_is_no_bug_where_an_address_may_stand(text: str) -> None:
    assert record_id(text) in {text, "7"}
    assert not is_same_site(text, "https://api.figshare.com/v2/")
    assert with_query(text, kind="file") == f"{text}?kind=file"
