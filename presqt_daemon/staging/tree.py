"""What a bag is made of, wherever its files lie: in a zip's directory or on disk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What an entry is; only regular files may be part of a bag."""

    FILE = "file"
    LINK = "link"
    OTHER = "other"


class Entry(NamedTuple):
    """One file of a bag; a tuple, since a bag may have 100,000."""

    size: int
    kind: Kind = Kind.FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The files and folders of one bag, by `/`-separated path relative to the bag root.

    Names that are not UTF-8 carry surrogates, as os.fsdecode gives them. `folders` holds every
    folder below the root. `read` gives a file's first bytes, at most `limit` of them.
    """

    files: Mapping[str, Entry]
    folders: frozenset[str]
    read: Callable[[str, int], bytes]
