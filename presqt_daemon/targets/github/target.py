"""GitHub: a new deposit is a repository, and a bag is a commit on its default branch.

Files are compared by git's own digest, which GitHub takes of the bytes that it stored. Small UTF-8
texts travel inside the tree, other files as blobs, those above the limit of a blob as assets of a
release. When somebody else commits a file of the same name meanwhile, the later commit wins and
the history keeps both.
A new repository carries `presqt-ticket:<ticket>` at the end of its description, which the list of
repositories shows, so that it is found again when the answer to its creation was lost.
Resource ids: `<repository id>` or `owner/name`, with `:<path>` behind it for a folder.
"""

import re
import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit

from presqt_daemon.config import TargetConfig
from presqt_daemon.digest import GIT_BLOB
from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.targets.answers import fault_from_answer
from presqt_daemon.targets.base import Account, Container, ContainerRequest, Item, Sending, Traits
from presqt_daemon.targets.fields import text_at
from presqt_daemon.targets.github.assets import Assets
from presqt_daemon.targets.github.deposit import BLOB_BYTES, Deposit
from presqt_daemon.targets.github.git import Branch
from presqt_daemon.targets.http import Http, is_same_host
from presqt_daemon.targets.pages import all_pages

URL = "https://api.github.com"
REQUESTS_PER_MINUTE = 80
"""What creates content may come so often (docs.github.com, "Rate limits for the REST API")."""

API_VERSION = "2022-11-28"
MARK = "presqt-ticket:"
README = "README.md"

ASSET_BYTES = (2 << 30) - 1
"""A release asset must be under 2 GiB."""

TITLE_LENGTH = 88
"""A repository's name has at most 100 characters; the rest is for `-PresQT1-`."""

