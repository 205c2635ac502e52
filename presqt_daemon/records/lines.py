"""Files of JSON objects, one a line: appended whole, read past what a crash has torn."""

import json
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import BinaryIO

from presqt_daemon.system.files import NO_FILE, open_regular

_line = json.JSONEncoder(ensure_ascii=False).encode


def append_lines(path: Path, rows: list[dict[str, object]], *, durable: bool) -> None:
    """Append JSON objects to a file of lines, in one write."""
    append_text(path, "".join(_line(row) + "\n" for row in rows), durable=durable)


def append_text(path: Path, text: str, *, durable: bool) -> None:
    """Append whole lines that are JSON already, in one write; a failed one leaves no part of it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
    handle = os.open(path, flags, 0o600)
    try:
        before = os.fstat(handle).st_size
        try:
            with open(handle, "wb", closefd=False) as stream:
                stream.write(text.encode())
            if durable:
                os.fsync(handle)
        except OSError:
            os.ftruncate(handle, before)
            raise
    finally:
        os.close(handle)


def read_lines(path: Path) -> Generator[dict[str, object], None, None]:
    """The JSON objects of a file of lines; a missing file has none, nor has what is no file."""
    try:
        stream = open_regular(path)
    except OSError as error:
        if error.errno in NO_FILE:
            return
        raise
    with stream:
        yield from read_rows(stream)


def read_rows(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The JSON objects from where an open file of lines stands.

    A torn line, which a crash in the middle of an append leaves, is passed over.
    """
    for line in stream:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if line.endswith(b"\n") and isinstance(row, dict):
            yield row
