"""Zenodo and every other InvenioRDM site: a draft that holds the bag as one zip.

`api: auto` asks the server once whether it has the records API and takes the older deposit API
where it has not. A draft is found again by its alternate identifier `urn:uuid:<ticket>`. Drafts
are seen by nobody but the account, and the files of one that is published are restricted unless
`visibility` is public.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.targets.base import Account, Container, ContainerRequest, Item, Sending, Traits
from presqt_daemon.targets.web.answers import TOKEN_INVALID, Answer
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.web.target import WebTarget
from presqt_daemon.targets.zenodo import ZenodoSettings
from presqt_daemon.targets.zenodo.deposit import DepositTarget
from presqt_daemon.targets.zenodo.description.metadata import LEAST_TEXT
from presqt_daemon.targets.zenodo.records import RecordsTarget
from presqt_daemon.targets.zenodo.words import token_refused, words_of

DEFAULT_URL = "https://zenodo.org/api"
SHORT_SECONDS = 2.0
"""A wait of less needs no word."""

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
    """One connection, by whichever API the server has."""

    def __init__(self, http: Http, api: str, config: TargetConfig) -> None:
        super().__init__(http, TRAITS)
        self._api = api
        self._config = config
        self._spoken = ZenodoSettings(**config.own).api
        self._lock = threading.Lock()
        self._chosen: RecordsTarget | DepositTarget | None = None
        self.waits_for: Callable[[str, float], None] = lambda _what, _seconds: None

    def account(self) -> Account:
        return self._side().account()

    def titles(self) -> Collection[str]:
        return self._side().titles()

    def titles_like(self, title: str) -> Collection[str]:
        return self._side().titles_like(title)

    def container(self, request: ContainerRequest) -> Container:
        return self._side().container(request)

    def listing(self, container: Container) -> Mapping[PurePosixPath, Item]:
        return self._side().listing(container)

    def stat(self, container: Container, path: PurePosixPath) -> Item | None:
        return self._side().stat(container, path)

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        return self._side().put(container, file, replaces)

    def digest(
        self, container: Container, item: Item, algorithms: Collection[str]
    ) -> Mapping[str, str]:
        return self._side().digest(container, item, algorithms)

    def fetch(self, container: Container, item: Item, limit: int) -> bytes | None:
        return self._side().fetch(container, item, limit)

    def publish(self, container: Container) -> str | None:
        return self._side().publish(container)

    def discard(self, container: Container) -> bool:
        return self._side().discard(container)

    def _wait(self, seconds: float, what: str) -> None:
        """A wait between two questions, told where it is a long one."""
        if seconds < SHORT_SECONDS:
            time.sleep(seconds)
            return
        self.waits_for(what, seconds)
        time.sleep(seconds)
        self.waits_for("", 0.0)

    def _side(self) -> RecordsTarget | DepositTarget:
        """The API that is spoken; asks the server when nobody has decided yet."""
        with self._lock:
            if self._chosen is None:
                kind = RecordsTarget if self._has_records() else DepositTarget
                self._chosen = kind(self._http, self._api, self._config, self.traits)
                self._chosen.tell_waits(self._wait)
            return self._chosen

    def _has_records(self) -> bool:
        """Whether the server has the newer API, and the token may use it.

        A refused token is answered as nobody's (403) by both, and is no sign of the older one.
        """
        if self._spoken != "auto":
            return self._spoken == "records"
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
            f"{self._http.target} has neither of Zenodo's APIs at {self._api}: look at the "
            "target's `url`.",
            retryable=True,
        )

    def _first_list(self, path: str) -> Answer:
        return self._http.ask(
            "GET",
            f"{self._api}/{path}",
            doing="the token",
            params={"size": "1"},
            expect=(200, *_NO_SUCH_API),
            takes_pages=True,
        )
