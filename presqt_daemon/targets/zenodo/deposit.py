"""Zenodo's older deposit API: depositions, and one PUT into a bucket for each file.

The bucket overwrites in one step: an interrupted PUT leaves the old file as it was.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import PresqtError, TargetFault, UserFault
from presqt_daemon.system.failpoints import reach
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
    VANISHED,
    Lookout,
    account_of,
    create_described,
    description_state,
    md5_from,
    name_full_record,
    no_such_resource,
)
from presqt_daemon.targets.zenodo.metadata import deposit_metadata, has_mark, left_out

STORE_SECONDS = 600.0
"""How long the server may take after the last byte."""


class DepositTarget:
    """The depositions of one account."""

    def __init__(
        self,
        http: Http,
        api: str,
        config: TargetConfig,
        traits: Traits,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.traits = traits
        self._http = http
        self._config = config
        self._depositions = f"{api}/deposit/depositions"
        self._lookout = Lookout(self._rows, has_mark, sleep)

    @property
    def heard(self) -> Callable[[], None]:
        return self._http.heard

    @heard.setter
    def heard(self, call: Callable[[], None]) -> None:
        self._http.heard = call

    def account(self) -> Account:
        rows = self._page(1, size=1)
        return account_of(rows[0].get("owner") if rows else None, self._depositions)

    def titles(self) -> Collection[str]:
        return [str(row.get("title") or _metadata(row).get("title", "")) for row in self._rows()]

    def container(self, request: ContainerRequest) -> Container:
        if request.resource_id is not None:
            return self._existing(request.resource_id)
        deposition = self._lookout.find(request.ticket, was_creating=request.was_creating)
        if deposition is None:
            deposition = self._lookout.create(lambda: self._create(request))
        left = left_out(request.fields, takes_publisher=False)
        return self._container(deposition, is_new=True, state=description_state(deposition, left))

    def listing(self, container: Container) -> Mapping[PurePosixPath, Item]:
        deposition = self._read(container.id)
        items = (
            Item(
                path=PurePosixPath(str(file["filename"])),
                size=int(file["filesize"]) if file.get("filesize") is not None else None,
                digests=md5_from(file.get("checksum")),
            )
            for file in deposition.get("files") or ()
        )
        return {item.path: item for item in items}

    def stat(self, container: Container, path: PurePosixPath) -> Item | None:
        return self.listing(container).get(path)

    def make_folder(self, container: Container, path: PurePosixPath) -> None:
        """Nothing: files stand side by side."""

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        if replaces is None and file.path in self.listing(container):
            raise FileExistsError(str(file.path))
        with file.open() as body, name_full_record(self._http.target):
            reach("zenodo-begun")
            answer = self._http.ask(
                "PUT",
                self._object(container, file.path),
                doing=f"the content of {file.path}",
                body=body,
                size=file.size,
                expect=(200, 201),
                read_seconds=STORE_SECONDS,
            )
        reach("zenodo-sent")
        stored = answer.tree()
        size = stored.get("size")
        return Item(
            path=file.path,
            size=int(size) if isinstance(size, int | float) else None,
            digests=md5_from(stored.get("checksum")),
        )

    def digest(
        self, container: Container, item: Item, algorithms: Collection[str]
    ) -> Mapping[str, str]:
        if "md5" not in algorithms:
            return {}
        found = self.listing(container).get(item.path)
        return found.digests if found is not None else {}

    def fetch(self, container: Container, item: Item, limit: int) -> bytes | None:
        """The content of a stored file, None for one of more than `limit` bytes."""
        if item.size is None or item.size > limit:
            return None
        url = self._object(container, item.path)
        content = self._http.ask("GET", url, doing=f"the content of {item.path}").content
        return content if len(content) <= limit else None

    def commit(self, container: Container) -> Mapping[PurePosixPath, Item]:  # noqa: ARG002  (nothing is held back)
        return {}

    def publish(self, container: Container) -> str | None:
        """Publish the deposition, which cannot be undone; the record's page.

        An answer that was lost, or a 504, may hide a success: the state is read before any error.
        """
        deposition = self._read(container.id)
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
                if not (error.outcome_unknown and _is_published(self._read(container.id))):
                    raise
            deposition = self._read(container.id)
        return _link(deposition, "record_html") or _link(deposition, "html") or container.link

    def discard(self, container: Container) -> bool:
        if not container.is_new:
            return False
        url = self._deposition(container.id)
        doing = "the removal of the deposition"
        return self._http.ask("DELETE", url, doing=doing, expect=DISCARDED).status != 403

    def close(self) -> None:
        self._http.close()

    def _create(self, request: ContainerRequest) -> dict[str, Any]:
        publishes = self._config.publish == "after_verified"

        def post(metadata: dict[str, Any]) -> dict[str, Any]:
            if publishes:
                is_public = self._config.visibility == "public"
                metadata["access_right"] = "open" if is_public else "restricted"
            return self._http.ask(
                "POST",
                self._depositions,
                doing="a new deposition",
                tree={"metadata": metadata},
                expect=(200, 201),
            ).tree()

        return create_described(request, deposit_metadata, post, publishes=publishes)

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
        bucket = _link(deposition, "bucket")
        if bucket is None or not deposition.get("id"):
            raise TargetFault(
                "target-misbehaved", f"{self._http.target} names no bucket for the files."
            )
        return Container(
            id=str(deposition["id"]),
            title=str(deposition.get("title") or _metadata(deposition).get("title", "")),
            link=_link(deposition, "html"),
            is_new=is_new,
            state={"bucket": bucket, **state},
        )

    def _object(self, container: Container, path: PurePosixPath) -> str:
        """Where a file's bytes go; a container opened by the other API has no bucket noted yet."""
        bucket = container.state.get("bucket") or _link(self._read(container.id), "bucket")
        return f"{bucket}/{quote(str(path), safe='')}"

    def _read(self, identity: str) -> dict[str, Any]:
        return self._http.ask("GET", self._deposition(identity), doing="the deposition").tree()

    def _deposition(self, identity: str) -> str:
        return f"{self._depositions}/{quote(identity, safe='')}"

    def _rows(self) -> Iterator[dict[str, Any]]:
        """Every deposition of the account, each once."""
        seen: set[str] = set()
        number = 1
        while rows := [row for row in self._page(number) if str(row.get("id")) not in seen]:
            seen.update(str(row.get("id")) for row in rows)
            yield from rows
            number += 1

    def _page(self, number: int, size: int = PAGE_ROWS) -> list[dict[str, Any]]:
        answer = self._http.ask(
            "GET",
            self._depositions,
            doing="the list of depositions",
            params={"page": str(number), "size": str(size), "sort": "mostrecent"},
            # beyond the search index's window of 10,000 rows there are no pages any more
            expect=(200,) if number == 1 else (200, 400),
        )
        rows = answer.json()
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _metadata(deposition: Mapping[str, Any]) -> dict[str, Any]:
    metadata = deposition.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _is_published(deposition: Mapping[str, Any]) -> bool:
    return bool(deposition.get("submitted")) or deposition.get("state") in {"done", "inprogress"}


def _link(deposition: Mapping[str, Any], name: str) -> str | None:
    links = deposition.get("links")
    link = links.get(name) if isinstance(links, dict) else None
    return str(link) if link else None
