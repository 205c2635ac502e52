"""InvenioRDM's records API, as Zenodo has it since 2023: drafts of one account."""

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import PresqtError, TargetFault, UserFault
from presqt_daemon.targets.answers import Answer
from presqt_daemon.targets.base import (
    Account,
    Container,
    ContainerRequest,
    Item,
    Sending,
    Traits,
)
from presqt_daemon.targets.http import Http
from presqt_daemon.targets.zenodo.drafts import (
    DISCARDED,
    PAGE_ROWS,
    PUBLISHED,
    Lookout,
    account_of,
    create_described,
    description_state,
    no_such_resource,
)
from presqt_daemon.targets.zenodo.files import DraftFiles
from presqt_daemon.targets.zenodo.metadata import has_mark, left_out, record_metadata
from presqt_daemon.targets.zenodo.parts import STORE_SECONDS

NATIVE = {"Accept": "application/vnd.inveniordm.v1+json, application/json;q=0.9"}
"""Zenodo answers plain `application/json` with records in the form of its older API."""


class RecordsTarget:
    """The drafts of one account."""

    def __init__(
        self,
        http: Http,
        api: str,
        config: TargetConfig,
        traits: Traits,
        *,
        files: DraftFiles | None = None,
    ) -> None:
        self.traits = traits
        self._http = http
        self._api = api
        self._config = config
        self._records = f"{api}/records"
        self._files = files or DraftFiles(http, self._records)
        self._lookout = Lookout(self._rows, has_mark)

    @property
    def heard(self) -> Callable[[], None]:
        return self._http.heard

    @heard.setter
    def heard(self, call: Callable[[], None]) -> None:
        self._http.heard = call

    def account(self) -> Account:
        rows = self._page(1, size=1)
        owner = rows[0].get("parent", {}).get("access", {}).get("owned_by") if rows else None
        return account_of(owner.get("user") if isinstance(owner, dict) else None, self._api)

    def titles(self) -> Collection[str]:
        return [str(row.get("metadata", {}).get("title", "")) for row in self._rows()]

    def container(self, request: ContainerRequest) -> Container:
        if request.resource_id is not None:
            return self._existing(request.resource_id)
        draft = self._lookout.find(request.ticket, was_creating=request.was_creating)
        if draft is None:
            draft = self._lookout.create(lambda: self._create(request))
        left = left_out(request.fields, takes_publisher=True)
        return self._container(draft, is_new=True, state=description_state(draft, left))

    def listing(self, container: Container) -> Mapping[PurePosixPath, Item]:
        return self._files.listing(container)

    def stat(self, container: Container, path: PurePosixPath) -> Item | None:
        return self.listing(container).get(path)

    def make_folder(self, container: Container, path: PurePosixPath) -> None:
        """Nothing: files stand side by side."""

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        return self._files.put(container, file, replaces)

    def digest(
        self, container: Container, item: Item, algorithms: Collection[str]
    ) -> Mapping[str, str]:
        return self._files.digest(container, item, algorithms)

    def fetch(self, container: Container, item: Item, limit: int) -> bytes | None:
        return self._files.fetch(container, item, limit)

    def commit(self, container: Container) -> Mapping[PurePosixPath, Item]:  # noqa: ARG002  (nothing is held back)
        return {}

    def publish(self, container: Container) -> str | None:
        """Publish the draft, which cannot be undone; the record's page.

        An answer that was lost, or a 504, may hide a success: the state is read before any error.
        """
        if (link := self._published_link(container)) is not None:
            return link
        try:
            answer = self._ask(
                "POST",
                f"{self._record(container.id)}/draft/actions/publish",
                doing="publishing",
                expect=(200, 201, 202),
                read_seconds=STORE_SECONDS,
            )
        except PresqtError as error:
            if error.outcome_unknown and (link := self._published_link(container)) is not None:
                return link
            raise
        return _page_of(answer.tree()) or container.link

    def discard(self, container: Container) -> bool:
        if not container.is_new:
            return False
        url = f"{self._record(container.id)}/draft"
        answer = self._ask("DELETE", url, doing="the removal of the draft", expect=DISCARDED)
        return answer.status != 403

    def close(self) -> None:
        self._http.close()

    def _create(self, request: ContainerRequest) -> dict[str, Any]:
        publishes = self._config.publish == "after_verified"
        tree: dict[str, Any] = {"files": {"enabled": True}}
        if publishes:
            # the metadata of a published record are for all; `visibility` is about the files
            files = "public" if self._config.visibility == "public" else "restricted"
            tree["access"] = {"record": "public", "files": files}

        def post(metadata: dict[str, Any]) -> dict[str, Any]:
            whole = {**tree, "metadata": metadata}
            return self._ask(
                "POST", self._records, doing="a new draft", tree=whole, expect=(201,)
            ).tree()

        return create_described(request, record_metadata, post, publishes=publishes)

    def _existing(self, resource_id: str) -> Container:
        url, doing = self._record(resource_id), f"record {resource_id}"
        answer = self._ask("GET", f"{url}/draft", doing=doing, expect=(200, 404))
        if answer.status == 404:
            record = self._ask("GET", url, doing=doing, expect=(200, 404))
            if record.status == 404:
                raise no_such_resource(resource_id)
            raise UserFault("bad-request", PUBLISHED.format(id=resource_id))
        draft = answer.tree()
        if draft.get("is_published"):
            raise UserFault("bad-request", PUBLISHED.format(id=resource_id))
        return self._container(draft, is_new=False)

    def _container(
        self,
        draft: Mapping[str, Any],
        *,
        is_new: bool,
        state: Mapping[str, str] = MappingProxyType({}),
    ) -> Container:
        identity = str(draft.get("id") or "")
        if not identity:
            raise TargetFault(
                "target-misbehaved", f"{self._http.target} made a draft without an id."
            )
        return Container(
            id=identity,
            title=str(draft.get("metadata", {}).get("title", "")),
            link=_page_of(draft),
            is_new=is_new,
            state=dict(state),
        )

    def _published_link(self, container: Container) -> str | None:
        """The page of the record when it is published, else None."""
        url = self._record(container.id)
        answer = self._ask("GET", url, doing="the record", expect=(200, 403, 404))
        if answer.status != 200:
            return None
        return _page_of(answer.tree()) or container.link

    def _rows(self) -> Iterator[dict[str, Any]]:
        """Every draft and record of the account, the newest first, each once."""
        seen: set[str] = set()
        number = 1
        while rows := [row for row in self._page(number) if str(row.get("id")) not in seen]:
            seen.update(str(row.get("id")) for row in rows)
            yield from rows
            number += 1

    def _page(self, number: int, size: int = PAGE_ROWS) -> list[dict[str, Any]]:
        params = {"page": str(number), "size": str(size), "sort": "newest"}
        answer = self._ask(
            "GET",
            f"{self._api}/user/records",
            doing="the list of records",
            params=params,
            # beyond the search index's window of 10,000 rows there are no pages any more
            expect=(200,) if number == 1 else (200, 400),
        )
        hits = answer.tree().get("hits")
        rows = hits.get("hits") if isinstance(hits, dict) else None
        return [row for row in rows or () if isinstance(row, dict)]

    def _ask(self, method: str, url: str, **options: Any) -> Answer:
        return self._http.ask(method, url, headers=NATIVE, **options)

    def _record(self, identity: str) -> str:
        return f"{self._records}/{quote(identity, safe='')}"


def _page_of(tree: Mapping[str, Any]) -> str | None:
    links = tree.get("links")
    link = links.get("self_html") if isinstance(links, dict) else None
    return str(link) if link else None
