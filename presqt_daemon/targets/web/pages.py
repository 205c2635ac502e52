"""Lists that come in pages, read to their end."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from presqt_daemon.errors import TargetFault
from presqt_daemon.targets.web.addresses import joined
from presqt_daemon.targets.web.http import Http

_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_NEXT = re.compile(r";\s*rel\s*=\s*\"?([^\";,]*)\"?", re.IGNORECASE)
MAX_PAGES = 10_000
MAX_DEPTH = 400
MAX_FOLDERS = 100_000


@dataclass(slots=True, kw_only=True)
class FolderBound:
    """Ends a listing, folder by folder, of folders that hold themselves under ever new names."""

    target: str
    doing: str
    _count: int = 0

    def enter(self, path: PurePosixPath) -> None:
        """Count a folder that will be listed.

        Raises TargetFault `target-misbehaved` below `MAX_DEPTH` levels, after `MAX_FOLDERS`.
        """
        self._count += 1
        if len(path.parts) > MAX_DEPTH or self._count > MAX_FOLDERS:
            raise TargetFault(
                "target-misbehaved", f"{self.target} gave folders without end to {self.doing}."
            )


def next_page(headers: Mapping[str, str]) -> str | None:
    """The address behind `rel="next"` (RFC 8288), None on the last page."""
    for address, options in _LINK.findall(headers.get("Link") or ""):
        relation = _NEXT.search(options)
        if relation is not None and "next" in relation.group(1).lower().split():
            return str(address)
    return None


def repeated(target: str, doing: str) -> TargetFault:
    """Why a list is not believed in which an entry stands twice; another reading may be whole."""
    return TargetFault(
        "target-unavailable",
        f"{target} repeats entries in {doing}, so that others may be missing.",
        retryable=True,
    )


def all_pages(
    http: Http, url: str, params: Mapping[str, str], *, doing: str, key: str = "id"
) -> Iterator[dict[str, Any]]:
    """Every object of a list, page after page.

    `key` is the field by which they are told apart. Raises TargetFault `target-unavailable`, to be
    tried again, for one that comes twice: what moves the pages under their reader drops others.
    """
    wanted: Mapping[str, str] | None = params
    contents: set[bytes] = set()
    seen: set[str] = set()
    for _ in range(MAX_PAGES):
        answer = http.ask("GET", url, params=wanted, doing=doing)
        rows = answer.json()
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise TargetFault(
                "target-misbehaved", f"{http.target} gave no list where one belongs ({doing})."
            )
        # a page counts by what it holds, not by its address, which a server may number for ever;
        # one may well be empty, since rows are filtered after they were counted
        content = hashlib.sha256(answer.content).digest()
        if rows and content in contents:
            raise TargetFault(
                "target-misbehaved", f"{http.target} gave the same page twice to {doing}."
            )
        contents.add(content)
        names = [str(row[key]) for row in rows if key in row]
        known = len(seen) + len(names)
        seen.update(names)
        if len(seen) < known:
            raise repeated(http.target, doing)
        yield from rows
        following = next_page(answer.headers)
        if following is None:
            return
        url, wanted = joined(url, following, http.target), None
    raise TargetFault("target-misbehaved", f"{http.target} gave a list without end to {doing}.")
