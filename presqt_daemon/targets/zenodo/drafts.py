"""The drafts of one account, as both of Zenodo's APIs have them: found, made, filled, removed.

What an API calls them, where it lists them and how it says so is a subclass's.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, ClassVar

from presqt_daemon.config import TargetConfig
from presqt_daemon.targets.base import Account, Container, ContainerRequest, Item, Sending, Traits
from presqt_daemon.targets.left_out import RESTRICTED
from presqt_daemon.targets.web.answers import Answer
from presqt_daemon.targets.web.fields import object_in
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.web.pages import MAX_PAGES
from presqt_daemon.targets.web.target import WebTarget
from presqt_daemon.targets.zenodo.creation import (
    Build,
    Lookout,
    create_described,
    description_state,
    title_query,
)
from presqt_daemon.targets.zenodo.keyed_files import KeyedFiles
from presqt_daemon.targets.zenodo.words import (
    DISCARDED,
    PAGE_ROWS,
    Row,
    account_of,
    link_in,
    record_id,
    token_refused,
    words_of,
)

_MADE = ".presqt.zip"


class Drafts(WebTarget, ABC):
    """One connection by one of the APIs; `files` keeps what lies in a draft."""

    THING: ClassVar[str]
    """What the API calls a draft."""
    THINGS: ClassVar[str]
    """What is on its list."""
    LISTED: ClassVar[Mapping[str, str]]
    """How the list is asked for, the newest first."""
    LINK: ClassVar[str]
    """Under which of its links a draft has its page."""
    HEADERS: ClassVar[Mapping[str, str]] = {}

    def __init__(self, http: Http, config: TargetConfig, traits: Traits, files: KeyedFiles) -> None:
        super().__init__(http, traits)
        self._is_public = config.visibility == "public"
        self._files = files
        self._lookout = Lookout(partial(self._search, size=PAGE_ROWS), self._is_adoptable)

    def account(self) -> Account:
        """The owner of the newest draft. Raises UserFault `unauthorized` for a refused token."""
        rows = self._search("", size=1)
        return account_of(self._owner(rows[0]) if rows else None, self._list_url())

    def titles(self) -> Collection[str]:
        return [title_of(row) for row in self._rows()]

    def titles_like(self, title: str) -> Collection[str]:
        return [title_of(row) for row in self._search(title_query(title), size=PAGE_ROWS)]

    def container(self, request: ContainerRequest) -> Container:
        if request.resource_id is not None:
            return self._existing(record_id(request.resource_id))
        draft = self._lookout.find(request.ticket, was_creating=request.was_creating)
        if draft is not None:
            return self._container(draft, is_new=True, state=self._own_state({}))
        return self._new(request)

    def listing(self, container: Container) -> Mapping[PurePosixPath, Item]:
        return self._files.listing(container)

    def stat(self, container: Container, path: PurePosixPath) -> Item | None:
        return self._files.stat(container, path)

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        return self._files.put(container, file, replaces)

    def digest(
        self, container: Container, item: Item, algorithms: Collection[str]
    ) -> Mapping[str, str]:
        return self._files.digest(container, item, algorithms)

    def fetch(self, container: Container, item: Item, limit: int) -> bytes | None:
        return self._files.fetch(container, item, limit)

    def discard(self, container: Container) -> bool:
        if not container.is_new:
            return False
        url, doing = self._draft_url(container.id), f"the removal of the {self.THING}"
        return self._ask("DELETE", url, doing=doing, expect=DISCARDED).status != 403

    def tell_waits(self, wait: Callable[[float, str], None]) -> None:
        """Wait by this from now on: seconds, and a sentence on what for."""
        self._lookout.wait = wait

    def _new(self, request: ContainerRequest) -> Container:
        refused: frozenset[str] = frozenset()
        dropped: tuple[str, ...] = ()

        def make() -> Row:
            nonlocal refused, dropped
            draft, refused, dropped = create_described(request, self._metadata(), self._post)
            return draft

        draft = self._lookout.create(make, request)
        left = self._left_out(request.fields, refused)
        state = self._own_state(description_state(draft, request, left, dropped))
        return self._container(draft, is_new=True, state=state)

    def _own_state(self, state: Mapping[str, str]) -> dict[str, str]:
        return {**state, **({} if self._is_public else {RESTRICTED: "files"})}

    def _is_adoptable(self, draft: Row) -> bool:
        """Whether a draft with the ticket's mark is the one that the ticket made.

        A new version of a record has the record's mark, and a person may write anything: it is
        ours only as we make one, and with nothing in it but packed bags.
        """
        if not self._is_as_made(draft):
            return False
        container = self._container(draft, is_new=True)
        return all(path.name.endswith(_MADE) for path in self.listing(container))

    def _container(
        self,
        draft: Mapping[str, Any],
        *,
        is_new: bool,
        state: Mapping[str, str] = MappingProxyType({}),
    ) -> Container:
        identity = str(draft.get("id") or "")
        return Container(
            id=identity,
            title=title_of(draft),
            link=link_in(draft, self.LINK),
            is_new=is_new,
            state={**self._state_of(draft, identity), **state},
            identity=identity,
        )

    def _rows(self) -> Iterator[Row]:
        """Every draft and record of the account, the newest first, each once."""
        seen: set[str] = set()
        for number in range(1, MAX_PAGES + 1):
            page = self._search("", size=PAGE_ROWS, number=number)
            rows = [row for row in page if str(row.get("id")) not in seen]
            if not rows:
                return
            seen.update(str(row.get("id")) for row in rows)
            yield from rows

    def _search(self, query: str, *, size: int, number: int = 1) -> list[Row]:
        """One page of the account's own drafts and records, the newest first."""
        params = {"page": str(number), "size": str(size), **self.LISTED}
        answer = self._ask(
            "GET",
            self._list_url(),
            doing=f"the list of {self.THINGS}",
            params={**params, **({"q": query} if query else {})},
            # beyond the search index's window of 10,000 rows there are no pages any more
            expect=(200, 403) if number == 1 else (200, 400, 403),
        )
        if answer.status == 403:
            raise token_refused(self._http.target, f"{words_of(answer.tree())}.")
        rows = self._hits(answer)
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    def _ask(self, method: str, url: str, **options: Any) -> Answer:
        return self._http.ask(method, url, headers=self.HEADERS, **options)

    @abstractmethod
    def _list_url(self) -> str:
        """Where the account's own are listed."""

    @abstractmethod
    def _hits(self, answer: Answer) -> object:
        """The rows of a list's page."""

    @abstractmethod
    def _draft_url(self, identity: str) -> str:
        """Where a draft is read and removed."""

    @abstractmethod
    def _owner(self, row: Row) -> object:
        """The user number of a row's owner."""

    @abstractmethod
    def _metadata(self) -> Build:
        """What makes the API's metadata of the neutral fields."""

    @abstractmethod
    def _left_out(
        self, fields: Mapping[str, Any], refused: Collection[str]
    ) -> Iterator[tuple[str, object]]:
        """Field and value of everything that the metadata do not say."""

    @abstractmethod
    def _post(self, metadata: dict[str, Any]) -> Row:
        """A new draft: its files are for nobody else until they shall be public.

        Who publishes it by hand publishes it with the access that it has.
        """

    @abstractmethod
    def _is_as_made(self, draft: Row) -> bool:
        """Whether a draft is as we make one: unpublished, with our access."""

    @abstractmethod
    def _existing(self, identity: str) -> Container:
        """The draft with this id. Raises UserFault in PresQT's words."""

    @abstractmethod
    def _state_of(self, draft: Mapping[str, Any], identity: str) -> Mapping[str, str]:
        """What a container remembers of its draft. Raises TargetFault `target-misbehaved`."""


def title_of(row: Mapping[str, Any]) -> str:
    """The title of a draft or record; the older API has it outside the metadata too."""
    return str(row.get("title") or object_in(row, "metadata").get("title") or "")
