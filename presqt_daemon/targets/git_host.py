"""What GitHub and GitLab have in common: containers that carry a mark, files below a folder of git.

A new repository or project carries `presqt-ticket:<number>` at the end of its description, which
their lists show, so that it is found again when the answer to its creation was lost. The number is
the ticket's secret, so only this account can have put it there; each host looks at more besides,
which holds for tickets of earlier versions too, whose number is public.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import UserFault
from presqt_daemon.targets.base import Account, Container, ContainerRequest, Item, Sending, Traits
from presqt_daemon.targets.left_out import MARK, first_of_ours
from presqt_daemon.targets.web.addresses import page_from
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.web.target import WebTarget


class GitDeposit(Protocol):
    """One bag's way into one repository."""

    def listing(self) -> Mapping[PurePosixPath, Item]: ...
    def stat(self, path: PurePosixPath) -> Item | None: ...
    def put(self, file: Sending, replaces: Item | None) -> Item: ...
    def commit(self) -> Mapping[PurePosixPath, Item]: ...


class GitContainers(ABC):
    """What a git host's target knows of containers: those that one token sees.

    Used by one thread until there is a container.
    """

    LINK: ClassVar[str]
    """The field with the address of its page."""
    ADDED: ClassVar[tuple[str, ...]] = ()
    """Files that creation puts there by itself."""
    MISSING: ClassVar[str]
    NO_FOLDER: ClassVar[str]
    NO_CONTAINER: ClassVar[str]
    """PresQT's words for an id of nothing, of a path that is not there, of a file."""

    _http: Http
    _config: TargetConfig
    _api: str
    _organisation: str | None
    _listed: list[dict[str, Any]] | None = None

    def titles(self) -> Collection[str]:
        """The names that a new one cannot have."""
        self._listed = self._list()
        return [str(row.get("name")) for row in self._listed]

    def container(self, request: ContainerRequest) -> Container:
        """The one asked for, the one that this ticket made before, or a new one.

        Raises FileExistsError when the title is taken, and UserFault in PresQT's words.
        """
        if request.resource_id is not None:
            return self._existing(request.resource_id, request.ticket)
        # what was listed for the titles serves once: a later go looks anew
        known, self._listed = self._listed, None
        rows = self._list() if known is None else known
        ours, others = first_of_ours(
            (row for row in rows if is_marked(row, request.ticket)),
            lambda row: self._why_not_ours(row, request.ticket),
            self._shown,
        )
        if ours is not None:
            return self._new(ours, request.ticket)
        made = self._create(request)
        return replace(made, state={**made.state, **others})

    def _ours_among(
        self, taken: Iterable[Mapping[str, Any]], request: ContainerRequest
    ) -> Mapping[str, Any]:
        """The one that this ticket has made before. FileExistsError where others have the name."""
        for row in taken:
            if is_marked(row, request.ticket) and self._why_not_ours(row, request.ticket) is None:
                return row
        raise FileExistsError(request.title)

    @abstractmethod
    def address(self, container: Container) -> str:
        """Where the API has the container's repository."""

    @abstractmethod
    def account(self) -> Account:
        """Whose token it is."""

    @abstractmethod
    def _list(self) -> list[dict[str, Any]]:
        """Everything among which a new one's name must be free."""

    def _existing(self, resource_id: str, ticket: str) -> Container:
        """The one with this id, or a folder of it. Raises UserFault in PresQT's words."""
        name, _, path = resource_id.partition(":")
        row = self._by_id(name, resource_id)
        if row is None:
            raise UserFault("resource-not-found", self.MISSING.format(id=resource_id, name=name))
        if (reason := self._why_closed(row)) is not None:
            raise UserFault(
                "forbidden",
                f"User does not have access to this resource with the token provided: {reason}.",
            )
        container = self._container(row, ticket, resource_id, path)
        is_folder = not container.state["path"] or self._is_folder(container)
        if is_folder is None:
            raise UserFault("resource-not-found", self.NO_FOLDER.format(id=resource_id))
        if not is_folder:
            raise UserFault("bad-request", self.NO_CONTAINER.format(id=resource_id))
        return container

    @abstractmethod
    def _by_id(self, name: str, resource_id: str) -> Mapping[str, Any] | None:
        """What the host says of the one with this name or number, None where there is none."""

    @abstractmethod
    def _why_closed(self, row: Mapping[str, Any]) -> str | None:
        """Why nothing can be put into one, None where it can."""

    @abstractmethod
    def _is_folder(self, container: Container) -> bool | None:
        """Whether the container's path is a folder; None where nothing is there."""

    @abstractmethod
    def _why_not_ours(self, row: Mapping[str, Any], ticket: str) -> str | None:
        """Why one with the mark is none that we have made, None where nothing says so."""

    @abstractmethod
    def _create(self, request: ContainerRequest) -> Container:
        """A new one. Raises FileExistsError when the name is taken."""

    def _new(self, row: Mapping[str, Any], ticket: str) -> Container:
        """One that this ticket has made, as a container."""
        return replace(self._container(row, ticket, str(row["id"])), is_new=True, added=self.ADDED)

    def _container(
        self, row: Mapping[str, Any], ticket: str, id_: str, folder: str = ""
    ) -> Container:
        """A folder of one as a container; without a name its root."""
        path = PurePosixPath(folder)
        return Container(
            id=id_,
            title=path.name or str(row["name"]),
            link=page_from(row.get(self.LINK)),
            is_new=False,
            identity=str(row["id"]),
            state={**self._state(row, ticket), "path": str(path) if path.parts else ""},
        )

    @abstractmethod
    def _state(self, row: Mapping[str, Any], ticket: str) -> Mapping[str, str]:
        """What a container remembers of the one that it lies in."""

    @abstractmethod
    def _shown(self, row: Mapping[str, Any]) -> str:
        """What a person calls it, at the start of a sentence."""


