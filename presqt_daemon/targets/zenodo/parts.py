"""A large file on its way to an InvenioRDM draft in parts: which of them are there already.

The server does not say which parts it has (target-apis.md, section 5), so each is noted when it has
been taken.
"""

import json
from collections.abc import Mapping
from typing import Any

from presqt_daemon.system.failpoints import reach
from presqt_daemon.targets.base import Body, Sending
from presqt_daemon.targets.http import Http
from presqt_daemon.targets.zenodo.part import Part

STORE_SECONDS = 600.0
"""How long the server may take after the last byte of a content, or to put parts together."""

_BEGUN = "begun "
_PART = "part "


def parts_in(entry: Mapping[str, Any]) -> list[tuple[int, str]] | None:
    """Number and address of every part, None for a file that goes whole."""
    links = entry.get("links")
    parts = links.get("parts") if isinstance(links, dict) else None
    return [(int(part["part"]), str(part["url"])) for part in parts] if parts else None


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


def put_parts(
    http: Http, file: Sending, body: Body, parts: list[tuple[int, str]], part_bytes: int
) -> None:
    """Send every part that the server has not."""
    done = parts_done(file, part_bytes) or set()
    for number, url in sorted(parts):
        if number in done:
            continue
        start = (number - 1) * part_bytes
        size = min(part_bytes, file.size - start)
        http.ask(
            "PUT",
            url,
            doing=f"part {number} of {file.path}",
            body=Part(body, start, size),
            size=size,
            expect=(200, 201, 204),
            read_seconds=STORE_SECONDS,
        )
        file.notes.add(f"{_PART}{number}")
        reach("zenodo-part")


def _content(file: Sending, part_bytes: int) -> str:
    return json.dumps([file.size, part_bytes, dict(sorted(file.digests.items()))])
