"""Zenodo's older deposit API: depositions, and one PUT into a bucket for each file.

A bucket overwrites in one step, and an interrupted PUT leaves the old file as it was; the packed
bag has its digest in its key all the same, so that an old one goes only when the new is verified.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import PresqtError, TargetFault, UserFault
from presqt_daemon.targets.base import (
    RESTRICTED,
    Account,
    Container,
    ContainerRequest,
    Item,
    Sending,
    Traits,
)
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.web.pages import MAX_PAGES
from presqt_daemon.targets.zenodo.bucket import BucketFiles
from presqt_daemon.targets.zenodo.creation import (
    Lookout,
    create_described,
    description_state,
    title_query,
)
from presqt_daemon.targets.zenodo.description.deposit_metadata import deposit_metadata, left_out
from presqt_daemon.targets.zenodo.parts import STORE_SECONDS
from presqt_daemon.targets.zenodo.words import (
    DISCARDED,
    PAGE_ROWS,
    PUBLISHED,
    VANISHED,
    Row,
    account_of,
    link_in,
    no_such_resource,
    record_id,
    token_refused,
    words_of,
)

_MADE = ".presqt.zip"


class DepositTarget:
    """The depositions of one account."""

    def __init__(
        self,
        http: Http,
        api: str,
        config: TargetConfig,
        traits: Traits,
    ) -> None:
        self.traits = traits
        self._http = http
        self._config = config
        self._depositions = f"{api}/deposit/depositions"
        self._files = BucketFiles(http, self._depositions)
        self._lookout = Lookout(partial(self._search, size=PAGE_ROWS), self._is_adoptable)

    @property
    def heard(self) -> Callable[[], None]:
        return self._http.heard

    @heard.setter
    def heard(self, call: Callable[[], None]) -> None:
        self._http.heard = call

    def account(self) -> Account:
        rows = self._search("", size=1)
        return account_of(rows[0].get("owner") if rows else None, self._depositions)

    def titles(self) -> Collection[str]:
        return [_title(row) for row in self._rows()]

    def titles_like(self, title: str) -> Collection[str]:
        return [_title(row) for row in self._search(title_query(title), size=PAGE_ROWS)]

    def container(self, request: ContainerRequest) -> Container:
        if request.resource_id is not None:
            return self._existing(record_id(request.resource_id))
        deposition = self._lookout.find(request.ticket, was_creating=request.was_creating)
        if deposition is not None:
            return self._container(deposition, is_new=True, state=self._own_state({}))
        return self._new(request)

    def listing(self, container: Container) -> Mapping[PurePosixPath, Item]:
        return self._files.listing(container)

    def stat(self, container: Container, path: PurePosixPath) -> Item | None:
        return self.listing(container).get(path)

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        return self._files.put(container, file, replaces)

    def fetch(self, container: Container, item: Item, limit: int) -> bytes | None:
        return self._files.fetch(container, item, limit)

    def digest(
        self, container: Container, item: Item, algorithms: Collection[str]
    ) -> Mapping[str, str]:
        if "md5" not in algorithms:
            return {}
        found = self.listing(container).get(item.path)
        return found.digests if found is not None else {}

    def make_folder(self, container: Container, path: PurePosixPath) -> None:
        """Nothing: files stand side by side."""

    def commit(self, container: Container) -> Mapping[PurePosixPath, Item]:  # noqa: ARG002  (nothing is held back)
        return {}

    def publish(self, container: Container) -> str | None:
        """Publish the deposition, which cannot be undone; the record's page.

        An answer that was lost, or a 504, may hide a success: the state is read before any error.
        """
        deposition = self._files.read(container)
        if not _is_published(deposition):
            try:
                self._http.ask(
                    "POST",
                    f"{self._deposition(container.id)}/actions/publish",
                    doing="publishing",
                    expect=(200, 201, 202),
                    read_seconds=STORE_SECONDS,
                )
            except PresqtError as error:
                if not (error.outcome_unknown and _is_published(self._files.read(container))):
                    raise
            deposition = self._files.read(container)
        return link_in(deposition, "record_html") or link_in(deposition, "html") or container.link

    def discard(self, container: Container) -> bool:
        if not container.is_new:
            return False
        url = self._deposition(container.id)
        doing = "the removal of the deposition"
        return self._http.ask("DELETE", url, doing=doing, expect=DISCARDED).status != 403

    def close(self) -> None:
        self._http.close()

    def tell_waits(self, wait: Callable[[float, str], None]) -> None:
        """Wait by this from now on: seconds, and a sentence on what for."""
        self._lookout.wait = wait

    def _new(self, request: ContainerRequest) -> Container:
        dropped: tuple[str, ...] = ()

        def make() -> Row:
            nonlocal dropped
            draft, _refused, dropped = create_described(request, deposit_metadata, self._post)
            return draft

        draft = self._lookout.create(make, request)
        state = description_state(draft, request, left_out(request.fields), dropped)
        return self._container(draft, is_new=True, state=self._own_state(state))

    def _post(self, metadata: dict[str, Any]) -> Row:
        is_public = self._config.visibility == "public"
        metadata["access_right"] = "open" if is_public else "restricted"
        return self._http.ask(
            "POST",
            self._depositions,
            doing="a new deposition",
            tree={"metadata": metadata},
            expect=(200, 201),
        ).tree()

    def _own_state(self, state: Mapping[str, str]) -> dict[str, str]:
        restricted = {} if self._config.visibility == "public" else {RESTRICTED: "files"}
        return {**state, **restricted}

    def _is_adoptable(self, deposition: Row) -> bool:
        """Whether a deposition with the ticket's mark is the one that the ticket made."""
        if _is_published(deposition):
            return False
        container = self._container(deposition, is_new=True)
        return all(path.name.endswith(_MADE) for path in self.listing(container))

    def _existing(self, resource_id: str) -> Container:
        answer = self._http.ask(
            "GET",
            self._deposition(resource_id),
            doing=f"deposition {resource_id}",
            expect=(200, *VANISHED),
        )
        if answer.status in VANISHED:
            raise no_such_resource(resource_id)
        deposition = answer.tree()
        if _is_published(deposition):
            raise UserFault("bad-request", PUBLISHED.format(id=resource_id))
        return self._container(deposition, is_new=False)

    def _container(
        self,
        deposition: Mapping[str, Any],
        *,
        is_new: bool,
        state: Mapping[str, str] = MappingProxyType({}),
    ) -> Container:
        bucket = link_in(deposition, "bucket")
        if bucket is None or not deposition.get("id"):
            raise TargetFault(
                "target-misbehaved", f"{self._http.target} names no bucket for the files."
            )
        return Container(
            id=str(deposition["id"]),
            title=_title(deposition),
            link=link_in(deposition, "html"),
            is_new=is_new,
            state={"bucket": bucket, **state},
            identity=str(deposition["id"]),
        )

    def _deposition(self, identity: str) -> str:
        return f"{self._depositions}/{quote(identity, safe='')}"

    def _rows(self) -> Iterator[dict[str, Any]]:
        """Every deposition of the account, each once."""
        seen: set[str] = set()
        for number in range(1, MAX_PAGES + 1):
            page = self._search("", size=PAGE_ROWS, number=number)
            rows = [row for row in page if str(row.get("id")) not in seen]
            if not rows:
                return
            seen.update(str(row.get("id")) for row in rows)
            yield from rows

    def _search(self, query: str, *, size: int, number: int = 1) -> list[Row]:
        params = {"page": str(number), "size": str(size), "sort": "mostrecent"}
        answer = self._http.ask(
            "GET",
            self._depositions,
            doing="the list of depositions",
            params={**params, **({"q": query} if query else {})},
            # beyond the search index's window of 10,000 rows there are no pages any more
            expect=(200, 403) if number == 1 else (200, 400, 403),
        )
        if answer.status == 403:
            raise token_refused(self._http.target, f"{words_of(answer.tree())}.")
        rows = answer.json()
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _title(deposition: Mapping[str, Any]) -> str:
    return str(deposition.get("title") or _metadata(deposition).get("title", ""))


def _metadata(deposition: Mapping[str, Any]) -> dict[str, Any]:
    metadata = deposition.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _is_published(deposition: Mapping[str, Any]) -> bool:
    return bool(deposition.get("submitted")) or deposition.get("state") in {"done", "inprogress"}
