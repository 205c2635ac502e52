"""The files of one deposition in Zenodo's older API: a PUT into its bucket for each."""

from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from presqt_daemon.system.failpoints import reach
from presqt_daemon.targets.base import Container, Item, Sending
from presqt_daemon.targets.web.fields import objects_in, whole_in
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.zenodo.content import faults_by_name
from presqt_daemon.targets.zenodo.keys import (
    KeyedFiles,
    KeyedPut,
    StoredFile,
    has_digest_in_key,
    items_of,
    keys_for,
)
from presqt_daemon.targets.zenodo.parts import STORE_SECONDS
from presqt_daemon.targets.zenodo.words import VANISHED, draft_gone, link_in, md5_from


class BucketFiles(KeyedFiles):
    """The files of the depositions below `depositions`, the address of all of them."""

    def __init__(self, http: Http, depositions: str) -> None:
        super().__init__(http)
        self._depositions = depositions

    def listing(self, container: Container) -> dict[PurePosixPath, Item]:
        return items_of(self._stored(container).values(), self._keys(container))

    def digest(
        self, container: Container, item: Item, algorithms: Collection[str]
    ) -> Mapping[str, str]:
        found = self.stat(container, item.path) if "md5" in algorithms else None
        return found.digests if found is not None else {}

    def read(self, container: Container) -> dict[str, Any]:
        """The deposition. Raises UserFault `resource-gone` when it is none any more."""
        url = f"{self._depositions}/{quote(container.id, safe='')}"
        answer = self._http.find(url, "the deposition", missing=VANISHED)
        if answer is None:
            raise draft_gone(container.link or container.id)
        return answer.tree()

    def _store(self, put: KeyedPut) -> StoredFile:
        there = self._stored(put.container)
        self._refuse_taken(put, there.values())
        key = str(put.file.path)
        if has_digest_in_key(put.file.path):
            key = _free_key(put, there)
        self._keys(put.container)[key] = put.file.path
        stored = there.get(key)
        if stored is None or stored.md5 != put.md5:
            stored = self._put_object(put.container, key, put.file)
        return stored

    def _put_object(self, container: Container, key: str, file: Sending) -> StoredFile:
        url = self._content_url(container, key)
        reach("zenodo-begun")
        with faults_by_name(), self._given.asking(url):
            doing, seconds = f"the content of {file.path}", STORE_SECONDS
            answer = self._http.send(url, file, doing, expect=(200, 201), read_seconds=seconds)
        reach("zenodo-sent")
        stored = answer.tree()
        return StoredFile(
            key=str(stored.get("key") or key),
            size=whole_in(stored, "size"),
            digests=md5_from(stored.get("checksum")),
        )

    def _let_go(self, container: Container, key: str, known: str | None) -> None:
        stored = self._stored(container).get(key)
        if stored is not None and stored.md5 == known:
            self._http.delete(self._content_url(container, key), f"the old {key}")

    def _stored(self, container: Container) -> dict[str, StoredFile]:
        """The deposition's files by key."""
        files = [
            StoredFile(
                key=str(file["filename"]),
                size=whole_in(file, "filesize"),
                digests=md5_from(file.get("checksum")),
            )
            for file in objects_in(self.read(container), "files")
            if file.get("filename")
        ]
        return {file.key: file for file in files}

    def _content_url(self, container: Container, key: str) -> str:
        """Where a file's bytes go; a container opened by the other API has no bucket noted yet."""
        bucket = container.state.get("bucket") or link_in(self.read(container), "bucket")
        return f"{bucket}/{quote(key, safe='')}"


def _free_key(put: KeyedPut, there: Mapping[str, StoredFile]) -> str:
    """The first key with the file's digest that nobody else's content has."""
    keys = list(keys_for(put.file.path, put.md5))
    for key in keys:
        stored = there.get(key)
        if stored is None or stored.md5 == put.md5 or put.old.get(key) == stored.md5:
            return key
    raise FileExistsError(keys[0])