_Deposit = TypeVar("_Deposit", bound=GitDeposit)
_THING = TypeVar("_THING")


class GitHostTarget(GitContainers, WebTarget, Generic[_Deposit]):
    """One account of a host of git repositories; a bag is a few commits on the default branch."""

    THING: ClassVar[str]
    """What the host calls a repository."""

    def __init__(self, http: Http, traits: Traits, config: TargetConfig, api: str) -> None:
        super().__init__(http, traits)
        self._config = config
        self._api = api
        self._organisation = config.own.get("organisation")
        self._lock = threading.Lock()
        self._deposits: dict[tuple[str, str], _Deposit] = {}

    def listing(self, container: Container) -> Mapping[PurePosixPath, Item]:
        with self._given.asking("the list of files"):
            return self._deposit(container).listing()

    def stat(self, container: Container, path: PurePosixPath) -> Item | None:
        with self._given.asking(f"what is at {path}"):
            return self._deposit(container).stat(path)

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        with self._given.asking(f"the upload of {file.path}"):
            return self._deposit(container).put(file, replaces)

    def commit(self, container: Container) -> Mapping[PurePosixPath, Item]:
        with self._given.asking("the commit"):
            return self._deposit(container).commit()

    def discard(self, container: Container) -> bool:
        """Remove a new one.

        At GitHub that asks for the scope `delete_repo`, which nothing else here does; some servers
        of GitLab only mark the project, and remove it a few days later.
        """
        url, doing = self.address(container), f"the removal of the {self.THING}"
        return container.is_new and self._http.delete(url, doing, may_refuse=True)

    def _deposit(self, container: Container) -> _Deposit:
        """The one of this container; made once, since it remembers what was put."""
        key = self.address(container), container.state["path"]
        with self._lock:
            if key not in self._deposits:
                self._deposits[key] = self._open(container, PurePosixPath(container.state["path"]))
            return self._deposits[key]

    @abstractmethod
    def _open(self, container: Container, prefix: PurePosixPath) -> _Deposit:
        """The deposit of a container; `prefix` is its folder in the repository."""


def is_marked(row: Mapping[str, Any], ticket: str) -> bool:
    """Whether the row of a list carries a ticket's mark."""
    return str(row.get("description") or "").endswith(f"{MARK}{ticket}")


def description_of(request: ContainerRequest) -> list[str]:
    """The title as the bag or the sender wrote it, and what the bag says of itself."""
    title = request.fields.get("described_title") or request.fields.get("title")
    about = request.fields.get("description")
    return [str(title or request.title), *([str(about)] if about else [])]


def grouped(
    things: Sequence[_THING], weigh: Callable[[_THING], int], *, most: int, heaviest: int
) -> Iterator[Sequence[_THING]]:
    """The things in their order, in groups that one request takes; what is too heavy goes alone."""
    start = weight = 0
    for number, thing in enumerate(things):
        own = weigh(thing)
        if number > start and (number - start >= most or weight + own > heaviest):
            yield things[start:number]
            start, weight = number, 0
        weight += own
    if start < len(things):
        yield things[start:]


def items_below(folder: PurePosixPath, items: Iterable[Item]) -> dict[PurePosixPath, Item]:
    """The items below a folder of the repository, by their paths in it; theirs are by its root."""
    if not folder.parts:
        # as they are: a list may have 100,000
        return {item.path: item for item in items}
    found = {}
    for item in items:
        if item.path != folder and item.path.is_relative_to(folder):
            path = item.path.relative_to(folder)
            found[path] = replace(item, path=path)
    return found
