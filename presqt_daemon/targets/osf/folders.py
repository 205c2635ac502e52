"""The folders of OSF's storages: listed page by page, each with the addresses to put into it."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from presqt_daemon.errors import TargetFault
from presqt_daemon.targets.base import Container
from presqt_daemon.targets.http import Http
from presqt_daemon.targets.osf.entries import Folder, folder_from_entry, with_query

PAGE = "100"
"""Entries on one page, the most that the API gives."""

NOT_READY_SECONDS = 2.0
"""What has just been created is not seen everywhere at once."""

ROOT = PurePosixPath()


class Folders:
    """What one connection knows of folders; used by several threads at once."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._known: dict[tuple[str, PurePosixPath], Folder] = {}
        self._lock = threading.Lock()

    def find(self, container: Container, path: PurePosixPath) -> Folder:
        """A folder's addresses, looked up where this connection has not met it yet."""
        if path == ROOT:
            state = container.state
            return Folder(
                upload=state["upload"], new_folder=state["new_folder"], listing=state["listing"]
            )
        with self._lock:
            known = self._known.get((container.id, path))
        return known or self.look_up(container, path)

    def look_up(self, container: Container, path: PurePosixPath) -> Folder:
        """A folder as its parent's list shows it; its neighbours are remembered too.

        Raises TargetFault when it is not there: it was made before, so it will be.
        """
        parent = self.find(container, path.parent)
        if not parent.listing:
            parent = self.look_up(container, path.parent)
        wanted = None
        for name, entry in self.entries(parent):
            if (entry.get("attributes") or {}).get("kind") == "folder":
                folder = self.keep(container, path.parent / name, entry)
                wanted = folder if name == path.name else wanted
        if wanted is None:
            raise TargetFault(
                "target-unavailable",
                f"{self._http.target} does not show the folder {path}, which must be there.",
                retryable=True,
                retry_after=NOT_READY_SECONDS,
            )
        return wanted

    def keep(self, container: Container, path: PurePosixPath, entry: Mapping[str, Any]) -> Folder:
        """Remember a folder by what the target says of it."""
        folder = folder_from_entry(entry, self._http.target)
        with self._lock:
            if folder.listing or (container.id, path) not in self._known:
                self._known[container.id, path] = folder
        return folder

    def entries(self, folder: Folder) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Name and entry of everything that lies directly in a folder."""
        for entry in pages(self._http, folder.listing, "the list of files"):
            name = (entry.get("attributes") or {}).get("name")
            if isinstance(name, str) and name:
                yield name, entry


def pages(http: Http, url: str, doing: str) -> Iterator[Mapping[str, Any]]:
    """Every entry on every page of a list."""
    seen: set[str] = set()
    following: object = with_query(url, **{"page[size]": PAGE}) if url else None
    while isinstance(following, str) and following not in seen:
        seen.add(following)
        tree = http.ask("GET", following, doing=doing).tree()
        data = tree.get("data")
        if not isinstance(data, list):
            break
        yield from data
        following = (tree.get("links") or {}).get("next")
        if following is None:
            return
    raise TargetFault("target-misbehaved", f"{http.target} gave no whole list to {doing}.")
