"""Zenodo and every other InvenioRDM site: a draft that holds the bag as one zip.

`api: auto` asks the server once whether it has the records API and takes the older deposit API
where it has not. A draft is found again by its alternate identifier `urn:uuid:<ticket>`. Drafts
are seen by nobody but the account, and the files of one that is published are restricted unless
`visibility` is public.
"""

import threading
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.targets.base import Account, Container, ContainerRequest, Item, Sending, Traits
from presqt_daemon.targets.left_out import RESTRICTED
from presqt_daemon.targets.web.answers import TOKEN_INVALID, Answer
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.web.target import WebTarget
from presqt_daemon.targets.zenodo import ZenodoSettings
from presqt_daemon.targets.zenodo.api import DraftsApi, title_of
from presqt_daemon.targets.zenodo.creation import (
    Lookout,
    create_described,
    description_state,
    title_query,
)
from presqt_daemon.targets.zenodo.deposit import DepositApi
from presqt_daemon.targets.zenodo.description.metadata import LEAST_TEXT
from presqt_daemon.targets.zenodo.keys import PACKED
from presqt_daemon.targets.zenodo.records import RecordsApi
from presqt_daemon.targets.zenodo.words import (
    Row,
    account_of,
    record_id,
    token_refused,
    words_of,
)

DEFAULT_URL = "https://zenodo.org/api"

TRAITS = Traits(
    algorithms=("md5",),
    has_folders=False,
    max_file_bytes=50 * 10**9,
    max_files=100,
    makes_drafts=True,
    min_title_length=LEAST_TEXT,
    titles_are_for_readers=True,
)
_NO_SUCH_API = frozenset({403, 404, 405, 406})
"""What a server says that lacks an API, or has it for another token (403)."""


def traits(config: TargetConfig) -> Traits:  # noqa: ARG001  (both APIs can do the same)
    """What Zenodo can do."""
    return TRAITS


def connect(config: TargetConfig, token: str | None) -> "ZenodoTarget":
    """A connection. Raises UserFault `unauthorized` without a token."""
    if not token:
        raise UserFault("unauthorized", f"{TOKEN_INVALID} (target {config.name}).")
    api = api_url(config.url or DEFAULT_URL)
    http = Http(
        config.name,
        own_urls=(api,),
        credentials={"Authorization": f"Bearer {token}"},
        said=words_of,
        waits_everywhere=True,
    )
    return ZenodoTarget(http, api, config)


def api_url(url: str) -> str:
    """The API's root; the site's own address is enough."""
    url = url.rstrip("/")
    return url if urlsplit(url).path else f"{url}/api"


class ZenodoTarget(WebTarget):
    """The drafts of one account, by whichever API the server has."""

    def __init__(
        self, http: Http, api: str, config: TargetConfig, *, spoken: DraftsApi | None = None
    ) -> None:
        """`spoken` is the API to speak where that is known."""
        super().__init__(http, TRAITS)
        self._url = api
        self._wanted = ZenodoSettings(**config.own).api
        self._is_public = config.visibility == "public"
        self._lock = threading.Lock()
        self._spoken = spoken
        # not the API's own: which one there is may be asked later
        search = lambda query: self._api.search(query)  # noqa: PLW0108
        self._lookout = Lookout(search, self._is_adoptable, http.wait)

    def account(self) -> Account:
        """The owner of the newest draft. Raises UserFault `unauthorized` for a refused token."""
        rows = self._api.search("", size=1)
        return account_of(self._api.owner_of(rows[0]) if rows else None, self._url)

    def titles(self) -> Collection[str]:
        """Those of the newest drafts; for numbering `titles_like` is asked."""
        return self.titles_like("")

    def titles_like(self, title: str) -> Collection[str]:
        query = title_query(title) if title else ""
        return [title_of(row) for row in self._api.search(query)]

    def container(self, request: ContainerRequest) -> Container:
        if request.resource_id is not None:
            return self._api.existing(record_id(request.resource_id))
        draft = self._lookout.find(request.ticket, was_creating=request.was_creating)
        if draft is not None:
            return self._made(draft, {})
        return self._new(request)

    def listing(self, container: Container) -> Mapping[PurePosixPath, Item]:
        return self._api.files.listing(container)

    def stat(self, container: Container, path: PurePosixPath) -> Item | None:
        return self._api.files.stat(container, path)

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        return self._api.files.put(container, file, replaces)

    def digest(
        self, container: Container, item: Item, algorithms: Collection[str]
    ) -> Mapping[str, str]:
        return self._api.files.digest(container, item, algorithms)

    def _content(self, container: Container, item: Item) -> bytes:
        return self._api.files.content(container, item)

    def publish(self, container: Container) -> str | None:
        return self._api.publish(container)

    def discard(self, container: Container) -> bool:
        url, doing = self._api.draft_url(container.id), f"the removal of the {self._api.THING}"
        return container.is_new and self._http.delete(url, doing, may_refuse=True)

    def _new(self, request: ContainerRequest) -> Container:
        make = partial(create_described, request, self._api.metadata, self._api.create)
        draft = self._lookout.create(make, request)
        left = self._api.left_out(request.fields, draft["refused"])
        return self._made(draft, description_state(draft, request, left))

    def _made(self, draft: Row, state: Mapping[str, str]) -> Container:
        """A draft of this ticket's own."""
        restricted = {} if self._is_public else {RESTRICTED: "files"}
        return self._api.container_of(draft, is_new=True, state={**state, **restricted})

    def _is_adoptable(self, draft: Row) -> bool:
        """Whether a draft with the ticket's mark is the one that the ticket made.

        A new version of a record has the record's mark, and a person may write anything: it is
        ours only as we make one, and with nothing in it but packed bags.
        """
        if not self._api.is_as_made(draft):
            return False
        container = self._api.container_of(draft, is_new=True)
        return all(path.name.endswith(PACKED) for path in self.listing(container))

    @property
    def _api(self) -> DraftsApi:
        """The API that is spoken; asks the server when nobody has decided yet."""
        with self._lock:
            if self._spoken is None:
                api = RecordsApi if self._has_records() else DepositApi
                self._spoken = api(self._http, self._url, is_public=self._is_public)
            return self._spoken

    def _has_records(self) -> bool:
        """Whether the server has the newer API, and the token may use it.

        A refused token is answered as nobody's (403) by both, and is no sign of the older one.
        """
        if self._wanted != "auto":
            return self._wanted == "records"
        records = self._first_list("user/records")
        if records.status == 200:
            return True
        depositions = self._first_list("deposit/depositions")
        if depositions.status == 200:
            return False
        if 403 in {records.status, depositions.status}:
            raise token_refused(self._http.target, "Permission denied.")
        raise TargetFault(
            "target-unavailable",
            f"{self._http.target} has neither of Zenodo's APIs at {self._url}: look at the "
            "target's `url`.",
            retryable=True,
        )

    def _first_list(self, path: str) -> Answer:
        return self._http.ask(
            "GET",
            f"{self._url}/{path}",
            doing="the request for the account's records",
            params={"size": "1"},
            expect=(200, *_NO_SUCH_API),
            takes_pages=True,
        )
