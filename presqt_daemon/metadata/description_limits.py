"""How much of a bag's description is handed on: more than any target shows, less than harms one."""

from dataclasses import replace
from typing import Any

from presqt_daemon.metadata.describe import Description
from presqt_daemon.model import Finding, Severity

MAX_TEXT = 100_000
"""Characters of a description or of notes; services cut or refuse longer ones."""

MAX_WORDS = 2_000
"""Characters of any other text: a title, a name, a keyword, an identifier."""

MAX_ROWS = 1_000
"""Creators, keywords, identifiers; DataCite's largest author lists have some thousands."""

_LONG = frozenset({"description", "notes"})


def within_limits(description: Description) -> tuple[Description, tuple[Finding, ...]]:
    """The description as far as it is handed on, and a warning for each field that was cut."""
    cut: dict[str, Any] = {}
    for name in Description.__dataclass_fields__:
        value = getattr(description, name)
        if isinstance(value, str):
            shorter: object = value[: MAX_TEXT if name in _LONG else MAX_WORDS]
        elif isinstance(value, tuple):
            shorter = tuple(_short_row(row) for row in value[:MAX_ROWS])
        else:
            continue
        if shorter != value:
            cut[name] = shorter
    return replace(description, **cut), tuple(map(_warning, cut))


def _short_row(row: Any) -> Any:
    if isinstance(row, str):
        return row[:MAX_WORDS]
    texts = {name: getattr(row, name) for name in row.__dataclass_fields__}
    long = {
        name: text[:MAX_WORDS]
        for name, text in texts.items()
        if isinstance(text, str) and len(text) > MAX_WORDS
    }
    return replace(row, **long) if long else row


def _warning(name: str) -> Finding:
    return Finding(
        code="metadata-cut",
        message=f"The {name.replace('_', ' ')} in the bag's metadata is too long and was cut: the "
        f"resource gets at most {MAX_ROWS} entries, {MAX_TEXT} characters of a description and "
        f"{MAX_WORDS} of any other text.",
        severity=Severity.WARNING,
    )
