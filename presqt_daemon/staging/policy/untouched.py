"""A bag that another program may read and must not change: its rights, and the proof afterwards."""

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class ReadOnlyBag:
    """The modes that a bag's entries had, and how they stood when nobody could write there."""

    modes: Mapping[bytes, int]
    seen: Mapping[bytes, tuple[int, ...]]


def make_read_only(bag: Path) -> ReadOnlyBag:
    """Take the right to write from every file and folder of a bag, and note how each stands.

    What cannot be taken (a disk that keeps no modes, root) is only noted. Raises OSError.
    """
    modes: dict[bytes, int] = {}
    for path, status in _entries(bag):
        modes[path] = stat.S_IMODE(status.st_mode)
        with contextlib.suppress(PermissionError):
            os.chmod(path, modes[path] & ~_WRITE)
    return ReadOnlyBag(modes, _seen(bag))


def changes_in(bag: Path, before: ReadOnlyBag) -> str | None:
    """An entry that is not as it was, relative to the bag; None where all are."""
    now = _seen(bag)
    for path in sorted(now.keys() | before.seen.keys(), reverse=True):  # files before folders
        if now.get(path) != before.seen.get(path):
            return os.path.relpath(os.fsdecode(path), bag)
    return None


def make_writable(bag: Path, before: ReadOnlyBag) -> None:
    """Give back the rights that were taken; what is gone is passed over. Raises OSError."""
    for path, status in _entries(bag):
        mode = before.modes.get(path)
        if mode is not None and not stat.S_ISLNK(status.st_mode):
            with contextlib.suppress(FileNotFoundError):
                os.chmod(path, mode)


def _entries(bag: Path) -> Iterator[tuple[bytes, os.stat_result]]:
    """Every file and folder with its status, a folder before what is in it; follows no link."""
    top = os.fsencode(bag)
    yield top, os.lstat(top)
    stack = [top]
    while stack:
        with os.scandir(stack.pop()) as entries:
            for entry in entries:
                yield entry.path, entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    stack.append(entry.path)


def _seen(bag: Path) -> dict[bytes, tuple[int, ...]]:
    """What changes with each entry; the time of its last change cannot be set by a program."""
    return {path: (st.st_ino, st.st_size, st.st_ctime_ns) for path, st in _entries(bag)}
