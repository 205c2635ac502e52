"""Files under keys, as both of Zenodo's APIs keep them: stored beside what they replace.

What is replaced goes only when the new content is there with its digest, so that at every moment
one of them is there whole.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from presqt_daemon.targets.base import Container, Item, Sending
from presqt_daemon.targets.web.given import GivenAddresses
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.zenodo.keys import StoredFile, forms_of, item_of, let_go_with


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedPut:
    """One content on its way into a draft: its md5, and keys and md5s of what it replaces."""

    container: Container
    file: Sending
    md5: str
    old: Mapping[str, str | None]


class KeyedFiles(ABC):
    """The files of drafts; remembers which keys this connection has given."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._given = GivenAddresses(http.target)
        self._ours: dict[str, dict[str, PurePosixPath]] = {}

    @abstractmethod
    def listing(self, container: Container) -> dict[PurePosixPath, Item]:
        """The files that are complete. Raises UserFault `resource-gone`."""

    def stat(self, container: Container, path: PurePosixPath) -> Item | None:
        """What stands for a path; one request, since the server lists a draft's files at once."""
        return self.listing(container).get(path)

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        """Store a file; what it replaces is let go when the new one is there with its digest.

        Raises FileExistsError when another content stands for the path and is not to be replaced.
        """
        md5 = file.digests["md5"].lower()
        old = let_go_with(replaces)
        stored = self._store(KeyedPut(container=container, file=file, md5=md5, old=old))
        if stored.md5 != md5:
            # judged, and sent again, by whoever asked for it: all that it replaces still stands
            kept = [
                StoredFile(key=key, size=None, digests={"md5": known} if known else {})
                for key, known in old.items()
                if key != stored.key
            ]
            return item_of(file.path, stored, (stored, *kept))
        for key, known in old.items():
            if key != stored.key:
                self._let_go(container, key, known)
        return item_of(file.path, stored, (stored,))

    def fetch(self, container: Container, item: Item, limit: int) -> bytes | None:
        """The content of a stored file, None for one of more than `limit` bytes."""
        if item.size is None or item.size > limit:
            return None
        key = str(item.path)
        url = self._content_url(container, key)
        content = self._http.ask("GET", url, doing=f"the content of {key}").content
        return content if len(content) <= limit else None

    @abstractmethod
    def digest(
        self, container: Container, item: Item, algorithms: Collection[str]
    ) -> Mapping[str, str]:
        """The md5 that the server has taken of a file; empty where there is none."""

    @abstractmethod
    def _store(self, put: KeyedPut) -> StoredFile:
        """The file as it is stored now."""

    @abstractmethod
    def _let_go(self, container: Container, key: str, known: str | None) -> None:
        """Remove what has been replaced, unless it is another content by now."""

    @abstractmethod
    def _content_url(self, container: Container, key: str) -> str:
        """Where the bytes of a complete file are read."""

    def _refuse_taken(self, put: KeyedPut, there: Iterable[StoredFile]) -> None:
        """FileExistsError where another content stands for a path at which nothing was listed.

        One whose digest the server is still taking may be ours.
        """
        forms = forms_of(put.file.path, there, self._keys(put.container))
        if not put.old and any(form.md5 not in {put.md5, None} for form in forms):
            raise FileExistsError(str(put.file.path))

    def _keys(self, container: Container) -> dict[str, PurePosixPath]:
        """The keys that this connection has given, and the paths for which they stand."""
        return self._ours.setdefault(container.id, {})
