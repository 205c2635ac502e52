"""Lists that come in pages, read to their end."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

from presqt_daemon.errors import TargetFault
from presqt_daemon.targets.http import Http

_LINK = re.compile(r"<([^>]*)>([^<]*)")
_NEXT = re.compile(r";\s*rel\s*=\s*\"?([^\";,]*)\"?", re.IGNORECASE)
_MAX_PAGES = 10_000


def next_page(headers: Mapping[str, str]) -> str | None:
    """The address behind `rel="next"` (RFC 8288), None on the last page."""
    for address, options in _LINK.findall(headers.get("Link") or ""):
        relation = _NEXT.search(options)
        if relation is not None and "next" in relation.group(1).lower().split():
            return str(address)
    return None


def all_pages(
    http: Http, url: str, params: Mapping[str, str], *, doing: str
) -> Iterator[dict[str, Any]]:
    """Every object of a list, page after page."""
    wanted: Mapping[str, str] | None = params
    for _ in range(_MAX_PAGES):
        answer = http.ask("GET", url, params=wanted, doing=doing)
        rows = answer.json()
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise TargetFault(
                "target-misbehaved", f"{http.target} gave no list where one belongs ({doing})."
            )
        yield from rows
        following = next_page(answer.headers)
        if following is None:
            return
        url, wanted = urljoin(url, following), None
    raise TargetFault("target-misbehaved", f"{http.target} gave a list without end ({doing}).")
