"""Figshare: a new deposit is a private project with one article in it, which holds the files.

Only `computed_md5` counts, which Figshare takes of what it has stored; `supplied_md5` is our own
word. An article keeps folders by each file's `folder_path`. The project's description and the
article's tags carry `presqt-ticket:<number>`, by which they are found again when the answer to
their creation was lost. The number is the ticket's secret, so only this account can have put it
there; the project must also belong to this account and hold nothing but the marked article, which
holds for tickets of earlier versions too, whose number is public. Resource ids: `<project>` (a new
article in it) or `<project>:<article>`.

Figshare itself lets two files of an article share a name. A file that is updated is uploaded,
verified, and only then takes the place of the old one, which is deleted.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import PresqtError, UserFault
from presqt_daemon.targets.base import Account, Container, Item, Sending, Traits
from presqt_daemon.targets.figshare import TITLE_LENGTH
from presqt_daemon.targets.figshare.api import FigshareApi
from presqt_daemon.targets.figshare.deposits import Deposits
from presqt_daemon.targets.figshare.entries import TITLE_FORMAT
from presqt_daemon.targets.figshare.files import ArticleFiles
from presqt_daemon.targets.web.addresses import is_same_host, page_from
from presqt_daemon.targets.web.answers import TOKEN_INVALID
from presqt_daemon.targets.web.http import Http

URL = "https://api.figshare.com/v2"
REQUESTS_PER_MINUTE = 60
"""Figshare asks for no more than one request in a second (docs.figshare.com, "Rate limiting").

