"""GitHub: a new deposit is a repository, and a bag is a commit on its default branch.

Files are compared by git's own digest, which GitHub takes of the bytes that it stored. Small UTF-8
texts travel inside the tree, other files as blobs, those above the limit of a blob as assets of a
release. The branch is only ever moved forward from where it was looked at, so that a file which
somebody else commits meanwhile is seen first.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from presqt_daemon.config import TargetConfig
from presqt_daemon.digest import GIT_BLOB
from presqt_daemon.targets.base import Account, Container, ContainerRequest, Item, Sending, Traits
from presqt_daemon.targets.git_names import why_git_refuses
from presqt_daemon.targets.github.assets import Assets
from presqt_daemon.targets.github.deposit import BLOB_BYTES, RepositoryDeposit
from presqt_daemon.targets.github.repositories import Repositories, title_from, words_from
from presqt_daemon.targets.names import NameRules
from presqt_daemon.targets.web.given import GivenAddresses
from presqt_daemon.targets.web.http import Http, is_same_host

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


class GitHubTarget:
    """One account of github.com or of a GitHub Enterprise server."""

    def __init__(self, config: TargetConfig, token: str) -> None:
        self.traits = traits(config)
        self.heard: Callable[[], None] = lambda: None
        self.turn: Callable[[], None] = lambda: None
        self._config = config
        api = (config.url or URL).rstrip("/")
        self._http = Http(
            config.name,
            own_urls=own_urls(api),
            credentials={"Authorization": f"Bearer {token}"},
            headers={
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": API_VERSION,
            },
            connections=self.traits.parallel_puts,
            heard=lambda: self.heard(),  # noqa: PLW0108  (set later by the caller)
            turn=lambda: self.turn(),  # noqa: PLW0108  (so is this)
            counts=_creates_content,
            said=words_from,
        )
        self._given = GivenAddresses(config.name)
        self._lock = threading.Lock()
        self._deposits: dict[tuple[str, str], RepositoryDeposit] = {}
        self._repositories = Repositories(self._http, config, api)

    def account(self) -> Account:
        return self._repositories.account()

    def titles(self) -> Collection[str]:
        return self._repositories.titles()

    def container(self, request: ContainerRequest) -> Container:
        return self._repositories.container(request)

    def listing(self, container: Container) -> Mapping[PurePosixPath, Item]:
        with self._given.asking("the list of files"):
            return self._deposit(container).listing()

    def stat(self, container: Container, path: PurePosixPath) -> Item | None:
        with self._given.asking(f"what is at {path}"):
            return self._deposit(container).stat(path)

    def make_folder(self, container: Container, path: PurePosixPath) -> None:
        """Nothing: git knows folders only by their files."""

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        with self._given.asking(f"the upload of {file.path}"):
            return self._deposit(container).put(file, replaces)

    def digest(
        self,
        container: Container,  # noqa: ARG002  (the listing has told all there is)
        item: Item,  # noqa: ARG002
        algorithms: Collection[str],  # noqa: ARG002
    ) -> Mapping[str, str]:
        return {}

    def commit(self, container: Container) -> Mapping[PurePosixPath, Item]:
        with self._given.asking("the commit"):
            return self._deposit(container).commit()

    def publish(self, container: Container) -> str | None:  # noqa: ARG002  (there are no drafts)
        return None

    def fetch(self, container: Container, item: Item, limit: int) -> bytes | None:
        """The content from git; None also for what lies elsewhere (a release's asset)."""
        name = item.digests.get(GIT_BLOB)
        if name is None or item.size is None or item.size > limit:
            return None
        return self._repositories.branch(container).content(name, f"{item.path}")

    def discard(self, container: Container) -> bool:
        """The token needs the scope `delete_repo`, which nothing else here does."""
        if not container.is_new:
            return False
        answer = self._http.ask(
            "DELETE",
            self._repositories.address(container),
            doing="the removal of the repository",
            expect=(204, 403, 404),
        )
        return answer.status == 204

    def close(self) -> None:
        self._http.close()

    def _deposit(self, container: Container) -> RepositoryDeposit:
        key = container.state["repository"], container.state["path"]
        with self._lock:
            if key not in self._deposits:
                assets = None
                if _takes_large(self._config):
                    ticket, branch = container.state["ticket"], container.state["branch"]
                    assets = Assets(
                        self._http, self._repositories.address(container), ticket, branch
                    )
                self._deposits[key] = RepositoryDeposit(
                    self._repositories.branch(container),
                    assets,
                    PurePosixPath(container.state["path"]),
                )
            return self._deposits[key]


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
    return config.large_files == "release_asset"
