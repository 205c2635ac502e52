"""Uploads into Figshare articles whose end is not known yet, so that they are gone on with."""

import threading
from collections.abc import Iterable
from pathlib import PurePosixPath

from presqt_daemon.targets.base import Sending
from presqt_daemon.targets.figshare.entries import Stored

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
