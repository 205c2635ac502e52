"""The beginning of a record: whether a ticket has one of today, and what a damaged one still says.

A record is laid out by one key to a line, indented by four blanks; its files come last.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from presqt_daemon.records.record import open_plainly
from presqt_daemon.schemas.json_values import object_from_json

HEAD_BYTES = 256
"""Enough for the first three keys, which tell whether a ticket has its record, and of what."""

WHOLE_BYTES = 16 << 20
"""A record's keys before its files take far less."""

_NEXT_KEY = b'\n    "'
_FILES = b'\n    "files": '


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
        tree = whole_keys(head)
        if next(iter(tree), None) != "schema_version":
            tree = object_from_json(head + stream.read(WHOLE_BYTES))
    version = tree.get("schema_version")
    if not isinstance(version, int):
        return None
    run, content = tree.get("prepared_in"), tree.get("content_fingerprint")
    return RecordHead(
        version=version,
        prepared_in=run if isinstance(run, str) else None,
        fingerprint=content if isinstance(content, str) else None,
    )


def readable_head(path: Path) -> dict[str, Any]:
    """The first keys of a record that is laid out as we write it, as far as they are whole.

    Without its files, which may be cut short; empty where nothing can be made out. Raises OSError.
    """
    with open(path, "rb", opener=open_plainly) as stream:
        return whole_keys(stream.read(WHOLE_BYTES))


def whole_keys(content: bytes) -> dict[str, Any]:
    """The keys before `files` in the beginning of a record, as far as their values are whole.

    The last one counts only where a comma follows: what comes without may have been cut short.
    """
    head, files, _rest = content.partition(_FILES)
    if not files and not head.rstrip(b" \n").endswith(b","):
        head = head.rpartition(_NEXT_KEY)[0]
    while head:
        if tree := object_from_json(head.rstrip().removesuffix(b",") + b"}"):
            return tree
        head = head.rpartition(_NEXT_KEY)[0]
    return {}
