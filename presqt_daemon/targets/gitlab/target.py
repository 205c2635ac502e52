"""GitLab: a new deposit is a project, and a bag is a few commits on its default branch.

Files are compared by git's own digest, which stands in the list of files. When somebody else
commits a file of the same name meanwhile, the later commit wins and the history keeps both.
A new project carries `presqt-ticket:<ticket>` at the end of its description, which the list of
projects shows, so that it is found again when the answer to its creation was lost.
Resource ids: `<project>` (its number, or its path), with `:<path>` behind it for a folder.
"""

import re
import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from presqt_daemon.config import TargetConfig
from presqt_daemon.digest import GIT_BLOB
from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.targets.answers import fault_from_answer
from presqt_daemon.targets.base import Account, Container, ContainerRequest, Item, Sending, Traits
from presqt_daemon.targets.fields import text_at
from presqt_daemon.targets.gitlab.deposit import Deposit, words
from presqt_daemon.targets.http import Http
from presqt_daemon.targets.pages import all_pages

URL = "https://gitlab.com"
API = "/api/v4"
MARK = "presqt-ticket:"
FIRST_BRANCH = "main"
"""The branch that the first commit makes in a project that names none."""

FILE_BYTES = 220 * 10**6
"""A commit's body may have 300 MB, and base64 makes four bytes of three."""

TITLE_LENGTH = 240
"""A project's name has at most 255 characters; the rest is for `-PresQT1-`."""

_PATH_LENGTH = 200
_DESCRIPTION_LENGTH = 2000
_STRANGE = re.compile(r"[^\w\u00a9-\U0001f9ff.+ -]+")
_HEAD = re.compile(r"^[.+ -]+")
_PROJECT_PART = re.compile(r"(?!\.+$)[\w.-]+")
"""A part of dots alone would climb out of the address."""

_PATH_STRANGE = re.compile(r"[^A-Za-z0-9]+")


def title_from(title: str) -> str:
    """A title as GitLab takes it: letters, digits, space and `_.+-`; the first no punctuation."""
    return _HEAD.sub("", _STRANGE.sub("-", title))[:TITLE_LENGTH].rstrip() or "untitled"


