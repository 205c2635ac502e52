"""The files of one deposition in Zenodo's older API: a PUT into its bucket for each."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from presqt_daemon.system.failpoints import reach
from presqt_daemon.targets.base import Container, Item, Sending
from presqt_daemon.targets.web.given import GivenAddresses
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.zenodo.content import faults_by_name
from presqt_daemon.targets.zenodo.keys import (
    StoredFile,
    forms_of,
    has_digest_in_key,
    item_of,
    items_of,
    keys_for,
    let_go_with,
    size_from,
)
from presqt_daemon.targets.zenodo.parts import STORE_SECONDS
from presqt_daemon.targets.zenodo.words import VANISHED, draft_gone, link_in, md5_from, rows_in


class BucketFiles:
    """The files of the depositions below `depositions`, the address of all of them."""

    def __init__(self, http: Http, depositions: str) -> None:
        self._http = http
        self._depositions = depositions
        self._ours: dict[str, dict[str, PurePosixPath]] = {}
        self._given = GivenAddresses(http.target)

    def listing(self, container: Container) -> dict[PurePosixPath, Item]:
        """The deposition's files. Raises UserFault `resource-gone`."""
        return items_of(self._stored(container).values(), self._keys(container))

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        """Store a file; a packed bag that it replaces is let go when the new one is verified.

        Raises FileExistsError when another content stands for the path and is not to be replaced.
        """
        md5 = file.digests["md5"].lower()
        there = self._stored(container)
        forms = forms_of(file.path, there.values(), self._keys(container))
        if replaces is None and any(form.md5 != md5 for form in forms):
            raise FileExistsError(str(file.path))
        old = let_go_with(replaces)
        key = str(file.path)
        if has_digest_in_key(file.path):
            key = _free_key(file, md5, there, old)
        self._keys(container)[key] = file.path
        self._keys(container)[key] = file.path
        stored = there.get(key)
        if stored is None or stored.md5 != md5:
            stored = self._put_object(container, key, file)
        if stored.md5 != md5:
            kept = [there[one] for one in old if one != key and one in there]
            return item_of(file.path, stored, (stored, *kept))
        for one, known in old.items():
            if one != key and one in there and there[one].md5 == known:
                self._remove(container, one)
        return item_of(file.path, stored, (stored,))

    def fetch(self, container: Container, item: Item, limit: int) -> bytes | None:
        """The content of a stored file, None for one of more than `limit` bytes."""
        if item.size is None or item.size > limit:
            return None
        key = str(item.path)
        url = self._object(container, key)
        content = self._http.ask("GET", url, doing=f"the content of {key}").content
        return content if len(content) <= limit else None

    def read(self, container: Container) -> dict[str, Any]:
        """The deposition. Raises UserFault `resource-gone` when it is none any more."""
        answer = self._http.ask(
            "GET",
            f"{self._depositions}/{quote(container.id, safe='')}",
            doing="the deposition",
            expect=(200, *VANISHED),
        )
        if answer.status in VANISHED:
            raise draft_gone(container.link or container.id)
        return answer.tree()

    def _put_object(self, container: Container, key: str, file: Sending) -> StoredFile:
        url = self._object(container, key)
        with file.open() as body, faults_by_name(self._http.target), self._given.asking(url):
            reach("zenodo-begun")
            answer = self._http.ask(
                "PUT",
                url,
                doing=f"the content of {file.path}",
                body=body,
                size=file.size,
                expect=(200, 201),
                read_seconds=STORE_SECONDS,
            )
        reach("zenodo-sent")
        stored = answer.tree()
        return StoredFile(
            key=str(stored.get("key") or key),
            size=size_from(stored.get("size")),
            digests=md5_from(stored.get("checksum")),
        )

    def _remove(self, container: Container, key: str) -> None:
        url = self._object(container, key)
        self._http.ask("DELETE", url, doing=f"the old {key}", expect=(200, 204, *VANISHED))

    def _stored(self, container: Container) -> dict[str, StoredFile]:
        """The deposition's files by key."""
        files = [
            StoredFile(
                key=str(file["filename"]),
                size=size_from(file.get("filesize")),
                digests=md5_from(file.get("checksum")),
            )
            for file in rows_in(self.read(container), "files")
            if file.get("filename")
        ]
        return {file.key: file for file in files}

    def _keys(self, container: Container) -> dict[str, PurePosixPath]:
        """The keys that this connection has given, and the paths for which they stand."""
        return self._ours.setdefault(container.id, {})

    def _object(self, container: Container, key: str) -> str:
        """Where a file's bytes go; a container opened by the other API has no bucket noted yet."""
        bucket = container.state.get("bucket") or link_in(self.read(container), "bucket")
        return f"{bucket}/{quote(key, safe='')}"


def _free_key(
    file: Sending, md5: str, there: Mapping[str, StoredFile], old: Mapping[str, str | None]
) -> str:
    """The first key with the file's digest that nobody else's content has."""
    keys = list(keys_for(file.path, md5))
    for key in keys:
        stored = there.get(key)
        if stored is None or stored.md5 == md5 or old.get(key) == stored.md5:
            return key
    raise FileExistsError(keys[0])
