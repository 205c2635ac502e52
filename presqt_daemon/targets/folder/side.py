"""The hidden folder beside the deposits in which one ticket works: its mark and what is unfinished.

`<archive>/.presqt-<ticket>/` lies on the deposits' file system, so that a finished file gets its
place by a link or a rename, and a half one is never seen there.
"""

import contextlib
import itertools
import json
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from presqt_daemon.system.files import json_bytes, remove_tree, replace_file, sync_folder

PREFIX = ".presqt-"
_MARK = "container.json"
_TOUCHED = "touched.jsonl"
_PUT = "put-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The container that a ticket makes: its title, and its inode once it has been made."""

    title: str
    inode: int | None = None


class SideFolder:
    """One ticket's working place; made when it is first needed."""

    def __init__(self, archive: Path, ticket: str) -> None:
        self.path = archive / f"{PREFIX}{ticket}"
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._touched: set[PurePosixPath] = set()

    def open(self) -> None:
        """Make it, or take over what an earlier go has left; half files of that are removed."""
        self.path.mkdir(mode=0o700, exist_ok=True)
        self._drop_puts()
        with contextlib.suppress(FileNotFoundError):
            lines = (self.path / _TOUCHED).read_text(encoding="utf-8").splitlines(keepends=True)
            whole = (line for line in lines if line.endswith("\n"))
            self._touched.update(PurePosixPath(json.loads(line)) for line in whole)

    def read_mark(self) -> Mark | None:
        """The mark of an earlier go, None without one that is whole."""
        return read_mark(self.path)

    def write_mark(self, mark: Mark) -> None:
        """Make the mark durable."""
        replace_file(self.path / _MARK, json_bytes(asdict(mark)), mode=0o600)
        sync_folder(self.path.parent)

    def drop_mark(self) -> None:
        """Forget the intent: the title was another's."""
        (self.path / _MARK).unlink(missing_ok=True)

    def new_name(self) -> str:
        """The path of a new unfinished file."""
        return str(self.path / f"{_PUT}{next(self._numbers)}")

    def touch(self, folder: PurePosixPath) -> None:
        """Note that a folder of the container has new names, for the commit.

        The note outlives the process, as the names do, but not a power loss, as the names may not.
        """
        with self._lock:
            if folder in self._touched:
                return
            with open(self.path / _TOUCHED, "a", encoding="utf-8") as stream:
                stream.write(f"{json.dumps(str(folder))}\n")
            self._touched.add(folder)

    def touched(self) -> list[PurePosixPath]:
        """The folders with new names, deepest first."""
        with self._lock:
            return sorted(self._touched, key=lambda path: -len(path.parts))

    def close(self, *, is_done: bool) -> None:
        """Remove it when all is done, else only what no later go can use."""
        if is_done:
            remove_tree(self.path)
            return
        self._drop_puts()
        with contextlib.suppress(OSError):
            self.path.rmdir()

    def _drop_puts(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(self.path):
                if name.startswith(_PUT):
                    (self.path / name).unlink(missing_ok=True)


def read_mark(side: Path) -> Mark | None:
    """The mark in a ticket's side folder, None without one that is whole."""
    try:
        tree: Any = json.loads((side / _MARK).read_bytes())
        return Mark(title=str(tree["title"]), inode=tree["inode"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