TRAITS = Traits(
    algorithms=(GIT_BLOB,),
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
        self._lock = threading.Lock()
        self._deposits: dict[tuple[str, str], Deposit] = {}
        self._user: str | None = None
        self._projects: list[dict[str, Any]] | None = None

    def account(self) -> Account:
        answer = self._http.ask("GET", f"{self._api}/user", doing="the question whose token it is")
        self._user = text_at(answer, "id")
        return Account(id=self._user, name=text_at(answer, "username"))

    def titles(self) -> Collection[str]:
        self._projects = self._list()
        return [str(row.get("name")) for row in self._projects]

    def container(self, request: ContainerRequest) -> Container:
        if request.resource_id is not None:
            return self._existing(request.resource_id)
        known, self._projects = self._projects, None
        for row in self._list() if known is None else known:
            if _is_marked(row, request.ticket):
                return _new(row)
        return self._create(request)

    def listing(self, container: Container) -> Mapping[PurePosixPath, Item]:
        return self._deposit(container).listing()

    def stat(self, container: Container, path: PurePosixPath) -> Item | None:
        return self.listing(container).get(path)

    def make_folder(self, container: Container, path: PurePosixPath) -> None:
        """Nothing: git knows folders only by their files."""

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        return self._deposit(container).put(file, replaces)

    def digest(
        self, container: Container, item: Item, algorithms: Collection[str]
    ) -> Mapping[str, str]:
        return self._deposit(container).digest(item.path, algorithms)

    def commit(self, container: Container) -> Mapping[PurePosixPath, Item]:
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

    def _list(self) -> list[dict[str, Any]]:
        """Every project among which a new one's name must be free."""
        group = self._config.organisation
        if group is None:
            owner = f"users/{self._user or self.account().id}"
        else:
            owner = f"groups/{quote(group, safe='')}"
        params = {"per_page": "100", "pagination": "keyset", "order_by": "id", "sort": "desc"}
        url = f"{self._api}/{owner}/projects"
        return list(all_pages(self._http, url, params, doing="the list of projects"))

    def _create(self, request: ContainerRequest) -> Container:
        """A new, empty project. Raises FileExistsError when the name or its path is taken."""
        tree: dict[str, Any] = {
            "name": request.title,
            "path": _path_from(request),
            "description": _description(request),
            "visibility": self._config.visibility,
        }
        if self._config.organisation is not None:
            tree["namespace_id"] = int(self._namespace(self._config.organisation))
        doing = f"the new project {request.title}"
        answer = self._http.ask(
            "POST", f"{self._api}/projects", tree=tree, doing=doing, expect=(201, 400, 409)
        )
        row = answer.tree()
        if answer.status != 201:
            said = words(row) or ""
            if "already been taken" not in said:
                raise fault_from_answer(
                    answer.status, answer.headers, said, target=self._config.name, doing=doing
                )
            row = next((row for row in self._list() if _is_marked(row, request.ticket)), {})
            if not row:
                raise FileExistsError(request.title)
        if row.get("visibility", "private") != self._config.visibility:
            raise TargetFault(
                "target-refused",
                f"{self._config.name} made the project {request.title} {row['visibility']}, not "
                f"{self._config.visibility}. Nothing has been sent; remove it there.",
            )
        return _new(row)

    def _namespace(self, group: str) -> str:
        url = f"{self._api}/groups/{quote(group, safe='')}"
        answer = self._http.ask("GET", url, doing=f"the group {group}", expect=(200, 404))
        if answer.status == 404:
            raise UserFault(
                "resource-not-found",
                f"The group {group!r}, the target's `organisation`, is not there for this token.",
            )
        return text_at(answer, "id")

    def _existing(self, resource_id: str) -> Container:
        """The project, or a folder of it. Raises UserFault in PresQT's words."""
        name, _, path = resource_id.partition(":")
        missing = UserFault("resource-not-found", f"Project with id, {name}, could not be found.")
        if not all(_PROJECT_PART.fullmatch(part) for part in name.split("/")):
            raise missing
        url = f"{self._api}/projects/{quote(name, safe='')}"
        answer = self._http.ask("GET", url, doing=f"the project {name}", expect=(200, 404))
        if answer.status == 404:
            raise missing
        row = answer.tree()
        if row.get("archived"):
            raise UserFault(
                "forbidden",
                "User does not have access to this resource with the token provided: "
                f"the project {row.get('path_with_namespace')} is archived.",
            )
        folder = PurePosixPath(path)
        container = Container(
            id=resource_id,
            title=folder.name or str(row.get("name") or name),
            link=row.get("web_url"),
            is_new=False,
            state=_state(row, folder),
        )
        if folder.parts:
            self._refuse_no_folder(container, resource_id, folder)
        return container

    def _refuse_no_folder(
        self, container: Container, resource_id: str, folder: PurePosixPath
    ) -> None:
        root = Container(
            id="", title="", link=None, is_new=False, state={**container.state, "path": ""}
        )
        item = self._deposit(root).listing().get(folder)
        if item is None:
            raise UserFault(
                "resource-not-found", f"Resource with id, {resource_id}, could not be found."
            )
        if not item.is_folder:
            raise UserFault("bad-request", f"Resource with id, {resource_id}, belongs to a file.")

    def _deposit(self, container: Container) -> Deposit:
        state = container.state
        with self._lock:
            key = state["project"], state["path"]
            if key not in self._deposits:
                self._deposits[key] = Deposit(
                    self._http,
                    f"{self._api}/projects/{state['project']}",
                    branch=state["branch"],
                    prefix=PurePosixPath(state["path"]),
                    target=self._config.name,
                )
            return self._deposits[key]


def _new(row: Mapping[str, Any]) -> Container:
    return Container(
        id=str(row["id"]),
        title=str(row["name"]),
        link=row.get("web_url"),
        is_new=True,
        state=_state(row, PurePosixPath()),
    )


def _state(row: Mapping[str, Any], folder: PurePosixPath) -> dict[str, str]:
    return {
        "project": str(row["id"]),
        "branch": str(row.get("default_branch") or FIRST_BRANCH),
        "path": str(folder) if folder.parts else "",
    }


def _path_from(request: ContainerRequest) -> str:
    """The project's part of its address, which knows ASCII only; the ticket's if none is left."""
    path = _PATH_STRANGE.sub("-", request.title).strip("-")[:_PATH_LENGTH]
    return path or f"presqt-{request.ticket[:8]}"


def _description(request: ContainerRequest) -> str:
    """The title as the sender wrote it, what the bag says of itself, and the mark."""
    said = [str(request.fields.get("title") or request.title)]
    if request.fields.get("description"):
        said.append(str(request.fields["description"]))
    mark = f"{MARK}{request.ticket}"
    return "\n\n".join(said)[: _DESCRIPTION_LENGTH - len(mark) - 2] + f"\n\n{mark}"


def _is_marked(row: Mapping[str, Any], ticket: str) -> bool:
    return str(row.get("description") or "").endswith(f"{MARK}{ticket}")
