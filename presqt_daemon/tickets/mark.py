"""The beginning of a record: whether a ticket has one of today, and of what content."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from presqt_daemon.tickets.record import MAX_RECORD_BYTES

HEAD_BYTES = 256
"""Enough for the first three keys, which tell whether a ticket has its record, and of what."""

_FIRST = re.compile(
    rb'\{\s*"schema_version": (?P<version>[0-9]{1,9}),'
    rb'(?:\s*"prepared_in": (?:null|"(?P<run>[0-9a-f-]{36})"),)?'
    rb'(?:\s*"content_fingerprint": "(?P<content>sha256:[0-9a-f]{64})",)?'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The beginning of a record: schema, run of prepare-upgrade that made it, fingerprint."""

    version: int
    prepared_in: str | None
    fingerprint: str | None


def mark_of(path: Path) -> Mark | None:
    """The beginning of a record, None where there is none that is ours. Raises OSError.

    One that somebody laid out anew is read as a whole.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        found = _FIRST.match(os.read(handle, HEAD_BYTES))
        if found is None:
            return _mark_of_whole(handle)
    finally:
        os.close(handle)
    run, content = found["run"], found["content"]
    return Mark(
        version=int(found["version"]),
        prepared_in=None if run is None else run.decode("ascii"),
        fingerprint=None if content is None else content.decode("ascii"),
    )


def _mark_of_whole(handle: int) -> Mark | None:
    with open(handle, "rb", closefd=False) as stream:
        stream.seek(0)
        try:
            tree = json.loads(stream.read(MAX_RECORD_BYTES))
        except (ValueError, RecursionError):
            return None
    version = tree.get("schema_version") if isinstance(tree, dict) else None
    if not isinstance(version, int):
        return None
    run, content = tree.get("prepared_in"), tree.get("content_fingerprint")
    return Mark(
        version=version,
        prepared_in=run if isinstance(run, str) else None,
        fingerprint=content if isinstance(content, str) else None,
    )
