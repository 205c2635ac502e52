"""What a person must be told of a new container: noted by an adapter, warned of later.

That is what the bag says of itself and the target has no place for, and others that carry the
ticket's mark.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from presqt_daemon.errors import TargetFault

_MADE = TypeVar("_MADE")
_TREE = TypeVar("_TREE")

MARK = "presqt-ticket:"
"""What a new container carries before the ticket's secret number, where a target keeps texts."""

UNDESCRIBED = "undescribed"
"""The key in a new container's `state` for why the target refused its descriptive fields."""

RESTRICTED = "restricted"
"""The key that says: published by hand as it is, nobody could read its files."""

LEFT_OUT = "left_out"
"""The key for what the target has no place for; a `state` holds text only."""

REMARKS = "remarks"
"""The key for what else a person must be told of a new container: code and sentence each."""

NOT_OURS = "marked-but-not-ours"
"""The warning's code."""

_TOLD = (
    "{name} carries the number of this ticket, but {why}: it was left alone, and a new resource "
    "was made. If it is nothing of yours, somebody tries to get at this deposit."
)

_LONGEST = 200


def state_from(left: Iterable[tuple[str, object]]) -> dict[str, str]:
    """The entry for a container's `state`; nothing where nothing was left out.

    Each item is a field of `ContainerRequest.fields` and what it said, or one row of it.
    """
    rows = [(name, " ".join(str(value).split())[:_LONGEST]) for name, value in left]
    return {LEFT_OUT: json.dumps(rows, ensure_ascii=False)} if rows else {}


def left_out_in(state: Mapping[str, str]) -> list[tuple[str, str]]:
    """Field and value of everything that was left out."""
    return [(str(name), str(value)) for name, value in json.loads(state.get(LEFT_OUT, "[]"))]


def remarks_to(remarks: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The entry for a container's `state`: warnings by code and sentence; nothing without any."""
    rows = list(remarks)
    return {REMARKS: json.dumps(rows, ensure_ascii=False)} if rows else {}


def remarks_in(state: Mapping[str, str]) -> list[tuple[str, str]]:
    """Code and sentence of every remark."""
    return [(str(code), str(said)) for code, said in json.loads(state.get(REMARKS, "[]"))]


def first_of_ours(
    marked: Iterable[Mapping[str, Any]],
    why_not_ours: Callable[[Mapping[str, Any]], str | None],
    called: Callable[[Mapping[str, Any]], str],
) -> tuple[Mapping[str, Any] | None, dict[str, str]]:
    """The first of those with the ticket's mark that is ours, None where none is.

    With it the entry for a container's `state` that tells of others before it; `called` gives what
    a person calls one, at the start of a sentence.
    """
    others: list[tuple[str, str]] = []
    for row in marked:
        why = why_not_ours(row)
        if why is None:
            return row, remarks_to(others)
        others.append((NOT_OURS, _TOLD.format(name=called(row), why=why)))
    return None, remarks_to(others)


def described_or_bare(
    make: Callable[[_TREE], _MADE], described: _TREE, bare: _TREE
) -> tuple[_MADE, dict[str, str]]:
    """What was made of its description; where that is refused, a bare one, and why for `state`."""
    try:
        return make(described), {}
    except TargetFault as error:
        if error.code != "target-refused" or described == bare:
            raise
        return make(bare), {UNDESCRIBED: error.message}


def given(fields: Mapping[str, object], *names: str) -> Iterator[tuple[str, object]]:
    """Those of the named fields that somebody filled in, row by row where they have rows."""
    for name in names:
        value = fields.get(name)
        for row in value if isinstance(value, list) else [value] if value else []:
            yield name, row
