"""The files of one InvenioRDM draft: listed, stored, replaced, asked for.

Only what the server computed counts as a digest: a checksum sent along with a new file would be
stored unread, so none is ever sent, and the `multipart:` placeholder is waited for until the
server has read the file (target-apis.md, section 5). A content is never sent to a key whose file is
complete: InvenioRDM 14.0.5 answers 200 to that and drops the file.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from presqt_daemon.errors import TargetFault
from presqt_daemon.targets.base import Container, Item
from presqt_daemon.targets.web.fields import objects_in, whole_in
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.zenodo.content import DraftContent, KeyStuckError
from presqt_daemon.targets.zenodo.keys import (
    KeyedFiles,
    KeyedPut,
    StoredFile,
    has_digest_in_key,
    item_of,
    items_of,
    keys_for,
    left_spares,
)
from presqt_daemon.targets.zenodo.words import draft_gone, md5_from

CHECKSUM_SECONDS = 900.0
"""How long a digest is waited for that the server computes in the background."""

NO_CHECKSUM_SECONDS = 120.0
"""How long, where it does not even say that it computes one: a server that was killed in the middle
of it never goes on (InvenioRDM 14.0.5 on local storage)."""

_POLL_SECONDS = (1.0, 2.0, 5.0, 10.0, 15.0)

Entries = Mapping[str, Mapping[str, Any]]


class DraftFiles(KeyedFiles):
    """The files of the drafts below `records`, the address of all records."""

    def __init__(
        self,
        http: Http,
        records: str,
        *,
        content: DraftContent | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(http)
        self._records = records
        self._content = content or DraftContent(http)
        self._published: set[str] = set()
        self._clock = clock

    def listing(self, container: Container) -> dict[PurePosixPath, Item]:
        """The files that are complete; one that was only begun is as good as absent.

        Raises UserFault `resource-gone` when there is neither a draft nor a record any more.
        """
        files = _complete(self._entries(container))
        spares = left_spares(files)
        shown = [file for file in files if file.key not in spares]
        return items_of(shown, self._keys(container))

    def pending(self, container: Container) -> list[str]:
        """The keys of files that were begun and never ended."""
        return [key for key, entry in self._entries(container).items() if not _is_complete(entry)]

    def clear_spares(self, container: Container) -> None:
        """Take away what an interrupted replacement of our own record has left."""
        for key in left_spares(_complete(self._entries(container))):
            self.remove(container, key)

    def remove(self, container: Container, key: str) -> None:
        """Take a file away."""
        self._content.delete(self._files(container), key)

    def digest(
        self, container: Container, item: Item, algorithms: Collection[str]
    ) -> Mapping[str, str]:
        """The md5 of a file whose parts the server is still reading; empty when it takes too long.

        Waits between its questions; every answer is heard.
        """
        if "md5" not in algorithms:
            return {}
        key = str(item.path)
        began = self._clock()
        waits = iter(_POLL_SECONDS)
        wait = next(waits)
        while True:
            entry = self._entries(container).get(key)
            if entry is None or not _is_complete(entry):
                return {}
            stored = _stored(entry)
            longest = CHECKSUM_SECONDS if entry.get("checksum") else NO_CHECKSUM_SECONDS
            if stored.digests or self._clock() + wait > began + longest:
                return stored.digests
            self._http.wait(wait, f"the target's own digest of {key}")
            wait = next(waits, wait)

    def _store(self, put: KeyedPut) -> StoredFile:
        """What an earlier go has begun is gone on with."""
        entries = self._entries(put.container)
        self._refuse_taken(put, _complete(entries))
        if has_digest_in_key(put.file.path):
            return self._at_free_key(put, entries)
        there = entries.get(str(put.file.path))
        if there is None or not _is_complete(there):
            return self._at_plain_key(put, there)
        stored = _stored(there)
        return stored if stored.md5 == put.md5 else self._swapped(put, entries)

    def _at_free_key(self, put: KeyedPut, entries: Entries) -> StoredFile:
        """The file under the first key with its digest that can be had.

        A complete file of another content makes way only where it is to be replaced.
        """
        for key in keys_for(put.file.path, put.md5):
            entry = entries.get(key)
            if entry is not None and _is_complete(entry):
                there = self._with_digest(put, _stored(entry))
                if there.md5 == put.md5:
                    return there
                if there.md5 is not None and put.old.get(key) != there.md5:
                    continue
                self.remove(put.container, key)
                entry = None
            try:
                return self._at(put, key, entry)
            except KeyStuckError:
                continue
        raise FileExistsError(str(put.file.path))

    def _swapped(self, put: KeyedPut, entries: Entries) -> StoredFile:
        """The file under its plain name, where another stands that it replaces.

        It is stored beside the old one first, so that at every moment one of them is there whole.
        """
        spare = self._at_free_key(put, entries)
        if spare.md5 != put.md5:
            return spare
        plain = str(put.file.path)
        self._let_go(put.container, plain, put.old.get(plain))
        stored = self._at_plain_key(put, None)
        if stored.md5 == put.md5:
            self.remove(put.container, spare.key)
            self.clear_spares(put.container)
        return stored

    def _at_plain_key(self, put: KeyedPut, pending: Mapping[str, Any] | None) -> StoredFile:
        key = str(put.file.path)
        try:
            return self._at(put, key, pending)
        except KeyStuckError as stuck:
            raise TargetFault(
                "target-refused",
                f"{self._http.target} keeps an unfinished file {key} and does not remove it: "
                "delete it in the draft.",
            ) from stuck

    def _at(self, put: KeyedPut, key: str, pending: Mapping[str, Any] | None) -> StoredFile:
        self._keys(put.container)[key] = put.file.path
        entry = self._content.store(self._files(put.container), key, put.file, pending)
        return self._with_digest(put, _stored(entry))

    def _with_digest(self, put: KeyedPut, stored: StoredFile) -> StoredFile:
        """The file with the digest that the server may be computing still."""
        if stored.digests:
            return stored
        item = item_of(put.file.path, stored, (stored,))
        return replace(stored, digests=self.digest(put.container, item, ("md5",)))

    def _let_go(self, container: Container, key: str, known: str | None) -> None:
        """FileExistsError where it is another content by now."""
        entry = self._entries(container).get(key)
        if entry is None:
            return
        if _stored(entry).md5 != known:
            raise FileExistsError(key)
        self.remove(container, key)

    def _entries(self, container: Container) -> dict[str, Mapping[str, Any]]:
        """All that the server knows of the draft's files, or of the record's that it became."""
        doing = "the list of files"
        answer = self._http.find(self._files(container), doing)
        if answer is None and container.id not in self._published:
            # an earlier go has published it, and its draft is no more
            self._published.add(container.id)
            answer = self._http.find(self._files(container), doing)
        if answer is None:
            self._published.discard(container.id)
            raise draft_gone(container.link or container.id)
        rows = objects_in(answer.tree(), "entries")
        return {str(row["key"]): row for row in rows if row.get("key")}

    def _content_url(self, container: Container, key: str) -> str:
        return f"{self._files(container)}/{quote(key, safe='')}/content"

    def _files(self, container: Container) -> str:
        record = f"{self._records}/{quote(container.id, safe='')}"
        return f"{record}/files" if container.id in self._published else f"{record}/draft/files"


def _complete(entries: Entries) -> list[StoredFile]:
    return [_stored(entry) for entry in entries.values() if _is_complete(entry)]


def _is_complete(entry: Mapping[str, Any]) -> bool:
    return entry.get("status") == "completed"


def _stored(entry: Mapping[str, Any]) -> StoredFile:
    return StoredFile(
        key=str(entry["key"]),
        size=whole_in(entry, "size"),
        digests=md5_from(entry.get("checksum")),
        created=str(entry.get("created") or ""),
    )