_DESCRIPTION_LENGTH = 350
_STRANGE = re.compile(r"[^A-Za-z0-9._-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_NAME = re.compile(r"[A-Za-z0-9_-]+/(?!\.+$)[A-Za-z0-9._-]+")


def title_from(title: str) -> str:
    """A title as GitHub would write it: what is no letter, digit, `.`, `_` or `-` becomes `-`."""
    name = _STRANGE.sub("-", title)[:TITLE_LENGTH]
    while name.lower().endswith((".git", ".wiki")):
        name = name.rpartition(".")[0]
    return name if name.strip(".-") else "untitled"


def traits(config: TargetConfig) -> Traits:
    """What GitHub can do with this configuration."""
    return Traits(
        algorithms=(GIT_BLOB,),
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
        self._api = (config.url or URL).rstrip("/")
        self._http = Http(
            config.name,
            own_urls=own_urls(self._api),
            credentials={"Authorization": f"Bearer {token}"},
            headers={
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": API_VERSION,
            },
            connections=self.traits.parallel_puts,
            heard=lambda: self.heard(),  # noqa: PLW0108  (set later by the caller)
            turn=lambda: self.turn(),  # noqa: PLW0108  (so is this)
            counts=_creates_content,
            said=_words,
        )
        self._lock = threading.Lock()
        self._deposits: dict[tuple[str, str], Deposit] = {}
        self._repositories: list[dict[str, Any]] | None = None

    def account(self) -> Account:
        answer = self._http.ask("GET", f"{self._api}/user", doing="the question whose token it is")
        return Account(id=text_at(answer, "id"), name=text_at(answer, "login"))

    def titles(self) -> Collection[str]:
        self._repositories = self._list()
        return [str(row.get("name")) for row in self._repositories]

    def container(self, request: ContainerRequest) -> Container:
        if request.resource_id is not None:
            return self._existing(request.resource_id, request.ticket)
        known, self._repositories = self._repositories, None
        for row in self._list() if known is None else known:
            if _is_marked(row, request.ticket):
                return self._new(row, request.ticket)
        return self._create(request)

    def listing(self, container: Container) -> Mapping[PurePosixPath, Item]:
        return self._deposit(container).listing()

    def make_folder(self, container: Container, path: PurePosixPath) -> None:
        """Nothing: git knows folders only by their files."""

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        return self._deposit(container).put(file, replaces)

    def digest(
        self,
        container: Container,  # noqa: ARG002  (the listing has told all there is)
        item: Item,  # noqa: ARG002
        algorithms: Collection[str],  # noqa: ARG002
    ) -> Mapping[str, str]:
        return {}

    def commit(self, container: Container) -> Mapping[PurePosixPath, Item]:
        return self._deposit(container).commit()

    def publish(self, container: Container) -> str | None:  # noqa: ARG002  (there are no drafts)
        return None

    def fetch(self, container: Container, item: Item, limit: int) -> bytes | None:
        """The content from git; None also for what lies elsewhere (a release's asset)."""
        name = item.digests.get(GIT_BLOB)
        if name is None or item.size is None or item.size > limit:
            return None
        return self._branch(container).content(name, f"{item.path}")

    def discard(self, container: Container) -> bool:
        """The token needs the scope `delete_repo`, which nothing else here does."""
        if not container.is_new:
            return False
        answer = self._http.ask(
            "DELETE",
            self._address(container),
            doing="the removal of the repository",
            expect=(204, 403, 404),
        )
        return answer.status == 204

    def close(self) -> None:
        self._http.close()

    def _list(self) -> list[dict[str, Any]]:
        """Every repository among which a new one's name must be free."""
        owner = self._config.organisation
        if owner is None:
            url, params = f"{self._api}/user/repos", {"affiliation": "owner"}
        else:
            url, params = f"{self._api}/orgs/{quote(owner, safe='')}/repos", {"type": "all"}
        params |= {"per_page": "100"}
        return list(all_pages(self._http, url, params, doing="the list of repositories"))

    def _create(self, request: ContainerRequest) -> Container:
        """A new repository. Raises FileExistsError when the name is taken."""
        owner = self._config.organisation
        place = "user" if owner is None else f"orgs/{quote(owner, safe='')}"
        is_private = self._config.visibility == "private"
        tree = {
            "name": request.title,
            "description": _description(request),
            "private": is_private,
            # without a first commit there is nothing that blobs and trees could be added to
            "auto_init": True,
        }
        doing = f"the new repository {request.title}"
        answer = self._http.ask(
            "POST", f"{self._api}/{place}/repos", tree=tree, doing=doing, expect=(201, 422)
        )
        row = answer.tree()
        if answer.status == 422:
            taken = self._by_name(owner or self.account().name, request.title)
            if taken is None:
                raise fault_from_answer(
                    422, answer.headers, _words(row), target=self._config.name, doing=doing
                )
            if not _is_marked(taken, request.ticket):
                raise FileExistsError(request.title)
            row = taken
        if is_private and row.get("private") is not True:
            raise TargetFault(
                "target-refused",
                f"{self._config.name} made the repository {request.title} public although a "
                "private one was asked for. Nothing has been sent; remove it there.",
            )
        return self._new(row, request.ticket)

    def _by_name(self, owner: str, name: str) -> dict[str, Any] | None:
        url = f"{self._api}/repos/{quote(owner, safe='')}/{quote(name, safe='')}"
        answer = self._http.ask("GET", url, doing=f"the repository {name}", expect=(200, 404))
        return answer.tree() if answer.status == 200 else None

    def _existing(self, resource_id: str, ticket: str) -> Container:
        """The repository, or a folder of it. Raises UserFault in PresQT's words."""
        name, _, path = resource_id.partition(":")
        if name.isascii() and name.isdecimal():
            url = f"{self._api}/repositories/{name}"
        elif _NAME.fullmatch(name):
            url = f"{self._api}/repos/{name}"
        else:
            raise _not_found(resource_id)
        doing = f"the resource {resource_id}"
        answer = self._http.ask("GET", url, doing=doing, expect=(200, 404))
        if answer.status != 200:
            raise _not_found(resource_id)
        row = answer.tree()
        folder = PurePosixPath(path)
        may_push = (row.get("permissions") or {}).get("push", True)
        if not may_push or row.get("archived"):
            reason = "is archived" if may_push else "can only be read with this token"
            raise UserFault(
                "forbidden",
                "User does not have access to this resource with the token provided: "
                f"the repository {row.get('full_name')} {reason}.",
            )
        container = Container(
            id=resource_id,
            title=folder.name or str(row["name"]),
            link=row.get("html_url"),
            is_new=False,
            state=_state(row, folder, ticket),
        )
        if folder.parts:
            self._refuse_no_folder(container, resource_id, folder)
        return container

    def _refuse_no_folder(
        self, container: Container, resource_id: str, folder: PurePosixPath
    ) -> None:
        branch = self._branch(container)
        head = branch.head()
        listed = None if head is None else branch.files(head).get(str(folder))
        if listed is None:
            raise _not_found(resource_id)
        if listed.kind != "tree":
            raise UserFault(
                "bad-request", f"The Resource provided, {resource_id}, is not a container"
            )

    def _new(self, row: Mapping[str, Any], ticket: str) -> Container:
        return Container(
            id=str(row["id"]),
            title=str(row["name"]),
            link=row.get("html_url"),
            is_new=True,
            added=(README,),
            state=_state(row, PurePosixPath(), ticket),
        )

    def _deposit(self, container: Container) -> Deposit:
        key = container.state["repository"], container.state["path"]
        with self._lock:
            if key not in self._deposits:
                assets = None
                if _takes_large(self._config):
                    ticket, branch = container.state["ticket"], container.state["branch"]
                    assets = Assets(self._http, self._address(container), ticket, branch)
                self._deposits[key] = Deposit(
                    self._branch(container), assets, PurePosixPath(container.state["path"])
                )
            return self._deposits[key]

    def _branch(self, container: Container) -> Branch:
        return Branch(self._http, self._address(container), container.state["branch"])

    def _address(self, container: Container) -> str:
        return f"{self._api}/repos/{container.state['repository']}"


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


def _state(row: Mapping[str, Any], folder: PurePosixPath, ticket: str) -> dict[str, str]:
    return {
        "repository": str(row["full_name"]),
        "branch": str(row["default_branch"]),
        "path": "" if not folder.parts else str(folder),
        "ticket": ticket,
    }


def _description(request: ContainerRequest) -> str:
    """The title as the sender wrote it, what the bag says of itself, and the mark."""
    mark = f" {MARK}{request.ticket}"
    said = [str(request.fields.get("title") or request.title)]
    if request.fields.get("description"):
        said.append(str(request.fields["description"]))
    text = _CONTROL.sub(" ", ". ".join(said)).strip()
    room = _DESCRIPTION_LENGTH - len(mark)
    return (text if len(text) <= room else f"{text[: room - 1]}…") + mark


def _is_marked(row: Mapping[str, Any], ticket: str) -> bool:
    return str(row.get("description") or "").endswith(f"{MARK}{ticket}")


def _not_found(resource_id: str) -> UserFault:
    return UserFault(
        "resource-not-found",
        f"The resource with id, {resource_id}, does not exist for this user.",
    )


def _words(tree: Any) -> str | None:
    """GitHub's message with the details of a failed validation."""
    details = [
        str(error.get("message") or f"{error.get('field')}: {error.get('code')}")
        for error in tree.get("errors") or ()
        if isinstance(error, dict)
    ]
    return "; ".join([str(tree["message"]), *details])
