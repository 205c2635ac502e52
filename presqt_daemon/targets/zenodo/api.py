"""One of Zenodo's two APIs: how it lists, makes, shows and publishes drafts."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from presqt_daemon.errors import PresqtError
from presqt_daemon.targets.base import Container
from presqt_daemon.targets.web.answers import Answer
from presqt_daemon.targets.web.fields import object_in, objects_of
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.zenodo.keys import KeyedFiles
from presqt_daemon.targets.zenodo.parts import STORE_SECONDS
from presqt_daemon.targets.zenodo.words import PAGE_ROWS, Row, link_in, token_refused, words_of


class DraftsApi(ABC):
    """What is asked of an account's drafts; `files` keeps what lies in them."""

    THING: ClassVar[str]
    """What the API calls a draft."""
    THINGS: ClassVar[str]
    """What is on its list."""
    LISTED: ClassVar[Mapping[str, str]]
    """How the list is asked for, the newest first."""
    LINK: ClassVar[str]
    """Under which of its links a draft has its page."""
    HEADERS: ClassVar[Mapping[str, str]] = {}
    metadata: Callable[..., dict[str, Any]]
    """The API's metadata, made of the neutral fields."""
    left_out: Callable[[Mapping[str, Any], Collection[str]], Iterator[tuple[str, object]]]
    """Field and value of everything that the metadata do not say."""

    def __init__(self, http: Http, files: KeyedFiles, list_url: str, *, is_public: bool) -> None:
        self._http = http
        self.files = files
        self._list_url = list_url
        self.is_public = is_public

    def search(self, query: str, size: int = PAGE_ROWS) -> list[Row]:
        """The account's newest drafts and records that a query finds, the newest first."""
        params = {"page": "1", "size": str(size), **self.LISTED}
        answer = self.ask(
            "GET",
            self._list_url,
            doing=f"the list of {self.THINGS}",
            params={**params, **({"q": query} if query else {})},
            expect=(200, 403),
        )
        if answer.status == 403:
            raise token_refused(self._http.target, f"{words_of(answer.tree())}.")
        return objects_of(self._hits(answer))

    def container_of(
        self,
        draft: Mapping[str, Any],
        *,
        is_new: bool,
        state: Mapping[str, str] = MappingProxyType({}),
    ) -> Container:
        """A draft as a container. Raises TargetFault `target-misbehaved`."""
        identity = str(draft.get("id") or "")
        return Container(
            id=identity,
            title=title_of(draft),
            link=link_in(draft, self.LINK),
            is_new=is_new,
            state={**self._state_of(draft, identity), **state},
            identity=identity,
        )

    def ask(self, method: str, url: str, **options: Any) -> Answer:
        """The answer to a question in the form in which the API has it."""
        return self._http.ask(method, url, headers=self.HEADERS, **options)

    @abstractmethod
    def draft_url(self, identity: str) -> str:
        """Where a draft is read and removed."""

    @abstractmethod
    def owner_of(self, row: Row) -> object:
        """The user number of a row's owner."""

    @abstractmethod
    def create(self, metadata: dict[str, Any]) -> Row:
        """A new draft: its files are for nobody else until they shall be public.

        Who publishes it by hand publishes it with the access that it has.
        """

    @abstractmethod
    def is_as_made(self, draft: Row) -> bool:
        """Whether a draft is as we make one: unpublished, with our access."""

    @abstractmethod
    def existing(self, identity: str) -> Container:
        """The draft with this id. Raises UserFault in PresQT's words."""

    def publish(self, container: Container) -> str | None:
        """Publish a draft, which cannot be undone; the record's page.

        An answer that was lost, or a 504, may hide a success: the state is read before any error.
        Raises UserFault `forbidden` where a person must publish.
        """
        link = self._published_link(container)
        if link is None:
            self._prepare(container)
            try:
                self.ask(
                    "POST",
                    f"{self.draft_url(container.id)}/actions/publish",
                    doing="publishing",
                    expect=(200, 201, 202),
                    read_seconds=STORE_SECONDS,
                )
            except PresqtError as error:
                if not error.outcome_unknown or self._published_link(container) is None:
                    raise
            link = self._published_link(container)
        return link or container.link

    def _prepare(self, container: Container) -> None:  # noqa: B027  (the older API needs nothing)
        """Make a draft ready to be published."""

    @abstractmethod
    def _published_link(self, container: Container) -> str | None:
        """The page of the record when it is published, empty where it names none; else None."""

    @abstractmethod
    def _hits(self, answer: Answer) -> object:
        """The rows of a list's page."""

    @abstractmethod
    def _state_of(self, draft: Mapping[str, Any], identity: str) -> Mapping[str, str]:
        """What a container remembers of its draft. Raises TargetFault `target-misbehaved`."""


def title_of(row: Mapping[str, Any]) -> str:
    """The title of a draft or record; the older API has it outside the metadata too."""
    return str(row.get("title") or object_in(row, "metadata").get("title") or "")
