"""Text as it may be put on a terminal: nothing in a file's name can move the cursor or hide."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from presqt_daemon.safe_text import UNSAFE, escape
from presqt_daemon.system.files import printable_name

LISTED = 10
"""Lists are cut here; what is left out is counted."""

_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{20,}\b")
_UNSAFE = re.compile(UNSAFE)


def shown(text: str) -> str:
    """The text on one line: control and direction characters appear as escapes."""
    return _UNSAFE.sub(escape, printable_name(text))


def brief(text: str) -> str:
    """As `shown`, with only the beginning of digests, which drown the words around them."""
    return _DIGEST.sub(r"\1...", shown(text))


def capped(items: Iterable[str], total: int | None = None, most: int = LISTED) -> Iterator[str]:
    """At most `most` items, escaped, and a last line that counts the rest."""
    rows = [brief(item) for item in items]
    yield from rows[:most]
    left = max(total or 0, len(rows)) - min(most, len(rows))
    if left > 0:
        yield f"... and {left} more"


def text_from_moment(moment: datetime | None) -> str:
    """A moment for people, UTC to the second; `-` for none."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if moment else "-"
