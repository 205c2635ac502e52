"""What our adapters rely on and no document at hand says: one test for each such fact."""

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest
import requests

from presqt_daemon.targets.abilities import CanFetch
from presqt_daemon.targets.base import Container, ContainerRequest
from tests.live.accounts import LiveSite, in_memory, needs, site_of

SECONDS = 60.0
TEXT = b"a fact\n"

Opened = Callable[[str], tuple[LiveSite, Container]]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """A new container at a kind of target; it is removed in the end."""
    sites = []

    def make(kind: str) -> tuple[LiveSite, Container]:
        site = site_of(kind)
        sites.append(site)
        identity = site.make("presqt-test", {})
        return site, site.made[identity]

    yield make
    for site in sites:
        site.clear()


def ask(site: LiveSite, method: str, url: str, **options: Any) -> requests.Response:
    """One request as any client could make it, with the account's token."""
    shapes = {"gitlab": ("PRIVATE-TOKEN", "{}"), "figshare": ("Authorization", "token {}")}
    name, shape = shapes.get(site.config.type, ("Authorization", "Bearer {}"))
    headers = {name: shape.format(site.token), **options.pop("headers", {})}
    return requests.request(method, url, headers=headers, timeout=SECONDS, **options)


@needs("osf")
def test_osf_gives_a_hundred_entries_on_a_page() -> None:
    site = site_of("osf")
    url = f"{site.config.url or 'https://api.osf.io/v2'}/users/me/nodes/"
    tree = ask(site, "GET", url, params={"page[size]": "100"}).json()
    meta = tree["links"].get("meta") or tree["meta"]
    assert meta["per_page"] == 100


@needs("osf")
def test_osf_has_the_storage_of_a_new_project_within_seconds(opened: Opened) -> None:
    begun = time.monotonic()
    site, container = opened("osf")
    with site.opened() as target:
        assert target.listing(container) == {}
    assert time.monotonic() - begun < 20


@needs("osf")
def test_osf_serves_a_file_where_it_was_put(opened: Opened) -> None:
    _read_back(opened, "osf")


@needs("github")
def test_github_refuses_whoever_has_no_user_agent() -> None:
    site = site_of("github")
    url = f"{site.config.url or 'https://api.github.com'}/user"
    # an empty value is sent, where None would let the library name itself
    assert ask(site, "GET", url, headers={"User-Agent": ""}).status_code == 403


@needs("github")
@pytest.mark.full
def test_github_takes_a_blob_of_39_mebibytes(opened: Opened) -> None:
    site, container = opened("github")
    with site.opened() as target:
        target.put(container, in_memory("large.bin", b"\0" * (39 << 20)), None)
        assert PurePosixPath("large.bin") in target.commit(container)


@needs("gitlab")
def test_gitlabs_first_commit_makes_the_branch_of_an_empty_project(opened: Opened) -> None:
    site, container = opened("gitlab")
    with site.opened() as target:
        target.put(container, in_memory("a.txt", TEXT), None)
        assert PurePosixPath("a.txt") in target.commit(container)


@needs("gitlab")
def test_gitlab_says_of_a_taken_name_that_it_is_taken(opened: Opened) -> None:
    site, container = opened("gitlab")
    request = ContainerRequest(ticket=str(uuid.uuid4()), resource_id=None, title=container.title)
    with site.opened() as target, pytest.raises(FileExistsError):
        target.container(request)


@needs("gitlab")
def test_gitlab_tells_the_sha256_of_a_file(opened: Opened) -> None:
    site, container = opened("gitlab")
    file = in_memory("a.txt", TEXT)
    with site.opened() as target:
        target.put(container, file, None)
        item = target.commit(container)[file.path]
        assert target.digest(container, item, ("sha256",))["sha256"] == file.digests["sha256"]


@needs("zenodo")
def test_zenodo_lists_a_new_draft_within_seconds(opened: Opened) -> None:
    site, container = opened("zenodo")
    until = time.monotonic() + 20
    with site.opened() as target:
        while container.title not in target.titles():
            assert time.monotonic() < until
            time.sleep(1)


@needs("zenodo")
def test_zenodo_sends_retry_after_with_good_answers() -> None:
    site = site_of("zenodo")
    url = f"{site.config.url or 'https://zenodo.org/api'}/records"
    assert "Retry-After" in ask(site, "GET", url, params={"size": "1"}).headers


@needs("figshare")
def test_figshare_calls_a_finished_file_available(opened: Opened) -> None:
    site, container = opened("figshare")
    with site.opened() as target:
        item = target.put(container, in_memory("a.txt", TEXT), None)
    url = site.config.url or "https://api.figshare.com/v2"
    place = f"{url}/account/articles/{container.state['article']}/files/{item.state['id']}"
    assert ask(site, "GET", place).json()["status"] == "available"


@needs("figshare")
def test_figshare_links_to_a_private_article(opened: Opened) -> None:
    site, container = opened("figshare")
    url = site.config.url or "https://api.figshare.com/v2"
    tree = ask(site, "GET", f"{url}/account/articles/{container.state['article']}").json()
    assert tree["url_private_html"] == container.link


@needs("figshare")
def test_figshare_serves_a_private_file_to_the_token_in_a_header(opened: Opened) -> None:
    _read_back(opened, "figshare")


def _read_back(opened: Opened, kind: str) -> None:
    site, container = opened(kind)
    with site.opened() as target:
        assert isinstance(target, CanFetch)
        target.put(container, in_memory("a.txt", TEXT), None)
        (item,) = target.listing(container).values()
        assert target.fetch(container, item, 100) == TEXT
