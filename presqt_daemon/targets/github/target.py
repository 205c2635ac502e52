"""GitHub: a new deposit is a repository, and a bag is a commit on its default branch.

Files are compared by git's own digest, which GitHub takes of the bytes that it stored. Small UTF-8
texts travel inside the tree, other files as blobs, those above the limit of a blob as assets of a
release. The branch is only ever moved forward from where it was looked at, so that a file which
somebody else commits meanwhile is seen first.
"""

from pathlib import PurePosixPath
from urllib.parse import urlsplit

from presqt_daemon.config import TargetConfig
from presqt_daemon.digest import GIT_BLOB
from presqt_daemon.targets.base import Container, Item, Traits
from presqt_daemon.targets.git_host import GitHostTarget
from presqt_daemon.targets.git_names import why_git_refuses
from presqt_daemon.targets.github import GitHubSettings
from presqt_daemon.targets.github.assets import Assets
from presqt_daemon.targets.github.deposit import BLOB_BYTES, RepositoryDeposit
from presqt_daemon.targets.github.repositories import Repositories, title_from, words_from
from presqt_daemon.targets.names import NameRules
from presqt_daemon.targets.web.addresses import is_same_host
from presqt_daemon.targets.web.http import Http

URL = "https://api.github.com"
REQUESTS_PER_MINUTE = 80
"""What creates content may come so often (docs.github.com, "Rate limits for the REST API")."""

API_VERSION = "2022-11-28"
ASSET_BYTES = (2 << 30) - 1
"""A release asset must be under 2 GiB."""


def traits(config: TargetConfig) -> Traits:
    """What GitHub can do with this configuration."""
    return Traits(
        algorithms=(GIT_BLOB,),
        names=NameRules(forbids=why_git_refuses),
        title_format="{title}-PresQT{number}-",
        title_from=title_from,
        parallel_puts=4,
        deferred=True,
        max_file_bytes=ASSET_BYTES if _takes_large(config) else BLOB_BYTES,
        requests_per_minute=REQUESTS_PER_MINUTE if is_same_host(config.url or URL, URL) else None,
    )


def connect(config: TargetConfig, token: str | None) -> "GitHubTarget":
    """A connection with one token; asks nothing yet."""
    return GitHubTarget(config, token or "")


class GitHubTarget(Repositories, GitHostTarget[RepositoryDeposit]):
    """One account of github.com or of a GitHub Enterprise server."""

    THING = "repository"

    def __init__(self, config: TargetConfig, token: str) -> None:
        api = (config.url or URL).rstrip("/")
        http = Http(
            config.name,
            own_urls=own_urls(api),
            credentials={"Authorization": f"Bearer {token}"},
            headers={
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": API_VERSION,
            },
            counts=_creates_content,
            said=words_from,
        )
        super().__init__(http, traits(config), config, api)
        self._takes_large = _takes_large(config)

    def _content(self, container: Container, item: Item) -> bytes | None:
        """From git; None for what lies elsewhere (a release's asset)."""
        name = item.digests.get(GIT_BLOB)
        return None if name is None else self.branch(container).content(name, f"{item.path}")

    def _open(self, container: Container, prefix: PurePosixPath) -> RepositoryDeposit:
        assets = None
        if self._takes_large:
            ticket, branch = container.state["ticket"], container.state["branch"]
            assets = Assets(self._http, self.address(container), ticket, branch)
        return RepositoryDeposit(self.branch(container), assets, prefix)


def own_urls(api: str) -> tuple[str, ...]:
    """The addresses that get the token: the API's, and where it takes uploads."""
    parts = urlsplit(api)
    host = parts.hostname or ""
    if host.startswith("api."):
        return api, f"{parts.scheme}://uploads.{host.removeprefix('api.')}"
    return (api,)


def _creates_content(method: str, _url: str) -> bool:
    return method in {"POST", "PUT", "PATCH"}


def _takes_large(config: TargetConfig) -> bool:
    return GitHubSettings(**config.own).large_files == "release_asset"
