"""OSF's lists: in pages from the API, whole from WaterButler.

The API's pages repeat entries and drop others in their place where no order is asked for (osf.io
issues 10086, 11266), so an order is asked for always and a repetition is noticed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from presqt_daemon.errors import TargetFault
from presqt_daemon.targets.osf.entries import with_query
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.web.pages import MAX_PAGES, repeated

PAGE = "100"
"""Entries on one page, the most that the API gives."""

_TRIES = 3

Entry = Mapping[str, Any]


class NotWhole(Exception):
    """The pages of a list repeat entries, or are not as many as they say."""


def read_pages(
    http: Http, url: str, doing: str, *, sort: str, is_counted: bool = False
) -> Sequence[Entry]:
    """Every entry on every page of a list, in this order. Raises NotWhole, also without an address.

    `is_counted`: they must be as many as the list says. A list of projects may count some that
    this account does not see.
    """
    if not url:
        raise NotWhole
    seen: set[str] = set()
    entries: list[Entry] = []
    following: object = with_query(url, **{"page[size]": PAGE, "sort": sort})
    known: set[str] = set()
    while isinstance(following, str) and following not in seen and len(seen) < MAX_PAGES:
        seen.add(following)
        tree = http.ask("GET", following, doing=doing).tree()
        data = tree.get("data")
        if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
            break
        entries += data
        names = {str(entry.get("id")) for entry in data}
        # at once, since a list that goes in a circle under ever new addresses has no end
        if len(names) < len(data) or names & known:
            raise NotWhole
        known |= names
        links = tree.get("links")
        following = links.get("next") if isinstance(links, dict) else None
        if following is None:
            if is_counted and _total(tree) not in {None, len(entries)}:
                raise NotWhole
            return entries
    raise TargetFault("target-misbehaved", f"{http.target} gave no whole list to {doing}.")


def _total(tree: Mapping[str, Any]) -> int | None:
    """How many entries the list says to have; newer versions of the API say it beside `links`."""
    links = tree.get("links")
    for holder in (links, tree):
        meta = holder.get("meta") if isinstance(holder, dict) else None
        total = meta.get("total") if isinstance(meta, dict) else None
        if isinstance(total, int):
            return total
    return None


def read_steadily(http: Http, url: str, doing: str, *, sort: str) -> Sequence[Entry]:
    """The same, read again where it was not whole, since something new moves all that follows."""
    for _ in range(_TRIES):
        try:
            return read_pages(http, url, doing, sort=sort)
        except NotWhole:
            http.heard()
    raise repeated(http.target, doing)


def read_folder(http: Http, url: str, doing: str) -> Sequence[Entry]:
    """Everything in a folder as WaterButler tells it: in one piece, with digests."""
    data = http.ask("GET", url, doing=doing).tree().get("data")
    if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
        raise TargetFault("target-misbehaved", f"{http.target} gave no list to {doing}.")
    return data
