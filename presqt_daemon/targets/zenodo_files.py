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
from presqt_daemon.targets.base import Body, Container, Item, Sending
from presqt_daemon.targets.http import Answer, Http
from presqt_daemon.targets.zenodo_drafts import VANISHED, md5_from, name_full_record
from presqt_daemon.targets.zenodo_part import Part

PART_BYTES = 128 << 20
"""One part of a large file: 50 GB stay well below the 10,000 parts of S3."""

LARGE_BYTES = 1 << 30
"""From here on a file goes in parts where the server takes them; a cut costs one part then."""

STORE_SECONDS = 600.0
"""How long the server may take after the last byte of a content, or to put parts together."""

CHECKSUM_SECONDS = 900.0
"""How long a digest is waited for that the server computes in the background."""

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
        self._parts_done: dict[tuple[str, str], set[int]] = {}
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
        is about to be sent, not before. What an earlier go has begun is gone on with, or removed.
        """
        key = str(file.path)
        entry = self._entry(container, key)
        if entry is not None and _is_complete(entry) and replaces is None:
            raise FileExistsError(key)
        with file.open() as body, name_full_record(self._http.target):
            if entry is not None and not self._goes_on(container, file, entry):
                self._delete(container, key)
                entry = None
            begun = entry if entry is not None else self._begin(container, file)
            reach("zenodo-begun")
            if (parts := _parts(begun)) is not None:
                self._put_parts(container, file, body, parts)
            else:
                self._put_content(container, file, body)
            reach("zenodo-sent")
            answer = self._http.ask(
                "POST",
                f"{self._file(container, key)}/commit",
                doing=f"the end of {key}",
                expect=(200, 201, 202),
                read_seconds=STORE_SECONDS,
            )
        self._parts_done.pop((container.id, key), None)
        return _item(answer.tree())

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

    def _goes_on(self, container: Container, file: Sending, entry: Mapping[str, Any]) -> bool:
        """Whether this connection has begun the file in parts and may go on with them."""
        done = self._parts_done.get((container.id, str(file.path)))
        return done is not None and entry.get("status") == "pending" and _parts(entry) is not None

    def _begin(self, container: Container, file: Sending) -> dict[str, Any]:
        key = str(file.path)
        if file.size >= self._large_bytes and self._takes_parts:
            parts = -(-file.size // self._part_bytes)
            transfer = {"type": "M", "parts": parts, "part_size": self._part_bytes}
            tree = [{"key": key, "size": file.size, "transfer": transfer}]
            answer = self._post(container, tree, key, (201, 400, 403))
            if answer.status == 201:
                self._parts_done[container.id, key] = set()
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

    def _put_parts(
        self, container: Container, file: Sending, body: Body, parts: list[tuple[int, str]]
    ) -> None:
        done = self._parts_done.setdefault((container.id, str(file.path)), set())
        for number, url in sorted(parts):
            if number in done:
                continue
            start = (number - 1) * self._part_bytes
            size = min(self._part_bytes, file.size - start)
            self._http.ask(
                "PUT",
                url,
                doing=f"part {number} of {file.path}",
                body=Part(body, start, size),
                size=size,
                expect=(200, 201, 204),
                read_seconds=STORE_SECONDS,
            )
            done.add(number)
            reach("zenodo-part")

    def _delete(self, container: Container, key: str) -> None:
        self._parts_done.pop((container.id, key), None)
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


def _parts(entry: Mapping[str, Any]) -> list[tuple[int, str]] | None:
    """Number and address of every part, None for a file that goes whole."""
    links = entry.get("links")
    parts = links.get("parts") if isinstance(links, dict) else None
    return [(int(part["part"]), str(part["url"])) for part in parts] if parts else None


def _entry_in(answer: Answer, key: str) -> dict[str, Any]:
    for entry in answer.tree().get("entries") or ():
        if isinstance(entry, dict) and entry.get("key") == key:
            return entry
    raise TargetFault(
        "target-misbehaved", f"{answer.target} began {key}, but does not name it in its answer."
    )
