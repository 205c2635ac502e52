"""GitLab: a new deposit is a project, and a bag is a few commits on its default branch.

Files are compared by git's own digest, which stands in the list of files. An update names the
commit that made what it replaces, so that a change of somebody else's in between is seen first.
A project that carries a ticket's mark is ours when it also was created by this account, has our
visibility, is no copy, and is empty.
Resource ids: `<project>` (its number, or its path), with `:<path>` behind it for a folder.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from presqt_daemon.config import TargetConfig
from presqt_daemon.digest import GIT_BLOB
from presqt_daemon.targets.base import Container, Item, Traits
from presqt_daemon.targets.git_host import GitHostTarget
from presqt_daemon.targets.gitlab import why_no_name
from presqt_daemon.targets.gitlab.deposit import ProjectDeposit
from presqt_daemon.targets.gitlab.projects import Projects, title_from
from presqt_daemon.targets.gitlab.refusals import words
from presqt_daemon.targets.names import NameRules
from presqt_daemon.targets.web.http import Http

URL = "https://gitlab.com"
API = "/api/v4"
FILE_BYTES = 220 * 10**6
"""A commit's body may have 300 MB, and base64 makes four bytes of three."""


TRAITS = Traits(
    algorithms=(GIT_BLOB,),
    names=NameRules(forbids=why_no_name),
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


class GitLabTarget(Projects, GitHostTarget[ProjectDeposit]):
    """One account of gitlab.com or of another GitLab."""

    THING = "project"

    def __init__(self, config: TargetConfig, token: str) -> None:
        url = (config.url or URL).rstrip("/")
        api = url if url.endswith(API) else url + API
        http = Http(config.name, own_urls=(api,), credentials={"PRIVATE-TOKEN": token}, said=words)
        super().__init__(http, TRAITS, config, api)

    def digest(
        self, container: Container, item: Item, algorithms: Collection[str]
    ) -> Mapping[str, str]:
        return self._deposit(container).digest(item.path, algorithms)

    def fetch(self, container: Container, item: Item, limit: int) -> bytes | None:
        """With the file's size, which no list tells."""
        sized = replace(item, size=self._deposit(container).size(item.path))
        return super().fetch(container, sized, limit)

    def _content(self, container: Container, item: Item) -> bytes | None:
        return self._deposit(container).content(item.path)

    def _open(self, container: Container, prefix: PurePosixPath) -> ProjectDeposit:
        branch = container.state["branch"]
        return ProjectDeposit(self._http, self.address(container), branch=branch, prefix=prefix)
