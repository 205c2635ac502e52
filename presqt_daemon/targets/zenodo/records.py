"""InvenioRDM's records API, as Zenodo has it since 2023: drafts of one account."""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.targets.base import (
    RESTRICTED,
    Account,
    Container,
    ContainerRequest,
    Item,
    Sending,
    Traits,
)
from presqt_daemon.targets.web.answers import Answer
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.web.pages import MAX_PAGES
from presqt_daemon.targets.zenodo.creation import (
    Lookout,
    create_described,
    description_state,
    title_query,
)
from presqt_daemon.targets.zenodo.description.metadata import left_out, record_metadata
from presqt_daemon.targets.zenodo.files import DraftFiles
from presqt_daemon.targets.zenodo.publishing import PublishedDraft
from presqt_daemon.targets.zenodo.words import (
    DISCARDED,
    METADATA_ONLY,
    PAGE_ROWS,
    PUBLISHED,
    Row,
    account_of,
    link_in,
    no_such_resource,
    record_id,
    token_refused,
    words_of,
)

NATIVE = {"Accept": "application/vnd.inveniordm.v1+json, application/json;q=0.9"}
"""Zenodo answers plain `application/json` with records in the form of its older API."""

_MADE = ".presqt.zip"


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
        self._access = "public" if config.visibility == "public" else "restricted"
        self._files = files or DraftFiles(http, self._records)
        self._lookout = Lookout(partial(self._search, size=PAGE_ROWS), self._is_adoptable)

    @property
    def heard(self) -> Callable[[], None]:
        return self._http.heard

    @heard.setter
    def heard(self, call: Callable[[], None]) -> None:
        self._http.heard = call

    def account(self) -> Account:
        """The owner of the newest record. Raises UserFault `unauthorized` for a refused token."""
        rows = self._search("", size=1)
        return account_of(_owner(rows[0]) if rows else None, self._api)

    def titles(self) -> Collection[str]:
        return [_title(row) for row in self._rows()]

    def titles_like(self, title: str) -> Collection[str]:
        return [_title(row) for row in self._search(title_query(title), size=PAGE_ROWS)]

    def container(self, request: ContainerRequest) -> Container:
        if request.resource_id is not None:
            return self._existing(record_id(request.resource_id))
        draft = self._lookout.find(request.ticket, was_creating=request.was_creating)
        if draft is not None:
            return self._container(draft, is_new=True, state=self._own_state({}))
        return self._lookout_new(request)

    def listing(self, container: Container) -> Mapping[PurePosixPath, Item]:
        return self._files.listing(container)

    def stat(self, container: Container, path: PurePosixPath) -> Item | None:
        return self._files.stat(container, path)

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
        """Publish the draft, which cannot be undone; the record's page."""
        draft = PublishedDraft(self._ask, self._record(container.id), self._files, container)
        return draft.publish(is_public=self._config.visibility == "public")

    def discard(self, container: Container) -> bool:
        if not container.is_new:
            return False
        url = f"{self._record(container.id)}/draft"
        answer = self._ask("DELETE", url, doing="the removal of the draft", expect=DISCARDED)
        return answer.status != 403

    def close(self) -> None:
        self._http.close()

    def tell_waits(self, wait: Callable[[float, str], None]) -> None:
        """Wait by this from now on: seconds, and a sentence on what for."""
        self._files.wait = wait
        self._lookout.wait = wait

    def _lookout_new(self, request: ContainerRequest) -> Container:
        refused: frozenset[str] = frozenset()
        dropped: tuple[str, ...] = ()

        def make() -> Row:
            nonlocal refused, dropped
            draft, refused, dropped = create_described(request, record_metadata, self._post)
            return draft

        draft = self._lookout.create(make, request)
        state = description_state(draft, request, left_out(request.fields, refused), dropped)
        return self._container(draft, is_new=True, state=self._own_state(state))

    def _post(self, metadata: dict[str, Any]) -> Row:
        """A new draft: its files are for nobody else until they shall be public.

        Who publishes it by hand publishes it with the access that it has.
        """
        tree = {
            "files": {"enabled": True},
            "access": {"record": "public", "files": self._access},
            "metadata": metadata,
        }
        doing = "a new draft"
        return self._ask("POST", self._records, doing=doing, tree=tree, expect=(201,)).tree()

    def _own_state(self, state: Mapping[str, str]) -> dict[str, str]:
        restricted = {RESTRICTED: "files"} if self._access == "restricted" else {}
        return {**state, **restricted}

    def _is_adoptable(self, draft: Row) -> bool:
        """Whether a draft with the ticket's mark is the one that the ticket made.

        A new version of a record has the record's mark, and a person may write anything: it is
        ours only unpublished, in its first version, with the access that we give, and with nothing
        in it but packed bags.
        """
        versions = draft.get("versions")
        is_first = not isinstance(versions, dict) or versions.get("index") in {None, 1}
        if draft.get("is_published") or draft.get("is_draft") is False or not is_first:
            return False
        access = draft.get("access")
        if isinstance(access, dict) and access.get("files") not in {None, self._access}:
            return False
        container = self._container(draft, is_new=True)
        return all(path.name.endswith(_MADE) for path in self._files.listing(container))

    def _existing(self, identity: str) -> Container:
        url, doing = self._record(identity), f"record {identity}"
        answer = self._ask("GET", f"{url}/draft", doing=doing, expect=(200, 404))
        if answer.status == 404:
            record = self._ask("GET", url, doing=doing, expect=(200, 404))
            if record.status == 404:
                raise no_such_resource(identity)
            raise UserFault("bad-request", PUBLISHED.format(id=identity))
        draft = answer.tree()
        if draft.get("is_published"):
            raise UserFault("bad-request", PUBLISHED.format(id=identity))
        files = draft.get("files")
        if isinstance(files, dict) and files.get("enabled") is False:
            raise UserFault("bad-request", METADATA_ONLY.format(id=identity))
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
            title=_title(draft),
            link=link_in(draft, "self_html"),
            is_new=is_new,
            # never empty, so that what was published later can still be listed for `verify`
            state={"api": "records", **state},
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
        params = {
            "page": str(number),
            "size": str(size),
            "sort": "newest",
            # else drafts that others share with this account are among them (InvenioRDM 12)
            "shared_with_me": "false",
            **({"q": query} if query else {}),
        }
        answer = self._ask(
            "GET",
            f"{self._api}/user/records",
            doing="the list of records",
            params=params,
            # beyond the search index's window of 10,000 rows there are no pages any more
            expect=(200, 403) if number == 1 else (200, 400, 403),
        )
        if answer.status == 403:
            raise token_refused(self._http.target, f"{words_of(answer.tree())}.")
        hits = answer.tree().get("hits")
        rows = hits.get("hits") if isinstance(hits, dict) else None
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    def _ask(self, method: str, url: str, **options: Any) -> Answer:
        return self._http.ask(method, url, headers=NATIVE, **options)

    def _record(self, identity: str) -> str:
        return f"{self._records}/{quote(identity, safe='')}"


def _title(row: Mapping[str, Any]) -> str:
    metadata = row.get("metadata")
    return str(metadata.get("title") or "") if isinstance(metadata, dict) else ""


def _owner(row: Mapping[str, Any]) -> object:
    """The user number of a record's owner."""
    parent = row.get("parent")
    access = parent.get("access") if isinstance(parent, dict) else None
    owner = access.get("owned_by") if isinstance(access, dict) else None
    return owner.get("user") if isinstance(owner, dict) else None
