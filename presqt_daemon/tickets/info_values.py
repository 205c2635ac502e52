"""The values in a status file as the types of its fields; wrong ones are told from right ones."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import NoneType
from typing import Any, get_args

from presqt_daemon.model import DuplicateAction, Finding, Stage, Status

_FIRST_YEAR, _LAST_YEAR = 1970, 2970


def reader_for(kind: Any) -> Callable[[Any], Any]:
    """What makes a JSON value one of this type; null is for the types that allow None.

    It raises ValueError, or what comes of a wrong type.
    """
    kinds = get_args(kind) if NoneType in get_args(kind) else (kind,)
    read = _READERS[kinds[0]]
    return read if NoneType not in kinds else lambda raw: None if raw is None else read(raw)


def _finding(raw: Any) -> Finding:
    return Finding(code=_text(raw["code"]), path=_text(raw["path"]), message=_text(raw["message"]))


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
    datetime: time_from_text,
    Status: Status,
    Stage: Stage,
    DuplicateAction: DuplicateAction,
    tuple[str, ...]: lambda raw: tuple(map(_text, raw)),
    tuple[Finding, ...]: lambda raw: tuple(map(_finding, raw)),
    Mapping[str, str]: _object,
    Mapping[str, int | str | None]: _object,
}
