"""Lines put into a ticket's files by hand."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from presqt_daemon.records.lines import LineWriter


def append_lines(path: Path, rows: Iterable[dict[str, object]], *, durable: bool) -> None:
    with closing(LineWriter(path)) as writer:
        writer.append(rows, durable=durable)
