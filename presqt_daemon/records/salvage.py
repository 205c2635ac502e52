"""What can be read of the beginning of a record: the keys that stand whole before a cut or damage.

A record is laid out by one key to a line, indented by four blanks; its files come last.
"""

import json
from pathlib import Path
from typing import Any

from presqt_daemon.records.record import open_plainly

MAX_HEAD_BYTES = 16 << 20
"""A record's keys before its files take far less."""

_NEXT_KEY = b'\n    "'
_FILES = b'\n    "files": '


def readable_head(path: Path) -> dict[str, Any]:
    """The first keys of a record that is laid out as we write it, as far as they are whole.

    Without its files, which may be cut short; empty where nothing can be made out. Raises OSError.
    """
    with open(path, "rb", opener=open_plainly) as stream:
        return whole_keys(stream.read(MAX_HEAD_BYTES))


def whole_keys(content: bytes) -> dict[str, Any]:
    """The keys before `files` in the beginning of a record, as far as their values are whole.

    The last one counts only where a comma follows: what comes without may have been cut short.
    """
    head, files, _rest = content.partition(_FILES)
    if not files and not head.rstrip(b" \n").endswith(b","):
        head = head.rpartition(_NEXT_KEY)[0]
    while head:
        try:
            tree = json.loads(head.rstrip().removesuffix(b",") + b"}")
        except (ValueError, RecursionError):
            head = head.rpartition(_NEXT_KEY)[0]
            continue
        return tree if isinstance(tree, dict) else {}
    return {}
