"""What can still be read of a damaged record: the keys that stand whole before the damage."""

import json
import os
import re
from pathlib import Path
from typing import Any

MAX_HEAD_BYTES = 16 << 20
"""A record's keys before its files take far less."""

_KEY = re.compile(rb'^    "[a-z_]+": ', re.MULTILINE)
_FILES = re.compile(rb'^    "files": ', re.MULTILINE)


def readable_head(path: Path) -> dict[str, Any]:
    """The first keys of a record that is laid out as we write it, as far as they are whole.

    Without its files, which may be cut short; empty where nothing can be made out. Raises OSError.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as stream:
        content = stream.read(MAX_HEAD_BYTES)
    files = _FILES.search(content)
    keys = _KEY.finditer(content, 0, len(content) if files is None else files.end())
    ends = [key.start() for key in keys]
    if files is None and content.rstrip(b" ").endswith(b",\n"):
        ends.append(len(content))
    for end in reversed(ends):
        try:
            tree = json.loads(content[:end].rstrip().removesuffix(b",") + b"}")
        except (ValueError, RecursionError):
            continue
        return tree if isinstance(tree, dict) else {}
    return {}
