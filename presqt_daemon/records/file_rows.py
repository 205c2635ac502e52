"""A file's line in `journal.jsonl`: written by the upload, read again for resume and receipt."""

from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Self

from presqt_daemon.model import FileResult, Fixity, Outcome
from presqt_daemon.schemas.json_values import object_from_json
from presqt_daemon.system.files import open_regular

KEY = "file"
PACKED_KEY = "packed"
CONTAINER_KEY = "container"
_TEXTS = ("algorithm", "local_digest", "remote_digest", "remote_path")
"""Keys that hold a text or null."""


class RowError(Exception):
    """A line that is not one of ours."""


def row_from_result(result: FileResult) -> dict[str, object]:
    """The line's JSON object."""
    keys = ("outcome", "fixity", "size", *_TEXTS, "differs")
    row = {KEY: str(result.path), **{key: getattr(result, key) for key in keys}}
    if result.has_replaced:
        row["has_replaced"] = True
    return row


def result_from_row(row: dict[str, object]) -> FileResult:
    """The result in a line that has the key `file`; RowError when it is damaged."""
    try:
        size = row["size"]
        if not isinstance(size, int):
            raise TypeError(size)
        return FileResult(
            path=PurePosixPath(str(row[KEY])),
            outcome=Outcome(str(row["outcome"])),
            fixity=Fixity(str(row["fixity"])),
            size=size,
            **{key: None if row[key] is None else str(row[key]) for key in _TEXTS},
            differs=bool(row["differs"]),
            has_replaced=bool(row.get("has_replaced", False)),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise RowError(f"not a file's line: {error!r}") from None


class ResultIndex:
    """The last result of each file in a journal, by its place there; the results stay on disk.

    `packed_name` is the one file as which the whole bag travelled, None where it did not;
    `container` is the new container as its target described it, None where none was made. A torn
    line is passed over, a missing journal is empty.
    """

    def __init__(self, path: Path) -> None:
        self.packed_name: str | None = None
        self.container: dict[str, Any] | None = None
        self._places: dict[str, int] = {}
        self._stream: BinaryIO | None = None
        try:
            self._stream = open_regular(path)
        except FileNotFoundError:
            return
        place = 0
        for line in self._stream:
            row = object_from_json(line)
            if KEY in row:
                self._places[str(row[KEY])] = place
            elif PACKED_KEY in row:
                self.packed_name = str(row[PACKED_KEY])
            elif isinstance(row.get(CONTAINER_KEY), dict):
                self.container = row[CONTAINER_KEY]
            place += len(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_how: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def names(self) -> list[str]:
        """The files that have not been taken yet, sorted."""
        return sorted(self._places)

    def read(self, name: str) -> FileResult | None:
        """A file's last result, None when it has none."""
        place = self._places.get(name)
        if place is None or self._stream is None:
            return None
        self._stream.seek(place)
        try:
            return result_from_row(object_from_json(self._stream.readline()))
        except RowError:
            return None

    def take(self, name: str) -> FileResult | None:
        """The same, and forget it."""
        result = self.read(name)
        self._places.pop(name, None)
        return result
