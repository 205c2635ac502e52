"""What a bag is made of, wherever its files lie: in a zip's directory or on disk."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple


class EntryKind(StrEnum):
    """What an entry is; only regular files may be part of a bag."""

    FILE = "file"
    LINK = "link"
    OTHER = "other"


class TreeEntry(NamedTuple):
    """One file of a bag; a tuple, since a bag may have 100,000."""

    size: int
    kind: EntryKind = EntryKind.FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The files and folders of one bag, by `/`-separated path relative to the bag root.

    Names that are not UTF-8 carry surrogates, as os.fsdecode gives them. `folders` holds every
    folder below the root. `read` gives a file's first bytes, at most `limit` of them. `guessed`
    are files whose names the reader had to guess, since nothing says how their bytes read.
    """

    files: Mapping[str, TreeEntry]
    folders: frozenset[str]
    read: Callable[[str, int], bytes]
    guessed: frozenset[str] = frozenset()


def tree_from_folder(folder: Path) -> Tree:
    """Everything below a folder, links seen but never followed; files are read when asked for.

    Raises OSError where the folder cannot be read.
    """
    files: dict[str, TreeEntry] = {}
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


def _entry(entry: os.DirEntry[str]) -> TreeEntry:
    if entry.is_symlink():
        return TreeEntry(size=0, kind=EntryKind.LINK)
    if not entry.is_file(follow_symlinks=False):
        return TreeEntry(size=0, kind=EntryKind.OTHER)
    return TreeEntry(size=entry.stat(follow_symlinks=False).st_size)
