"""The folders of OSF's storages: listed, each with the addresses to put into it."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.targets.base import Container
from presqt_daemon.targets.osf.entries import Folder, folder_from_entry, is_folder, name_of
from presqt_daemon.targets.osf.lists import Entry, NotWhole, read_folder, read_pages
from presqt_daemon.targets.web.http import Http

NOT_READY_SECONDS = 2.0
"""What has just been created is not seen everywhere at once."""

ROOT = PurePosixPath()
_LIST = "the list of files"


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
