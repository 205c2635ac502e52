"""Values as JSON has them, and back as the types of their fields: wrong ones are told from right.

A file that holds a dataclass of ours, one key for each field, needs no more than this.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache, partial
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

_FIRST_YEAR, _LAST_YEAR = 1970, 2970
_Kind = TypeVar("_Kind")


def object_from_json(content: bytes) -> dict[str, Any]:
    """The JSON object in a file of ours, or on a line of one; empty for anything else."""
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return tree if isinstance(tree, dict) else {}


def tree_from_value(value: Any) -> Any:
    """What `json` writes for a value: of a dataclass an object with a key for each field."""
    if is_dataclass(value):
        return {item.name: tree_from_value(getattr(value, item.name)) for item in fields(value)}
    match value:
        case datetime():
            return text_from_time(value)
        case Mapping():
            return {key: tree_from_value(one) for key, one in value.items()}
        case frozenset():
            return sorted(value)
        case tuple() | list():
            return [tree_from_value(one) for one in value]
    return value


def value_from_tree(kind: Callable[..., _Kind], tree: Any) -> _Kind:
    """The dataclass that `tree_from_value` made this of; further keys are ignored.

    Raises ValueError for a key that is missing, or a value of another type.
    """
    try:
        return kind(**{name: read(tree[name]) for name, read in _readers_of(kind).items()})
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no value of ours: {error!r}") from None


@cache
def _readers_of(kind: Any) -> Mapping[str, Callable[[Any], Any]]:
    hints = get_type_hints(kind)
    return {item.name: reader_for(hints[item.name]) for item in fields(kind)}


def reader_for(kind: Any) -> Callable[[Any], Any]:
    """What makes a JSON value one of this type; null is for the types that allow None.

    It raises ValueError, or what comes of a wrong type.
    """
    kinds = get_args(kind) if NoneType in get_args(kind) else (kind,)
    read = _READERS.get(kinds[0]) or _reader_of_parts(kinds[0])
    return read if NoneType not in kinds else lambda raw: None if raw is None else read(raw)


def _reader_of_parts(kind: Any) -> Callable[[Any], Any]:
    """What reads an enum, a dataclass, or many of what can be read."""
    made: Any = get_origin(kind)
    if made is None:
        is_enum = issubclass(kind, Enum)
        return kind if is_enum else partial(value_from_tree, kind)
    one = reader_for(get_args(kind)[-1 if made is Mapping else 0])
    if made is Mapping:
        return lambda raw: {_only_text(key): one(value) for key, value in raw.items()}
    return lambda raw: made(map(one, raw))


def _object(raw: Any) -> dict[str, Any]:
    return {_text(key): _text(v) if isinstance(v, str) else v for key, v in dict(raw).items()}


def _text(raw: Any) -> str:
    """Text that can be shown and written again: what UTF-8 cannot hold is escaped."""
    text = str(raw)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _only_text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise ValueError(f"{raw!r} is no text")  # noqa: TRY004  (a damaged file like any other)
    return _text(raw)


def _whole(raw: Any) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or raw < 0:
        raise ValueError(f"{raw!r} is no count")
    return raw


def _flag(raw: Any) -> bool:
    if not isinstance(raw, bool):
        raise ValueError(f"{raw!r} is not true or false")  # noqa: TRY004
    return raw


def text_from_time(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds: `2026-01-31T09:30:00.000000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def time_from_text(text: str) -> datetime:
    """The moment in ISO 8601 text; ValueError for one without a time zone, or beyond all sense.

    A moment that can be moved by every retention there is, without leaving the calendar.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"no time zone in {text!r}")
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"no time of ours: {text!r}")
    return moment


_READERS: Mapping[Any, Callable[[Any], Any]] = {
    str: _only_text,
    int: _whole,
    bool: _flag,
    datetime: time_from_text,
    tuple[str, ...]: lambda raw: tuple(map(_text, raw)),
    Mapping[str, str]: _object,
    Mapping[str, int | str | None]: _object,
}
