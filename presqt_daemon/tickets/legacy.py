"""PresQT's own tickets, found in place: its flat `process_info.json` as one of our values.

PresQT (2019-07 to 2020-08) left `uploads/<uuid4>/process_info.json` and the unpacked bag beside it.
Nothing of theirs is changed or removed. The file may hold its user's token in plain text: it is
dropped before anything else is looked at, and no error repeats what a file holds.
"""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from presqt_daemon.model import Finding, Stage, Status
from presqt_daemon.schemas.json_values import time_from_text
from presqt_daemon.system.files import open_regular
from presqt_daemon.tickets.process_info import InfoError, NewerInfoError, ProcessInfo
from presqt_daemon.tickets.store import TicketFolder

SCHEMA_VERSION = 0
"""Tells that a status is PresQT's; ours begin with 1."""

MAX_BYTES = 64 << 20
TOKEN_KEY = "presqt-destination-token"  # noqa: S105  (the key's name)
HIDDEN = "[token]"
_MIN_TOKEN = 6
"""A shorter text may stand in any word, and no target gives such tokens."""

_ERROR_CODES: Mapping[int, str] = MappingProxyType(
    {
        401: "unauthorized",
        403: "forbidden",
        404: "resource-not-found",
        410: "resource-gone",
        499: "cancelled",
        504: "timed-out",
    }
)
"""PresQT's failures that have exactly one name here."""

_UNDETERMINED = "Fixity can't be determined"


class LegacyError(InfoError):
    """A status file that is not PresQT's either."""


def read_any_info(folder: TicketFolder) -> ProcessInfo:
    """The status of a ticket of ours, or of PresQT's with `schema_version` 0. Raises InfoError."""
    try:
        return folder.read_info()
    except NewerInfoError:
        raise
    except InfoError as error:
        try:
            return read_legacy(folder)
        except LegacyError:
            raise error from None


def read_legacy(folder: TicketFolder) -> ProcessInfo:
    """PresQT's status in a ticket's folder. Raises LegacyError."""
    try:
        with open_regular(folder.info) as stream:
            content = stream.read(MAX_BYTES)
            written = datetime.fromtimestamp(os.fstat(stream.fileno()).st_mtime, UTC)
    except OSError as error:
        raise LegacyError(f"{folder.info.name}: {error.strerror}") from None
    return legacy_from_bytes(content, folder.ticket, written)


def legacy_from_bytes(content: bytes, ticket: str, written_at: datetime) -> ProcessInfo:
    """PresQT's status in a file's content, as `status` shows it; never written.

    What it does not say has its default; paths are `/Project/dir/file`. Its times are the one that
    is known, `written_at`, when the file was last changed. Raises LegacyError, which repeats
    nothing of it.
    """
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        raise LegacyError("process_info.json is not JSON") from None
    if not isinstance(tree, dict) or "schema_version" in tree or "status" not in tree:
        raise LegacyError("process_info.json is neither ours nor PresQT's")
    token = tree.pop(TOKEN_KEY, None)
    tree = _without(tree, token if isinstance(token, str) else "")
    if tree["status"] not in tuple(Status):
        raise LegacyError("process_info.json has a status that neither we nor PresQT know")
    # until 2019-09 the lists had other names, and paths that began at the bag's root
    is_oldest = "duplicate_files_ignored" in tree or "duplicate_files_updated" in tree
    status, code = Status(tree["status"]), _number(tree.get("status_code"))
    message = _text(tree.get("message")) or ""
    has_failed, is_finished = status is Status.FAILED, status is Status.FINISHED
    error_code = _ERROR_CODES.get(code or 0) if has_failed else None
    error = Finding(code=error_code or "unknown", message=message)
    return ProcessInfo(
        ticket_number=ticket,
        status=status,
        status_code=code,
        message=message,
        error_code=error_code,
        errors=(error,) if has_failed else (),
        errors_total=int(has_failed),
        stage=Stage.UPLOADED if is_finished else Stage.VALIDATED,
        expiration=_moment(tree.get("expiration")),
        job_percentage=100 if is_finished else 0,
        hash_algorithm=_text(tree.get("hash_algorithm")),
        failed_fixity=_paths(tree, is_oldest, "failed_fixity"),
        resources_ignored=_paths(tree, is_oldest, "resources_ignored", "duplicate_files_ignored"),
        resources_updated=_paths(tree, is_oldest, "resources_updated", "duplicate_files_updated"),
        received_at=written_at,
        updated_at=written_at,
        finished_at=None if status is Status.IN_PROGRESS else written_at,
        schema_version=SCHEMA_VERSION,
    )


def is_presqts(info: ProcessInfo) -> bool:
    """Whether a status is one that PresQT itself has left."""
    return info.schema_version == SCHEMA_VERSION


def has_compared(info: ProcessInfo) -> bool:
    """Whether digests of the files were compared with the target's, as far as a status tells."""
    is_undetermined = is_presqts(info) and _UNDETERMINED in info.message
    return info.hash_algorithm is not None and not is_undetermined


def _without(value: Any, token: str) -> Any:
    """The value with the token taken out of every text in it."""
    if len(token) < _MIN_TOKEN:
        return value
    if isinstance(value, str):
        return value.replace(token, HIDDEN)
    if isinstance(value, list):
        return [_without(item, token) for item in value]
    if isinstance(value, dict):
        return {_without(key, token): _without(item, token) for key, item in value.items()}
    return value


def _paths(tree: Mapping[str, Any], is_oldest: bool, *keys: str) -> tuple[str, ...]:
    """A list of payload paths in the form that PresQT settled on: `/Project/dir/file`."""
    rows: list[Any] = next((tree[key] for key in keys if isinstance(tree.get(key), list)), [])
    paths = (row for row in rows if isinstance(row, str))
    if is_oldest:
        paths = (path.removeprefix("data/") for path in paths)
    return tuple(path if path.startswith("/") else f"/{path}" for path in paths)


def _number(value: object) -> int | None:
    """PresQT wrote some codes as text."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _moment(value: object) -> datetime | None:
    try:
        return time_from_text(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
