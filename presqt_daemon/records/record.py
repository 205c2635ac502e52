"""`receipt.json` as a file: written piece by piece, read again piece by piece.

A hundred thousand files pass through, they are never held. What stands in it is `receipt.py`'s
business for a ticket that ends, `upgrade`'s for one that ended long ago.
"""

import contextlib
import json
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TextIO, cast

from presqt_daemon.model import Fixity, Outcome
from presqt_daemon.system.files import NO_FILE, give_to_owner, open_new, sync_folder

SCHEMA_VERSION = 2
MAX_RECORD_BYTES = 1 << 30
_FILES_KEY = '    "files": [\n'
_FILES_END = "    ],\n"
_TEXTS = (
    "outcome", "fixity", "algorithm", "local_digest", "remote_digest", "remote_path",
)  # fmt: skip
"""Keys of a file's entry that hold a text or null."""


class RecordError(Exception):
    """A record that is missing, torn, or not one of ours."""


class UnreadableRecordError(RecordError, OSError):
    """A record that may be whole and cannot be read now, for want of a right or of a disk."""

    def __str__(self) -> str:
        return f"its record cannot be read ({self.strerror})"


@dataclass(slots=True)
class Record:
    """An open record: everything but the files, and the files one by one (None: not known)."""

    tree: dict[str, Any]
    files: Iterable[dict[str, Any]] | None


@dataclass(frozen=True, slots=True)
class Draft:
    """A record that is written beside its place, and not yet there; ends by `keep` or `drop`."""

    path: Path
    temporary: Path
    handle: int

    def keep(
        self, *, durable: bool = False, before_naming: Callable[[], None] = lambda: None
    ) -> None:
        """Put it in its place, in one step and with its content durable.

        Its name is durable with the next sync of its folder, or by now. Raises OSError and what
        `before_naming` raises, and is dropped then.
        """
        try:
            os.fsync(self.handle)
            before_naming()
            os.replace(self.temporary, self.path)
        except BaseException:
            self.drop()
            raise
        os.close(self.handle)
        if durable:
            sync_folder(self.path.parent)

    def drop(self) -> None:
        """Remove it."""
        with contextlib.suppress(OSError):
            self.temporary.unlink()
        os.close(self.handle)


def draft_record(
    path: Path,
    tree: Mapping[str, Any],
    files: Iterable[Mapping[str, Any]] | None,
    *,
    mode: int,
) -> Draft:
    """A record that will take the place of the one at a path; not durable yet.

    `files` None: nobody knows them. Raises OSError.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    draft = Draft(path, temporary, open_new(temporary, mode))
    try:
        os.fchmod(draft.handle, mode)
        give_to_owner(draft.handle, path.parent)
        with open(
            draft.handle, "w", encoding="utf-8", errors="backslashreplace", closefd=False
        ) as stream:
            _write(stream, tree, files)
    except BaseException:
        draft.drop()
        raise
    return draft


@contextlib.contextmanager
def open_record(path: Path) -> Iterator[Record]:
    """The record in a file, of this schema or an earlier one; its files are read as they are taken.

    Raises RecordError, at once or on the way through the files; UnreadableRecordError where that
    is the disk's or a right's fault.
    """
    try:
        opened = open(path, encoding="utf-8", opener=open_plainly)  # noqa: SIM115  (closed below)
    except OSError as error:
        if error.errno in NO_FILE:
            raise RecordError(f"{path.name}: {error.strerror}") from None
        raise UnreadableRecordError(error.errno, error.strerror, path) from None
    with opened as stream:
        with _telling(path.name, path):
            record = _read_by_line(stream) or _read_whole(stream)
        version = record.tree.get("schema_version")
        if not isinstance(version, int) or version > SCHEMA_VERSION:
            raise RecordError(f"{path.name} has schema version {version!r}")
        yield record


def append_event(path: Path, event: Mapping[str, Any]) -> None:
    """Put one more event into a record. Raises RecordError, OSError.

    The caller holds the ticket's lease.
    """
    mode = stat.S_IMODE(path.lstat().st_mode)
    with open_record(path) as record:
        events = record.tree.get("events")
        if not isinstance(events, list):
            raise RecordError(f"{path.name} is damaged (no events)")
        tree = {**record.tree, "events": [*events, event]}
        draft_record(path, tree, record.files, mode=mode).keep(durable=True)


def open_plainly(path: str, flags: int) -> int:
    """Follows no link and waits for no pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _write(
    stream: TextIO, tree: Mapping[str, Any], files: Iterable[Mapping[str, Any]] | None
) -> None:
    """The object, its list of files last but for the totals that only they tell."""
    stream.write(json.dumps(tree, indent=4, ensure_ascii=False)[:-2])
    if files is None:
        stream.write(',\n    "files": null,\n    "totals": null\n}\n')
        return
    stream.write(f",\n{_FILES_KEY[:-1]}")
    totals: Counter[str] = Counter()
    for index, file in enumerate(files):
        stream.write(",\n        " if index else "\n        ")
        stream.write(json.dumps(file, ensure_ascii=False))
        totals["files"] += 1
        totals[file["outcome"] or "not_sent"] += 1
        if file["fixity"] is not None:
            totals[file["fixity"]] += 1
    names = ("files", *Outcome, "not_sent", *Fixity)
    summary = json.dumps({str(name): totals[name] for name in names})
    stream.write(f'\n{_FILES_END}    "totals": {summary}\n}}\n')


