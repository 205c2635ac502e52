"""The files of one InvenioRDM draft: begun, sent whole or in parts, committed, asked for.

Only what the server computed counts as a digest: a checksum sent along with a new file would be
stored unread, so none is ever sent, and the `multipart:` placeholder is waited for until the
server has read the file (target-apis.md, section 5).
"""

import time
from collections.abc import Callable, Collection, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from presqt_daemon.errors import TargetFault
from presqt_daemon.system.failpoints import reach
from presqt_daemon.targets.answers import Answer
from presqt_daemon.targets.base import Body, Container, Item, Sending
from presqt_daemon.targets.http import Http
from presqt_daemon.targets.zenodo.drafts import VANISHED, md5_from, name_full_record
from presqt_daemon.targets.zenodo.parts import (
    STORE_SECONDS,
    note_begun,
    parts_done,
    parts_in,
    put_parts,
)

PART_BYTES = 128 << 20
"""One part of a large file: 50 GB stay well below the 10,000 parts of S3."""

LARGE_BYTES = 1 << 30
"""From here on a file goes in parts where the server takes them; a cut costs one part then."""

CHECKSUM_SECONDS = 900.0
"""How long a digest is waited for that the server computes in the background."""

_DONE = frozenset({200, 201, 202})
_NOTHING_TO_END = frozenset({400, 403, 404, 409, 500})
"""How the server may refuse to end a file whose content has never come, or not whole."""

_POLL_SECONDS = (1.0, 2.0, 5.0, 10.0, 15.0)


