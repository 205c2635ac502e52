"""The files of a Figshare article: listed, uploaded, asked for their digest, deleted."""

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from presqt_daemon.errors import NOT_THERE, PresqtError, TargetFault
from presqt_daemon.targets.base import Sending
from presqt_daemon.targets.figshare.api import FigshareApi
from presqt_daemon.targets.figshare.entries import Stored, stored_from
from presqt_daemon.targets.figshare.parts import LOCKED_SECONDS, send_parts
from presqt_daemon.targets.web.addresses import address_parts

PARTS_AT_ONCE = 8

POLL_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Waits between two questions for a digest; the last one repeats."""

POLLS = 90
"""About twelve minutes; then the digest is not known, and says so."""

ON_THE_WAY = frozenset({"created", "ic_checking", "moving_to_final", "available"})
"""What Figshare was seen to say of a file until its digest is there.

No document lists the words (the API's own has `status` as any text, or null), so another is waited
for as long, and named where no digest has come."""

NEVER = frozenset({"aborted"})
"""With this word no digest will come (figshare's user_documentation, file_uploader.md)."""

MOST_STATUS = 40

APPEAR_TRIES = 10
APPEAR_SECONDS = 0.3
"""A new file is not found at once under its own address."""

_LOST = NOT_THERE | {"target-misbehaved"}


_Key = tuple[str, PurePosixPath, int, str]


class Begun:
    """One id for each content on its way to a place; used by several threads at once.

    An entry is noted as soon as Figshare has made it and forgotten when its put has ended, so that
    whatever happens in between, even after the last part, the same entry is gone on with.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: dict[_Key, int] = {}
        self._ended: set[int] = set()

    def hear(self, article: str, listed: Iterable[Stored]) -> None:
        """Take what the article's list shows as unfinished; an older list tells nothing new."""
        with self._lock:
            for stored in listed:
                if stored.is_unfinished and stored.id not in self._ended:
                    key = (article, stored.path, stored.size, stored.supplied)
                    self._ids.setdefault(key, stored.id)

    def find(self, article: str, file: Sending, md5: str) -> int | None:
        """The entry that was begun for this content at this place."""
        with self._lock:
            return self._ids.get(_key(article, file, md5))

    def note(self, article: str, file: Sending, md5: str, identity: int) -> None:
        """This entry is the one from now on."""
        with self._lock:
            self._ids[_key(article, file, md5)] = identity

    def end(self, article: str, file: Sending, md5: str, identity: int) -> None:
        """The put has ended; another one of the same content needs an entry of its own."""
        with self._lock:
            self._ended.add(identity)
            self._ids.pop(_key(article, file, md5), None)

    def __bool__(self) -> bool:
        return bool(self._ids)


def _key(article: str, file: Sending, md5: str) -> _Key:
    return (article, file.path, file.size, md5)


class ArticleFiles:
    """Whatever is done with files; used by several threads at once."""

    def __init__(self, api: FigshareApi) -> None:
        self._api = api
        self.begun = Begun()
        self._pool = ThreadPoolExecutor(PARTS_AT_ONCE, thread_name_prefix="part")

    def close(self) -> None:
        """Join the threads that send parts."""
        self._pool.shutdown(cancel_futures=True)

    def all(self, article: str) -> Iterator[Stored]:
        """Every file of an article, unfinished ones too."""
        tree = self._api.get(f"articles/{article}", "the article")
        folders = tree.get("folder_structure")
        known = folders if isinstance(folders, dict) else {}
        for entry in self._api.pages(f"articles/{article}/files", "the list of files"):
            yield stored_from(entry, known, self._api.name)

    def upload(self, article: str, file: Sending, md5: str) -> int:
        """The id of the file that now has all parts.

        One that was begun for the same content is gone on with: its complete parts are not sent
        again. It is deleted where that cannot be done.
        """
        identity = self.begun.find(article, file, md5)
        if identity is not None:
            try:
                return self._fill(article, identity, file)
            except PresqtError as error:
                if error.code not in _LOST:
                    raise
                self.delete(article, [identity])
                self.begun.end(article, file, md5, identity)
        body: dict[str, object] = {"name": file.path.name, "size": file.size, "md5": md5}
        if file.path.parent.parts:
            body["folder_path"] = str(file.path.parent)
        doing = f"the upload of {file.path}"
        identity = self._api.create(f"articles/{article}/files", doing, body)
        self.begun.note(article, file, md5, identity)
        return self._fill(article, identity, file)

    def computed(self, article: str, identity: int, path: PurePosixPath) -> Stored:
        """The file with the digest that Figshare takes some time after the upload has ended.

        Without one when it takes longer than we wait; every answer counts as a sign of life.
        Raises TargetFault `target-misbehaved`, with Figshare's word, when no digest will come.
        """
        place = f"articles/{article}/files/{identity}"
        for attempt in range(POLLS):
            tree = self._api.get(place, f"the digest of {path}")
            stored = replace(stored_from(tree, {}, self._api.name), path=path)
            if stored.computed or stored.status.lower() in NEVER:
                break
            wait = POLL_SECONDS[min(attempt, len(POLL_SECONDS) - 1)]
            self._api.http.wait(wait, f"the target's own digest of {path}")
        if not stored.computed and stored.status not in ON_THE_WAY:
            raise TargetFault(
                "target-misbehaved",
                f"{self._api.name} has not taken {path}: it calls it "
                f"{stored.status[:MOST_STATUS]!r}.",
            )
        return stored

    def content(self, article: str, identity: int, path: PurePosixPath) -> bytes | None:
        """The bytes of a stored file, None for one that is only a link to another place."""
        doing = f"the content of {path}"
        tree = self._api.get(f"articles/{article}/files/{identity}", doing)
        url = tree.get("download_url")
        if tree.get("is_link_only") or not isinstance(url, str):
            return None
        if is_same_site(url, self._api.url("")):
            self._api.http.trust(url)
        return self._api.http.ask("GET", url, doing=doing, headers={"Accept": "*/*"}).content

    def delete(self, article: str, ids: Collection[int]) -> None:
        """Remove files; one that is gone already is fine."""
        for identity in ids:
            url = self._api.url(f"articles/{article}/files/{identity}")
            self._api.http.delete(url, "the removal of an older file")

    def _fill(self, article: str, identity: int, file: Sending) -> int:
        http, tree = self._api.http, self._appeared(article, identity, file)
        if not stored_from(tree, {}, self._api.name).is_unfinished:
            return identity
        url = str(tree.get("upload_url")).rstrip("/")
        http.hide(url.rpartition("/")[2])
        http.hide(str(tree.get("upload_token") or ""))
        try:
            send_parts(http, url, file, self._pool, lambda left: self._wait_locked(file, left))
        finally:
            self._api.http.waits_for("", 0.0)
        http.ask(
            "POST",
            self._api.url(f"articles/{article}/files/{identity}"),
            doing=f"the end of the upload of {file.path}",
            expect=(202,),
        )
        return identity

    def _wait_locked(self, file: Sending, left: float) -> None:
        """One wait for a part that another request holds, `left` seconds at most in all."""
        self._api.http.waits_for(f"a part of {file.path} that another request holds", left)
        self._api.http.sleep(LOCKED_SECONDS)

    def _appeared(self, article: str, identity: int, file: Sending) -> Mapping[str, Any]:
        """A file's own page, which comes a moment after the file."""
        place = f"articles/{article}/files/{identity}"
        doing = f"the question where {file.path} goes"
        for _ in range(APPEAR_TRIES):
            if (found := self._api.http.find(self._api.url(place), doing)) is not None:
                return found.tree()
            self._api.http.sleep(APPEAR_SECONDS)
        return self._api.get(place, doing)


def is_same_site(url: str, api: str) -> bool:
    """Whether an address belongs to the API's own domain, as files.example.org to api.example.org.

    Another must never see the token.
    """
    try:
        place, own = address_parts(url, api), urlsplit(api)
    except TargetFault:
        return False  # no address; who asks it will say so
    domain = (own.hostname or "").partition(".")[2]
    is_below = "." in domain and (place.hostname or "").endswith(f".{domain}")
    return place.scheme == own.scheme and is_below
