"""PresQT's own tickets, found in place: its flat `process_info.json` as one of our values.

PresQT (2019-07 to 2020-08) left `uploads/<uuid4>/process_info.json` and the unpacked bag beside it.
Nothing of theirs is changed or removed. The file may hold its user's token in plain text: it is
dropped before anything else is looked at, and no error repeats what a file holds.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from presqt_daemon.model import Finding, Stage, Status
from presqt_daemon.tickets.info_values import time_from_text
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Legacy:
    """What PresQT's status file says; None where it does not. Paths as `/Project/dir/file`.

    `written_at` is when the file was last changed, the only time that is known.
    """

    ticket: str
    status: Status
    status_code: int | None
    message: str
    expiration: datetime | None
    hash_algorithm: str | None
    failed_fixity: tuple[str, ...]
    ignored: tuple[str, ...]
    updated: tuple[str, ...]
    written_at: datetime

    @property
    def is_determined(self) -> bool:
        """Whether PresQT could compare digests."""
        return _UNDETERMINED not in self.message

    @property
    def error_code(self) -> str | None:
        """Our name of its failure, None where there is more than one."""
        if self.status is not Status.FAILED or self.status_code is None:
            return None
        return _ERROR_CODES.get(self.status_code)


def read_any_info(folder: TicketFolder) -> ProcessInfo:
    """The status of a ticket of ours, or of PresQT's with `schema_version` 0. Raises InfoError."""
    try:
        return folder.read_info()
    except NewerInfoError:
        raise
    except InfoError as error:
        try:
            return info_from_legacy(read_legacy(folder))
        except LegacyError:
            raise error from None


def read_legacy(folder: TicketFolder) -> Legacy:
    """PresQT's status in a ticket's folder. Raises LegacyError."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with open(os.open(folder.info, flags), "rb") as stream:
            content = stream.read(MAX_BYTES)
            written = datetime.fromtimestamp(os.fstat(stream.fileno()).st_mtime, UTC)
    except OSError as error:
        raise LegacyError(f"{folder.info.name}: {error.strerror}") from None
    return legacy_from_bytes(content, folder.ticket, written)


def legacy_from_bytes(content: bytes, ticket: str, written_at: datetime) -> Legacy:
    """PresQT's status in a file's content. Raises LegacyError, which repeats nothing of it."""
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
    return Legacy(
        ticket=ticket,
        status=Status(tree["status"]),
        status_code=_number(tree.get("status_code")),
        message=_text(tree.get("message")) or "",
        expiration=_moment(tree.get("expiration")),
        hash_algorithm=_text(tree.get("hash_algorithm")),
        failed_fixity=_paths(tree, is_oldest, "failed_fixity"),
        ignored=_paths(tree, is_oldest, "resources_ignored", "duplicate_files_ignored"),
        updated=_paths(tree, is_oldest, "resources_updated", "duplicate_files_updated"),
        written_at=written_at,
    )


def info_from_legacy(legacy: Legacy) -> ProcessInfo:
    """PresQT's status as `status` shows it; never written. Its times are the file's own."""
    has_failed = legacy.status is Status.FAILED
    is_finished = legacy.status is Status.FINISHED
    error = Finding(code=legacy.error_code or "unknown", message=legacy.message)
    return ProcessInfo(
        ticket_number=legacy.ticket,
        status=legacy.status,
        status_code=legacy.status_code,
        message=legacy.message,
        error_code=legacy.error_code,
        errors=(error,) if has_failed else (),
        errors_total=int(has_failed),
        stage=Stage.UPLOADED if is_finished else Stage.VALIDATED,
        expiration=legacy.expiration,
        job_percentage=100 if is_finished else 0,
        hash_algorithm=legacy.hash_algorithm,
        failed_fixity=legacy.failed_fixity,
        resources_ignored=legacy.ignored,
        resources_updated=legacy.updated,
        received_at=legacy.written_at,
        updated_at=legacy.written_at,
        finished_at=None if legacy.status is Status.IN_PROGRESS else legacy.written_at,
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