class DraftFiles:
    """The files of the drafts below `records`, the address of all records."""

    def __init__(
        self,
        http: Http,
        records: str,
        *,
        large_bytes: int = LARGE_BYTES,
        part_bytes: int = PART_BYTES,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._records = records
        self._large_bytes = large_bytes
        self._part_bytes = part_bytes
        self._takes_parts = True
        self._published: set[str] = set()
        self._sleep = sleep
        self._clock = clock

    def listing(self, container: Container) -> Mapping[PurePosixPath, Item]:
        """The files that are complete; one that was only begun is as good as absent."""
        doing = "the list of files"
        answer = self._http.ask("GET", self._files(container), doing=doing, expect=(200, 404))
        if answer.status == 404:
            # an earlier go has published it, and its draft is no more
            self._published.add(container.id)
            answer = self._http.ask("GET", self._files(container), doing=doing)
        entries = answer.tree().get("entries") or ()
        items = (_item(entry) for entry in entries if _is_complete(entry))
        return {item.path: item for item in items}

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        """Store a file in three steps: begin, content, commit.

        The API cannot overwrite: an old file is removed when the new content has been opened and
        is about to be sent, not before. What an earlier go has begun is gone on with, or ended
        where all of it is there, or removed.
        """
        key = str(file.path)
        entry = self._entry(container, key)
        if entry is not None and _is_complete(entry) and replaces is None:
            raise FileExistsError(key)
        with file.open() as body, name_full_record(self._http.target):
            if entry is not None and not self._goes_on(file, entry):
                if (item := self._ended(container, file, entry)) is not None:
                    return item
                self._delete(container, key)
                entry = None
            begun = entry if entry is not None else self._begin(container, file)
            reach("zenodo-begun")
            if (parts := parts_in(begun)) is not None:
                put_parts(self._http, file, body, parts, self._part_bytes)
            else:
                self._put_content(container, file, body)
            reach("zenodo-sent")
            return _item(self._commit(container, key, _DONE).tree())

    def digest(
        self, container: Container, item: Item, algorithms: Collection[str]
    ) -> Mapping[str, str]:
        """The md5 of a file whose parts the server is still reading; empty when it takes too long.

        Waits between its questions; every answer is heard.
        """
        if "md5" not in algorithms:
            return {}
        until = self._clock() + CHECKSUM_SECONDS
        waits = iter(_POLL_SECONDS)
        wait = next(waits)
        while True:
            entry = self._entry(container, str(item.path))
            if entry is None or not _is_complete(entry):
                return {}
            digests = _item(entry).digests
            if digests or self._clock() + wait > until:
                return digests
            self._sleep(wait)
            wait = next(waits, wait)

    def fetch(self, container: Container, item: Item, limit: int) -> bytes | None:
        """The content of a stored file, None for one of more than `limit` bytes."""
        if item.size is None or item.size > limit:
            return None
        url = f"{self._file(container, str(item.path))}/content"
        content = self._http.ask("GET", url, doing=f"the content of {item.path}").content
        return content if len(content) <= limit else None

    def _entry(self, container: Container, key: str) -> dict[str, Any] | None:
        """What the server knows of a file of this name."""
        answer = self._http.ask(
            "GET", self._file(container, key), doing=f"file {key}", expect=(200, 404)
        )
        return answer.tree() if answer.status == 200 else None

    def _goes_on(self, file: Sending, entry: Mapping[str, Any]) -> bool:
        """Whether the file was begun in parts of this very content, so that the rest is enough."""
        parts = parts_in(entry)
        return (
            not _is_complete(entry)
            and parts is not None
            and len(parts) == -(-file.size // self._part_bytes)
            and parts_done(file, self._part_bytes) is not None
        )

    def _ended(self, container: Container, file: Sending, entry: Mapping[str, Any]) -> Item | None:
        """The file, when an earlier go had sent all of it and only its end was missing.

        None where the server has no content to end, or another one.
        """
        md5 = file.digests.get("md5")
        if _is_complete(entry) or md5 is None or parts_in(entry) is not None:
            return None
        answer = self._commit(container, str(file.path), (*_DONE, *_NOTHING_TO_END))
        if answer.status not in _DONE:
            return None
        item = _item(answer.tree())
        return item if item.digests.get("md5") == md5.lower() else None

    def _commit(self, container: Container, key: str, expect: Collection[int]) -> Answer:
        return self._http.ask(
            "POST",
            f"{self._file(container, key)}/commit",
            doing=f"the end of {key}",
            expect=expect,
            read_seconds=STORE_SECONDS,
        )

    def _begin(self, container: Container, file: Sending) -> dict[str, Any]:
        key = str(file.path)
        if file.size >= self._large_bytes and self._takes_parts:
            parts = -(-file.size // self._part_bytes)
            transfer = {"type": "M", "parts": parts, "part_size": self._part_bytes}
            tree = [{"key": key, "size": file.size, "transfer": transfer}]
            answer = self._post(container, tree, key, (201, 400, 403))
            if answer.status == 201:
                note_begun(file, self._part_bytes)
                return _entry_in(answer, key)
            self._takes_parts = False
        return _entry_in(self._post(container, [{"key": key}], key, (201,)), key)

    def _post(self, container: Container, tree: Any, key: str, expect: Collection[int]) -> Answer:
        url = self._files(container)
        return self._http.ask(
            "POST", url, doing=f"the beginning of {key}", tree=tree, expect=expect
        )

    def _put_content(self, container: Container, file: Sending, body: Body) -> None:
        self._http.ask(
            "PUT",
            f"{self._file(container, str(file.path))}/content",
            doing=f"the content of {file.path}",
            body=body,
            size=file.size,
            expect=(200, 201),
            read_seconds=STORE_SECONDS,
        )

    def _delete(self, container: Container, key: str) -> None:
        url = self._file(container, key)
        self._http.ask("DELETE", url, doing=f"the old {key}", expect=(200, 204, *VANISHED))

    def _files(self, container: Container) -> str:
        record = f"{self._records}/{quote(container.id, safe='')}"
        return f"{record}/files" if container.id in self._published else f"{record}/draft/files"

    def _file(self, container: Container, key: str) -> str:
        return f"{self._files(container)}/{quote(key, safe='')}"


def _is_complete(entry: Mapping[str, Any]) -> bool:
    return entry.get("status") == "completed"


def _item(entry: Mapping[str, Any]) -> Item:
    size = entry.get("size")
    return Item(
        path=PurePosixPath(str(entry["key"])),
        size=int(size) if isinstance(size, int | float) else None,
        digests=md5_from(entry.get("checksum")),
    )


def _entry_in(answer: Answer, key: str) -> dict[str, Any]:
    for entry in answer.tree().get("entries") or ():
        if isinstance(entry, dict) and entry.get("key") == key:
            return entry
    raise TargetFault(
        "target-misbehaved", f"{answer.target} began {key}, but does not name it in its answer."
    )
