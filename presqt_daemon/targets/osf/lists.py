"""OSF's lists: in pages from the API, whole from WaterButler; and the folders that they show.

The API's pages repeat entries and drop others in their place where no order is asked for (osf.io
issues 10086, 11266), so an order is asked for always and a repetition is noticed.
"""

import threading
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.targets.base import Container
from presqt_daemon.targets.osf.entries import (
    Folder,
    folder_from_entry,
    is_folder,
    name_of,
    with_query,
)
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.web.pages import MAX_PAGES, repeated

PAGE = "100"
"""Entries on one page, the most that the API gives."""

NOT_READY_SECONDS = 2.0
"""What has just been created is not seen everywhere at once."""

ROOT = PurePosixPath()
_LIST = "the list of files"

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


class Folders:
    """What one connection knows of folders; used by several threads at once."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._known: dict[tuple[str, PurePosixPath], Folder] = {}
        self._lock = threading.Lock()

    def find(self, container: Container, path: PurePosixPath) -> Folder:
        """A folder's addresses, looked up where this connection has not met it yet.

        Raises TargetFault when it is not there: it was made before, so it will be.
        """
        folder = self._seek(container, path)
        if folder is None:
            raise TargetFault(
                "target-unavailable",
                f"{self._http.target} does not show the folder {path}, which must be there.",
                retryable=True,
                retry_after=NOT_READY_SECONDS,
            )
        return folder

    def stat(self, container: Container, path: PurePosixPath) -> Entry | None:
        """What stands at a path now, a file before a folder of that name."""
        folder = self._seek(container, path.parent)
        if folder is None:
            return None
        try:
            found = [one for one in self.contents(folder) if name_of(one) == path.name]
        except UserFault as error:
            if path.parent == ROOT or error.code != "resource-not-found":
                raise
            self.forget(container, path.parent)
            return None
        return next(iter(sorted(found, key=is_folder)), None)

    def _seek(self, container: Container, path: PurePosixPath) -> Folder | None:
        """A folder that this connection knows, or that the list of its parent shows."""
        if path == ROOT:
            state = container.state
            return Folder(
                upload=state["upload"], new_folder=state["new_folder"], listing=state["listing"]
            )
        with self._lock:
            known = self._known.get((container.id, path))
        parent = None if known else self._seek(container, path.parent)
        for entry in self.contents(parent) if parent else ():
            if is_folder(entry) and name_of(entry):
                # its neighbours will be wanted too
                folder = self.keep(container, path.parent / name_of(entry), entry)
                known = folder if name_of(entry) == path.name else known
        return known

    def keep(self, container: Container, path: PurePosixPath, entry: Mapping[str, Any]) -> Folder:
        """Remember a folder by what the target says of it."""
        folder = folder_from_entry(entry, self._http.target)
        with self._lock:
            self._known[container.id, path] = folder
        return folder

    def forget(self, container: Container, path: PurePosixPath) -> None:
        """Look a folder up anew when it is needed again: its address was not known any more."""
        with self._lock:
            self._known.pop((container.id, path), None)

    def entries(self, folder: Folder) -> Sequence[tuple[str, Entry]]:
        """Name and entry of everything that lies directly in a folder.

        From the API, of which a day has more requests; where its pages do not hold together, from
        WaterButler, whose list is whole.
        """
        try:
            listed = read_pages(self._http, folder.listing, _LIST, sort="name", is_counted=True)
        except NotWhole:
            listed = self.contents(folder)
        return [(name_of(entry), entry) for entry in listed if name_of(entry)]

    def contents(self, folder: Folder) -> Sequence[Entry]:
        """The same as WaterButler tells it now, in one request."""
        return read_folder(self._http, folder.contents, _LIST)
