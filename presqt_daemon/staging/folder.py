"""A folder on disk as a `Tree`; links are seen, never followed."""

import os
from pathlib import Path

from presqt_daemon.staging.tree import Entry, Kind, Tree


def tree_from_folder(folder: Path) -> Tree:
    """Everything below a folder; its files are read as they are when they are asked for.

    Raises OSError where the folder cannot be read.
    """
    files: dict[str, Entry] = {}
    folders: set[str] = set()
    stack = [""]
    while stack:
        inner = stack.pop()
        with os.scandir(folder / inner) as entries:
            for entry in sorted(entries, key=lambda found: found.name):
                path = f"{inner}/{entry.name}" if inner else entry.name
                if entry.is_dir(follow_symlinks=False):
                    folders.add(path)
                    stack.append(path)
                else:
                    files[path] = _entry(entry)

    def read(path: str, limit: int) -> bytes:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with open(os.open(folder / path, flags), "rb") as stream:
            return stream.read(limit)

    return Tree(files=dict(sorted(files.items())), folders=frozenset(folders), read=read)


def _entry(entry: os.DirEntry[str]) -> Entry:
    if entry.is_symlink():
        return Entry(size=0, kind=Kind.LINK)
    if not entry.is_file(follow_symlinks=False):
        return Entry(size=0, kind=Kind.OTHER)
    return Entry(size=entry.stat(follow_symlinks=False).st_size)
