"""The values in a status file as the types of its fields; wrong ones are told from right ones."""

from datetime import UTC, datetime
from typing import Any

from presqt_daemon.model import DuplicateAction, Finding, Stage, Status

_TIMES = frozenset(
    {
        "expiration",
        "next_attempt_at",
        "waiting_since",
        "received_at",
        "updated_at",
        "finished_at",
    }
)
_COUNTS = frozenset(
    {
        "errors_total",
        "warnings_total",
        "staging_attempt",
        "attempt",
        "resumes",
        "staging_total_bytes",
        "staging_bytes_finished",
        "upload_total_files",
        "upload_files_finished",
        "upload_total_bytes",
        "upload_bytes_finished",
        "job_percentage",
        "waited_seconds",
    }
)
_NEVER_NULL = frozenset({"ticket_number", "message", "source_file", "received_at", "updated_at"})
_LISTS = frozenset(
    {
        "failed_fixity",
        "unverified_fixity",
        "resources_ignored",
        "resources_updated",
        "ignored_different",
    }
)


_FIRST_YEAR, _LAST_YEAR = 1970, 2970


def value_from_json(name: str, raw: Any) -> Any:
    """A key's value as the field's type. Raises ValueError, or what comes of a wrong type."""
    if name in {"errors", "warnings"}:
        return tuple(
            Finding(code=_text(f["code"]), path=_text(f["path"]), message=_text(f["message"]))
            for f in raw
        )
    if name in _LISTS:
        return tuple(_text(item) for item in raw)
    if name == "status":
        return Status(raw)
    if name == "stage":
        return Stage(raw)
    if name in {"options_from", "dropped_by"}:
        return {_text(key): _text(v) if isinstance(v, str) else v for key, v in dict(raw).items()}
    if name in _COUNTS:
        return _whole(raw)
    if raw is None:
        if name in _NEVER_NULL:
            raise ValueError(f"{name} is null")
        return None
    if name in _TIMES:
        return time_from_text(raw)
    if name == "file_duplicate_action":
        return DuplicateAction(raw)
    if name in {"status_code", "function_process_id"}:
        return _whole(raw)
    if not isinstance(raw, str):
        raise ValueError(f"{name} is no text")  # noqa: TRY004  (a damaged file like any other)
    return _text(raw)


def _text(raw: Any) -> str:
    """Text that can be shown and written again: what UTF-8 cannot hold is escaped."""
    text = str(raw)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


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