Parts do not count: they go to the upload service.
"""

TRAITS = Traits(
    algorithms=("md5",),
    title_format=TITLE_FORMAT,
    parallel_puts=4,
    max_file_bytes=20 * 10**9,
    max_files=500,
    min_title_length=3,
    max_title_length=TITLE_LENGTH,
    takes_empty_files=False,
    makes_drafts=True,
)


def traits(config: TargetConfig) -> Traits:
    """What Figshare can do; the pace is that of its public service."""
    is_public = is_same_host(config.url or URL, URL)
    return replace(TRAITS, requests_per_minute=REQUESTS_PER_MINUTE if is_public else None)


def connect(config: TargetConfig, token: str | None) -> "FigshareTarget":
    """A connection with one personal token; asks nothing yet."""
    return FigshareTarget(config, token or "")


class FigshareTarget(Deposits):
    """One account at Figshare."""

    def __init__(
        self, config: TargetConfig, token: str, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._root = (config.url or URL).rstrip("/")
        http = Http(
            config.name,
            own_urls=(config.url or URL,),
            credentials={"Authorization": f"token {token}"},
            counts=lambda _method, url: url.startswith(self._root),
        )
        http.sleep = sleep
        super().__init__(http, traits(config))
        self._api = FigshareApi(http, self._root)
        self._files = ArticleFiles(self._api)
        self._lock = threading.Lock()
        self._names: dict[str, set[PurePosixPath]] = {}
        self._ours: set[tuple[str, int, str]] = set()
        self._replacing: dict[PurePosixPath, set[int]] = {}

    def account(self) -> Account:
        doing = "the question whose token it is"
        answer = self._http.ask("GET", f"{self._root}/account", doing=doing, expect=(200, 403))
        if answer.status == 403:
            raise UserFault("unauthorized", f"{TOKEN_INVALID} (target {self._http.target}).")
        tree = answer.tree()
        identity = str(tree.get("id", ""))
        return Account(id=identity, name=str(tree.get("email") or identity))

    def listing(self, container: Container) -> Mapping[PurePosixPath, Item]:
        article = container.state["article"]
        with self._given.asking("the list of files"):
            found = sorted(self._files.all(article), key=lambda stored: stored.id)
        newest = {stored.path: stored for stored in found if not stored.is_unfinished}
        with self._lock:
            self._names[article] = set(newest)
        self._files.begun.hear(article, found)
        return {path: stored.item() for path, stored in newest.items()}

    def stat(self, container: Container, path: PurePosixPath) -> Item | None:
        """From the article's list, which is the only place that knows files by their names."""
        return self.listing(container).get(path)

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        if file.size == 0:
            raise UserFault(
                "bad-request", f"{self._http.target} takes no empty files: {file.path}."
            )
        article, md5 = container.state["article"], file.digest("md5")
        older = self._begin(container, file, replaces, md5)
        with self._given.asking(f"the upload of {file.path}"):
            identity = self._files.upload(article, file, md5)
            stored = self._files.computed(article, identity, file.path)
        is_right = stored.computed == md5
        doomed = older if is_right else set()
        if replaces is not None and replaces.state["wrong"]:
            doomed = doomed | {int(replaces.state["id"])}
        self._files.delete(article, doomed)
        with self._lock:
            self._names[article].add(file.path)
            if is_right:
                self._replacing.pop(file.path, None)
        self._files.begun.end(article, file, md5, identity)
        is_wrong = bool(stored.computed) and not is_right
        return stored.item(older=sorted(older - doomed), is_wrong=is_wrong)

    def digest(
        self, container: Container, item: Item, algorithms: Collection[str]
    ) -> Mapping[str, str]:
        if "md5" not in algorithms or "id" not in item.state:
            return {}
        article, identity = container.state["article"], int(item.state["id"])
        stored = self._files.computed(article, identity, item.path)
        return {"md5": stored.computed} if stored.computed else {}

    def commit(self, container: Container) -> Mapping[PurePosixPath, Item]:
        """Nothing, as the items of the puts hold; but what dead goes have left behind is deleted.

        That is: uploads of ours that were begun and will not be gone on with, and old files whose
        successor is there though the answer to its put was lost.
        """
        article = container.state["article"]
        if not self._files.begun and not self._replacing:
            return {}
        for stored in list(self._files.all(article)):
            ours = (stored.path.name, stored.size, stored.supplied) in self._ours
            if stored.is_unfinished:
                if container.is_new or ours:
                    self._files.delete(article, {stored.id})
            elif ours and stored.computed and stored.computed == stored.supplied:
                older = self._replacing.get(stored.path, set())
                if older and stored.id not in older:
                    self._files.delete(article, self._replacing.pop(stored.path))
        return {}

    def publish(self, container: Container) -> str | None:
        """Publish the article, which cannot be undone; its public page.

        An answer that was lost may hide a success, and so may a go that died afterwards: the state
        is read before anything is asked for, and before any such error.
        """
        place = f"articles/{container.state['article']}"
        tree = self._api.get(place, "the article")
        if not _is_published(tree):
            url = self._api.url(f"{place}/publish")
            try:
                self._http.ask("POST", url, doing="the publication", expect=(201,))
            except PresqtError as error:
                tree = self._api.get(place, "the article") if error.outcome_unknown else {}
                if not _is_published(tree):
                    raise
            else:
                tree = self._api.get(place, "the published article")
        return page_from(tree.get("figshare_url")) or page_from(tree.get("url_public_html"))

    def _content(self, container: Container, item: Item) -> bytes | None:
        return self._files.content(container.state["article"], int(item.state["id"]), item.path)

    def close(self) -> None:
        self._files.close()
        super().close()

    def _begin(
        self, container: Container, file: Sending, replaces: Item | None, md5: str
    ) -> set[int]:
        """The files whose place the new one takes. Raises FileExistsError for a taken name."""
        article = container.state["article"]
        if article not in self._names:
            self.listing(container)
        with self._lock:
            self._ours.add((file.path.name, file.size, md5))
            if replaces is None:
                if file.path in self._names[article]:
                    raise FileExistsError(str(file.path))
                return set()
            older = {int(number) for number in replaces.state["older"].split()}
            older |= {int(replaces.state["id"])} | self._replacing.get(file.path, set())
            self._replacing[file.path] = older
            return older


def _is_published(article: Mapping[str, object]) -> bool:
    """Whether all that the article holds is public; one that was changed since is a draft again."""
    return article.get("is_public") is True and article.get("status") == "public"