def _read_by_line(stream: TextIO) -> Record | None:
    """A record laid out as we write it; None for another layout, the stream at its start again."""
    head: list[str] = []
    size = 0
    for line in iter(stream.readline, ""):
        if line == _FILES_KEY:
            first = stream.readline()
            if first.strip() == "{":
                break
            tree = json.loads("".join(head).rstrip().rstrip(",") + "}")
            return Record(tree, _file_lines(first, stream)) if isinstance(tree, dict) else None
        head.append(line)
        size += len(line)
        if size > MAX_RECORD_BYTES:
            raise ValueError("too long")
    stream.seek(0)
    return None


def _file_lines(first: str, stream: TextIO) -> Iterator[dict[str, Any]]:
    with _telling("its list of files", stream.name):
        for line in chain([first], iter(stream.readline, "")):
            if line == _FILES_END:
                return
            if line.strip():
                yield _checked(json.loads(line.strip().removesuffix(",")))
    raise RecordError("its list of files is cut short")


@contextlib.contextmanager
def _telling(what: str, path: str | Path) -> Iterator[None]:
    """Raises RecordError for what is damaged, UnreadableRecordError for what cannot be read."""
    try:
        yield
    except OSError as error:
        raise UnreadableRecordError(error.errno, error.strerror, path) from None
    except (ValueError, KeyError, RecursionError) as error:
        raise RecordError(f"{what} is damaged ({type(error).__name__})") from None


def _read_whole(stream: TextIO) -> Record:
    """A record that somebody laid out anew."""
    tree = json.loads(stream.read(MAX_RECORD_BYTES))
    if not isinstance(tree, dict):
        raise ValueError("not an object")  # noqa: TRY004  (a damaged record like any other)
    files = tree.pop("files", None)
    tree.pop("totals", None)
    return Record(tree, None if files is None else [_checked(file) for file in files])


def _checked(file: Any) -> dict[str, Any]:
    """A file's entry as every version of ours has written it. Raises ValueError, KeyError."""
    is_ours = (
        isinstance(file, dict)
        and isinstance(file["path"], str)
        and isinstance(file["size"], int | None)
        and isinstance(file["digests"], dict)
        and all(isinstance(file[key], str | None) for key in _TEXTS)
    )
    if not is_ours:
        raise ValueError("not a file's entry")
    return cast("dict[str, Any]", file)
