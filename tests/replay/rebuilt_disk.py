"""Many crashed disks in one house, each with a target, an inbox folder and tickets of its own.

So one real daemon starts on hundreds of them. A state's files get the names and numbers of its own
in their paths and contents; the numbers of inodes are those that the files have here.
"""

import os
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from presqt_daemon.system.host import boot_id
from tests.replay.crash_states import CrashState

TARGET = "kept00000"
"""The target's name while it is recorded."""

OTHER_BOOT = str(uuid.UUID(int=0x5EED, version=4))
_UUID = re.compile(rb"\b([0-9a-f]{8})-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b")
_NUMBER = re.compile(rb"(?<!localhost:)(?<!127\.0\.0\.1:)\b\d{4,}\b")
"""What may be an inode; a port is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What all states of a recording share: its root, inode -> node, node -> mtime in ns.

    `site` is all that the site was, one after the other; nothing for a target without one.
    """

    root: Path
    nodes: Mapping[int, int]
    times: Mapping[int, int]
    site: Sequence[bytes] = (b"[]",)


def target_name(index: int) -> str:
    """The target of a state."""
    return f"kept{index:05}"


def rebuild(
    recorded: Recorded, state: CrashState, house: Path, index: int
) -> Callable[[bytes], bytes]:
    """Lay a state's files out in a house; what makes the words there of words of the recording."""
    words = _words(recorded, state, house, index)
    own = [name for name in words if len(name) == 8] + [TARGET.encode()]
    places: dict[int, Path] = {}
    folders = [path for path, (_, content) in state.files.items() if content is None]
    for path in sorted(folders):
        if any(word in os.fsencode(path) for word in own):
            place = house / os.fsdecode(_said(os.fsencode(path), words))
            place.mkdir(parents=True, exist_ok=True)
            places[state.files[path][0]] = place
    for path, (node, content) in state.files.items():
        if content is None or not any(word in os.fsencode(path) for word in own):
            continue
        place = house / os.fsdecode(_said(os.fsencode(path), words))
        place.parent.mkdir(parents=True, exist_ok=True)
        if node in places:
            place.hardlink_to(places[node])
            continue
        is_zip = content.startswith(b"PK")
        place.write_bytes(content if is_zip else _said(content, words))
        places[node] = place
    here = {
        str(inode).encode(): str(places[node].stat().st_ino if node in places else 1).encode()
        for inode, node in recorded.nodes.items()
    }
    # the order of times is kept: what was noted is older than what is made after it
    earlier = time.time_ns() - 60 * 10**9
    for node, place in places.items():
        if place.is_file() and not (text := place.read_bytes()).startswith(b"PK"):
            place.write_bytes(_NUMBER.sub(lambda found: here.get(found[0], found[0]), text))
        then = recorded.times.get(node, earlier)
        os.utime(place, ns=(then, then))
    return lambda text: _said(text, words)


def _words(recorded: Recorded, state: CrashState, house: Path, index: int) -> dict[bytes, bytes]:
    found: dict[bytes, None] = {}
    boot = boot_id().encode()
    for path, (_, content) in sorted(state.files.items()):
        for text in (
            os.fsencode(path),
            b"" if content is None or content[:2] == b"PK" else content,
        ):
            for match in _UUID.finditer(text):
                if match[0] != boot:
                    found[match[1]] = None
    for ticket in state.seen:
        found[ticket[:8].encode()] = None
    words = {name: f"{index:05x}{name[5:].decode()}".encode() for name in found}
    if state.has_lost_power:
        words[boot] = OTHER_BOOT.encode()
    words[TARGET.encode()] = target_name(index).encode()
    words[os.fsencode(recorded.root)] = os.fsencode(house)
    return words


def _said(text: bytes, words: Mapping[bytes, bytes]) -> bytes:
    for old, new in words.items():
        text = text.replace(old, new)
    return text
