"""Files of JSON objects, one a line: appended whole, read past what a crash has torn."""

import json
import os
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from presqt_daemon.schemas.json_values import object_from_json
from presqt_daemon.system.files import NO_FILE, open_regular

_line = json.JSONEncoder(ensure_ascii=False).encode
_APPENDING = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def line_of(row: dict[str, object]) -> str:
    """A JSON object as one line."""
    return _line(row) + "\n"


class LineWriter:
    """The writing end of a file of lines, opened with the first of them; to be closed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def append(self, rows: Iterable[dict[str, object]], *, durable: bool) -> None:
        """Append JSON objects; of what fails no part is left. Raises OSError."""
        if self._handle is None:
            self._handle = os.open(self._path, _APPENDING, 0o600)
        content, written = "".join(map(line_of, rows)).encode(), 0
        try:
            while written < len(content):
                written += os.write(self._handle, content[written:])
            if durable:
                os.fsync(self._handle)
        except OSError:
            os.ftruncate(self._handle, os.fstat(self._handle).st_size - written)
            raise

    def close(self) -> None:
        """Let go of the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def read_lines(path: Path) -> Generator[dict[str, Any], None, None]:
    """The JSON objects of a file of lines; a missing file has none, nor has what is no file."""
    try:
        stream = open_regular(path)
    except OSError as error:
        if error.errno in NO_FILE:
            return
        raise
    with stream:
        yield from read_rows(stream)


def read_rows(stream: BinaryIO) -> Iterator[dict[str, Any]]:
    """The JSON objects from where an open file of lines stands.

    A torn line, which a crash in the middle of an append leaves, is passed over.
    """
    for line in stream:
        if line.endswith(b"\n") and (row := object_from_json(line)):
            yield row
