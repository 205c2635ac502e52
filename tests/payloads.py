"""`payload.jsonl` of files as values."""

from collections.abc import Iterable
from pathlib import Path

from presqt_daemon.model import PayloadFile
from presqt_daemon.records.payload import PayloadHead, write_rows


def write_payload(path: Path, head: PayloadHead, files: Iterable[PayloadFile]) -> None:
    """The file as staging leaves it."""
    write_rows(path, head, ((str(file.path), file.size, file.digests) for file in files))
