"""A large file on its way to an InvenioRDM draft in parts: which of them are there already.

The server does not say which parts it has (target-apis.md, section 5), so each is noted when it has
been taken. The first part goes alone, since a site may refuse parts only then: Zenodo begins such a
file (201) and forbids its parts (403; zenodo-rdm issue 1443).
"""

import json
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from presqt_daemon.errors import TargetFault
from presqt_daemon.system.failpoints import reach
from presqt_daemon.targets.base import Sending
from presqt_daemon.targets.web.fields import object_in, whole_in
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.web.multipart import FilePart, PartSender

STORE_SECONDS = 600.0
"""How long the server may take after the last byte of a content, or to put parts together."""

AT_ONCE = 4
"""Parts that are under way at the same time."""

_TAKEN = (200, 201, 204)
REFUSED = frozenset({403, 404, 405, 413})
"""What the first part may be answered with by a site, or a proxy before it, that takes no parts or
none of this size."""

_BEGUN = "begun "
_PART = "part "


def parts_in(entry: Mapping[str, Any]) -> list[tuple[int, str]] | None:
    """Number and address of every part, None for a file that goes whole."""
    parts = object_in(entry, "links").get("parts")
    if not parts:
        return None
    try:
        found = [(int(part["part"]), str(part["url"])) for part in parts]
    except (KeyError, TypeError, ValueError):
        found = []
    if not found or min(found)[0] < 1:
        raise TargetFault("target-misbehaved", "The target names parts of a file, but not where.")
    return found


def note_begun(file: Sending, part_bytes: int) -> None:
    """From now on the noted parts are of this content in parts of this size."""
    file.notes.add(_BEGUN + _content(file, part_bytes))


def parts_done(file: Sending, part_bytes: int) -> set[int] | None:
    """The parts that the server has of this very content; None when it was not begun so."""
    done: set[int] | None = None
    for note in file.notes:
        if note.startswith(_BEGUN):
            done = set() if note == _BEGUN + _content(file, part_bytes) else None
        elif note.startswith(_PART) and done is not None:
            done.add(int(note.removeprefix(_PART)))
    return done


def size_of_parts(
    file: Sending, entry: Mapping[str, Any], parts: Collection[tuple[int, str]]
) -> int | None:
    """The size in which an earlier go has begun this very content; None where it has not."""
    size = whole_in(entry.get("transfer"), "part_size") or _noted_size(file)
    if size is None or len(parts) != -(-file.size // size):
        return None
    return size if parts_done(file, size) is not None else None


def put_parts(
    http: Http, file: Sending, parts: list[tuple[int, str]], part_bytes: int
) -> int | None:
    """Send every part that the server has not; None, or the status with which it refused the first.

    After a failure no new part begins, and the error flies when those under way have ended.
    """
    done = parts_done(file, part_bytes) or set()
    missing = [_window(file, part, part_bytes) for part in sorted(parts) if part[0] not in done]
    if not missing:
        return None
    sender = PartSender(http=http, expect=_TAKEN, seconds=STORE_SECONDS)
    if not done:
        # alone, since a site that takes no parts says so only to the first
        status = sender.send(file, missing[0], also=REFUSED)
        if status in REFUSED:
            return status
        _note(file, missing.pop(0))
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="part") as pool:
        sender.send_all(file, missing, pool, lambda part: _note(file, part))
    return None


def _window(file: Sending, part: tuple[int, str], part_bytes: int) -> FilePart:
    number, url = part
    start = (number - 1) * part_bytes
    return FilePart(number=number, start=start, size=min(part_bytes, file.size - start), url=url)


def _note(file: Sending, part: FilePart) -> None:
    file.notes.add(f"{_PART}{part.number}")
    reach("zenodo-part")


def _noted_size(file: Sending) -> int | None:
    """The size of parts in the last note of a beginning."""
    noted = [note for note in file.notes if note.startswith(_BEGUN)]
    size = json.loads(noted[-1].removeprefix(_BEGUN))[1] if noted else None
    return size if isinstance(size, int) and size > 0 else None


def _content(file: Sending, part_bytes: int) -> str:
    return json.dumps([file.size, part_bytes, dict(sorted(file.digests.items()))])
