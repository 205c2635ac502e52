"""GitLab: a new deposit is a project, and a bag is a few commits on its default branch.

Files are compared by git's own digest, which stands in the list of files. An update names the
commit that made what it replaces, so that a change of somebody else's in between is seen first.
A new project carries `presqt-ticket:<number>` at the end of its description, which the list of
projects shows, so that it is found again when the answer to its creation was lost. The number is
the ticket's secret, so only this account can have put it there; the project must also have been
created by it, have our visibility, be no copy, and be empty, which holds for tickets of earlier
versions too, whose number is public.
Resource ids: `<project>` (its number, or its path), with `:<path>` behind it for a folder.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import PurePosixPath

from presqt_daemon.config import TargetConfig
from presqt_daemon.digest import GIT_BLOB
from presqt_daemon.targets.base import Account, Container, ContainerRequest, Item, Sending, Traits
from presqt_daemon.targets.git_names import why_git_refuses
from presqt_daemon.targets.gitlab.deposit import ProjectDeposit
from presqt_daemon.targets.gitlab.projects import Projects, title_from
from presqt_daemon.targets.gitlab.refusals import words
from presqt_daemon.targets.names import NameRules
from presqt_daemon.targets.web.given import GivenAddresses
from presqt_daemon.targets.web.http import Http

URL = "https://gitlab.com"
API = "/api/v4"
FILE_BYTES = 220 * 10**6
"""A commit's body may have 300 MB, and base64 makes four bytes of three."""


def why_not(name: str) -> str | None:
    """Why git, or GitLab before it (lib/gitlab/path_traversal.rb), takes no such name."""
    return why_git_refuses(name) or (
        "GitLab takes no line break in a name" if "\n" in name else None
    )


TRAITS = Traits(
    algorithms=(GIT_BLOB,),
    names=NameRules(forbids=why_not),
    title_format="{title}-PresQT{number}-",
    title_from=title_from,
    deferred=True,
    max_file_bytes=FILE_BYTES,
)


def traits(config: TargetConfig) -> Traits:  # noqa: ARG001  (the same for every server)
    """What GitLab can do."""
    return TRAITS


def connect(config: TargetConfig, token: str | None) -> "GitLabTarget":
    """A connection with one token; asks nothing yet."""
    return GitLabTarget(config, token or "")


class GitLabTarget:
    """One account of gitlab.com or of another GitLab."""

    def __init__(self, config: TargetConfig, token: str) -> None:
        self.traits = TRAITS
        self.heard: Callable[[], None] = lambda: None
        self.turn: Callable[[], None] = lambda: None
        self._config = config
        url = (config.url or URL).rstrip("/")
        self._api = url if url.endswith(API) else url + API
        self._http = Http(
            config.name,
            own_urls=(self._api,),
            credentials={"PRIVATE-TOKEN": token},
            heard=lambda: self.heard(),  # noqa: PLW0108  (set later by the caller)
            turn=lambda: self.turn(),  # noqa: PLW0108  (so is this)
            said=words,
        )
        self._given = GivenAddresses(config.name)
        self._lock = threading.Lock()
        self._deposits: dict[tuple[str, str], ProjectDeposit] = {}
        self._projects = Projects(self._http, config, self._api, self._tree_of)

    def account(self) -> Account:
        return self._projects.account()

    def titles(self) -> Collection[str]:
        return self._projects.titles()

    def container(self, request: ContainerRequest) -> Container:
        return self._projects.container(request)

    def listing(self, container: Container) -> Mapping[PurePosixPath, Item]:
        with self._given.asking("the list of files"):
            return self._deposit(container).listing()

    def stat(self, container: Container, path: PurePosixPath) -> Item | None:
        with self._given.asking(f"what is at {path}"):
            return self._deposit(container).stat(path)

    def make_folder(self, container: Container, path: PurePosixPath) -> None:
        """Nothing: git knows folders only by their files."""

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        return self._deposit(container).put(file, replaces)

    def digest(
        self, container: Container, item: Item, algorithms: Collection[str]
    ) -> Mapping[str, str]:
        return self._deposit(container).digest(item.path, algorithms)

    def commit(self, container: Container) -> Mapping[PurePosixPath, Item]:
        with self._given.asking("the commit"):
            return self._deposit(container).commit()

    def publish(self, container: Container) -> str | None:  # noqa: ARG002  (there are no drafts)
        return None

    def fetch(self, container: Container, item: Item, limit: int) -> bytes | None:
        return self._deposit(container).fetch(item.path, limit)

    def discard(self, container: Container) -> bool:
        """Some servers only mark the project, and remove it a few days later."""
        if not container.is_new:
            return False
        answer = self._http.ask(
            "DELETE",
            f"{self._api}/projects/{container.state['project']}",
            doing="the removal of the project",
            expect=(200, 202, 204, 403, 404),
        )
        return answer.status != 403

    def close(self) -> None:
        self._http.close()

    def _tree_of(self, container: Container) -> Mapping[PurePosixPath, Item]:
        return self._deposit(container).listing()

    def _deposit(self, container: Container) -> ProjectDeposit:
        state = container.state
        with self._lock:
            key = state["project"], state["path"]
            if key not in self._deposits:
                self._deposits[key] = ProjectDeposit(
                    self._http,
                    f"{self._api}/projects/{state['project']}",
                    branch=state["branch"],
                    prefix=PurePosixPath(state["path"]),
                    target=self._config.name,
                )
            return self._deposits[key]
