"""Every path of a zip, so that no two entries claim one place."""

import sys

from presqt_daemon.findings import shown
from presqt_daemon.zips.faults import NEW_ZIP, Problems
from presqt_daemon.zips.names import same_form


class Places:
    """Every path of a zip, so that no two entries claim one place.

    `folders` counts those that have an entry and those that files lie in; `folder_bytes` is what
    their names take in memory.
    """

    def __init__(self, problems: Problems) -> None:
        self.folders = 0
        self.folder_bytes = 0
        self._problems = problems
        self._files: dict[str, str] = {}
        self._folders: dict[str, str] = {}
        self._seen_folders: set[str] = set()
        self._explicit: set[str] = set()

    def add_file(self, name: str) -> None:
        """Note a file and the folders above it."""
        parent = name.rpartition("/")[0]
        if parent and parent not in self._seen_folders:
            self._add_folders(parent)
        key = same_form(name)
        other = self._files.setdefault(key, name)
        if other is not name:
            self._collide(name, other)

    def add_folder(self, name: str) -> None:
        """Note a folder that has an entry of its own, and those above it."""
        if name in self._explicit:
            self._problems.add(
                "duplicate-entry", name, "the folder stands in the zip twice", NEW_ZIP
            )
            return
        self._explicit.add(name)
        if name not in self._seen_folders:
            self._add_folders(name)

    def finish(self) -> None:
        """Report files that are folders at the same time."""
        for key in self._files.keys() & self._folders.keys():
            self._problems.add(
                "file-is-folder",
                self._files[key],
                "the zip holds a file and a folder of this name",
                "Rename one of them and zip again",
            )

    def _add_folders(self, name: str) -> None:
        while name and name not in self._seen_folders:
            self._seen_folders.add(name)
            self.folders += 1
            self.folder_bytes += sys.getsizeof(name)
            other = self._folders.setdefault(same_form(name), name)
            if other is not name and other != name:
                self._collide(name, other)
            name = name.rpartition("/")[0]

    def _collide(self, name: str, other: str) -> None:
        if name == other:
            self._problems.add("duplicate-entry", name, "the file stands in the zip twice", NEW_ZIP)
        else:
            self._problems.add(
                "name-collision",
                name,
                f"differs from {shown(other)} only by the form of its letters (Unicode "
                "normalization), so many systems take both for one",
                "Rename one of them, make the bag again and zip it",
            )
