"""The beginning of a record: whether a ticket has one of today, and of what content."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from presqt_daemon.records.record import open_plainly
from presqt_daemon.records.salvage import whole_keys

HEAD_BYTES = 256
"""Enough for the first three keys, which tell whether a ticket has its record, and of what."""

WHOLE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordHead:
    """The beginning of a record: schema, run of prepare-upgrade that made it, fingerprint."""

    version: int
    prepared_in: str | None
    fingerprint: str | None


def read_record_head(path: Path) -> RecordHead | None:
    """The beginning of a record, None where there is none that is ours. Raises OSError.

    One that does not begin as we write it, with its schema, is read as a whole, up to
    `WHOLE_BYTES`: every start asks this of every ticket, whatever lies there.
    """
    try:
        opened = open(path, "rb", opener=open_plainly)  # noqa: SIM115  (closed below)
    except FileNotFoundError:
        return None
    with opened as stream:
        head = stream.read(HEAD_BYTES)
        tree: Any = whole_keys(head)
        if next(iter(tree), None) != "schema_version":
            try:
                tree = json.loads(head + stream.read(WHOLE_BYTES))
            except (ValueError, RecursionError):
                return None
    version = tree.get("schema_version") if isinstance(tree, dict) else None
    if not isinstance(version, int):
        return None
    run, content = tree.get("prepared_in"), tree.get("content_fingerprint")
    return RecordHead(
        version=version,
        prepared_in=run if isinstance(run, str) else None,
        fingerprint=content if isinstance(content, str) else None,
    )
