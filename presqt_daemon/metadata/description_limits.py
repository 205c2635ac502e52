"""How much of a bag's description is handed on: more than any target shows, less than harms one."""

from dataclasses import replace
from typing import Any

from presqt_daemon.metadata.describe import Description, Person, Related
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
        shorter = _short(value, MAX_TEXT if name in _LONG else MAX_WORDS)
        if shorter != value:
            cut[name] = shorter
    return replace(description, **cut), tuple(map(_warning, cut))


def _short(value: Any, limit: int = MAX_WORDS) -> Any:
    """A text of so many characters, a list of so many rows; the same of what lies in them."""
    if isinstance(value, str):
        return value[:limit]
    if isinstance(value, tuple):
        return tuple(_short(row) for row in value[:MAX_ROWS])
    if isinstance(value, Person | Related):
        return replace(
            value, **{name: _short(getattr(value, name)) for name in value.__dataclass_fields__}
        )
    return value


def _warning(name: str) -> Finding:
    return Finding(
        code="metadata-cut",
        message=f"The {name.replace('_', ' ')} in the bag's metadata is too long and was cut: the "
        f"resource gets at most {MAX_ROWS} entries, {MAX_TEXT} characters of a description and "
        f"{MAX_WORDS} of any other text.",
        severity=Severity.WARNING,
    )
