"""The status file: `ProcessInfo` and its JSON; the only place that knows PresQT's key names."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, get_type_hints

from presqt_daemon.errors import MAX_MESSAGE, PresqtError
from presqt_daemon.model import (
    RECEIVED_MESSAGE,
    DuplicateAction,
    Finding,
    Stage,
    Status,
    UploadResult,
)
from presqt_daemon.safe_text import bounded
from presqt_daemon.schemas.json_values import reader_for, tree_from_value

SCHEMA_VERSION = 3
OLDEST_VERSION = 1
_LATER_KEYS = frozenset({"waiting_since", "waited_seconds", "engine", "epoch"})
"""Keys that earlier schemas did not have; a status without them has their defaults."""

MAX_FINDINGS = 50
MAX_PATH = 5_000
"""Characters of a path in a finding: Linux has 4096 bytes, and a target may name anything."""

NOT_PUBLISHED = "not-published"
"""The warning on a ticket whose deposit is whole and was to be published; a retry makes it good."""

STEPS: Mapping[Stage, frozenset[Stage]] = MappingProxyType(
    {
        Stage.RECEIVED: frozenset({Stage.RECEIVED, Stage.VALIDATED}),
        Stage.VALIDATED: frozenset({Stage.RECEIVED, Stage.VALIDATED, Stage.HASHED}),
        Stage.HASHED: frozenset({Stage.RECEIVED, Stage.HASHED, Stage.UPLOADED}),
        Stage.UPLOADED: frozenset({Stage.RECEIVED, Stage.UPLOADED}),
    }
)
"""The allowed steps; back to `received` means that the bag is staged again from its zip."""


class InfoError(Exception):
    """A status file that is missing, torn, or not one of ours."""


class UnreadableInfoError(InfoError, OSError):
    """A status file that may be whole and cannot be read now, for want of a right or of a disk."""

    def __str__(self) -> str:
        return str(self.strerror)


class NewerInfoError(InfoError):
    """A status file written by a newer version, which this one must not touch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessInfo:
    """One ticket's status; field names are the file's keys."""

    ticket_number: str
    status: Status = Status.IN_PROGRESS
    status_code: int | None = None
    message: str = RECEIVED_MESSAGE
    error_code: str | None = None
    errors: tuple[Finding, ...] = ()
    errors_total: int = 0
    warnings: tuple[Finding, ...] = ()
    warnings_total: int = 0
    stage: Stage = Stage.RECEIVED
    expiration: datetime | None = None
    source_file: str = ""
    target: str | None = None
    resource_id: str | None = None
    title: str | None = None
    file_duplicate_action: DuplicateAction | None = None
    options_from: Mapping[str, str] = field(default_factory=dict)
    dropped_by: Mapping[str, int | str | None] = field(default_factory=dict)
    function_process_id: int | None = None
    host: str | None = None
    engine: str | None = None
    epoch: int = 0
    staging_attempt: int = 0
    attempt: int = 1
    resumes: int = 0
    staging_total_bytes: int = 0
    staging_bytes_finished: int = 0
    upload_total_files: int = 0
    upload_files_finished: int = 0
    upload_total_bytes: int = 0
    upload_bytes_finished: int = 0
    job_percentage: int = 0
    hash_algorithm: str | None = None
    failed_fixity: tuple[str, ...] = ()
    unverified_fixity: tuple[str, ...] = ()
    resources_ignored: tuple[str, ...] = ()
    resources_updated: tuple[str, ...] = ()
    ignored_different: tuple[str, ...] = ()
    link_to_resource: str | None = None
    waiting_for: str | None = None
    next_attempt_at: datetime | None = None
    waiting_since: datetime | None = None
    waited_seconds: int = 0
    received_at: datetime
    updated_at: datetime
    finished_at: datetime | None = None
    schema_version: int = SCHEMA_VERSION

    @property
    def is_open(self) -> bool:
        """Whether the ticket still goes on."""
        return self.status is Status.IN_PROGRESS

    @property
    def is_resolved(self) -> bool:
        """Whether it is known what goes where, as staging finds out."""
        options = (self.target, self.title, self.file_duplicate_action)
        return bool(self.source_file) and None not in options


def _findings(raw: Any) -> tuple[Finding, ...]:
    """What a status keeps of them, which is not all that was found of each."""
    return tuple(Finding(**{key: _text(one[key]) for key in _FINDING_KEYS}) for one in raw)


_text = reader_for(str)
_FINDING_KEYS = ("code", "path", "message")
_READERS: dict[str, Callable[[Any], Any]] = {
    name: _findings if kind == tuple[Finding, ...] else reader_for(kind)
    for name, kind in get_type_hints(ProcessInfo).items()
}
"""What reads a key's value: its field's type says it."""


def advance(info: ProcessInfo, stage: Stage) -> ProcessInfo:
    """The only setter of `stage`; ValueError for a step that `STEPS` does not allow."""
    if stage not in STEPS[info.stage]:
        raise ValueError(f"no step from {info.stage} to {stage}")
    if stage is Stage.RECEIVED:
        return replace(
            info, stage=stage, hash_algorithm=None, staging_bytes_finished=0, staging_attempt=0
        )
    return replace(info, stage=stage)


_NOBODY_AT_WORK: Mapping[str, Any] = {
    "function_process_id": None,
    "host": None,
    "engine": None,
    "waiting_for": None,
    "next_attempt_at": None,
    "waiting_since": None,
    "waited_seconds": 0,
}


def fail(info: ProcessInfo, error: PresqtError, now: datetime) -> ProcessInfo:
    """The ticket's end by an error that has a name; the stage reached is kept."""
    return replace(
        add_warnings(info, error.warnings, error.warnings_total),
        status=Status.FAILED,
        status_code=error.status_code,
        message=error.message,
        error_code=error.code,
        errors=tuple(map(_bounded, error.findings[:MAX_FINDINGS]))
        or (Finding(code=error.code, message=error.message, path=info.source_file),),
        errors_total=max(error.findings_total, 1),
        finished_at=now,
        **_NOBODY_AT_WORK,
    )


def finish(info: ProcessInfo, result: UploadResult, message: str, now: datetime) -> ProcessInfo:
    """The ticket's end by an upload; `stage` must have been advanced to `uploaded`."""
    return replace(
        add_warnings(info, result.warnings),
        status=Status.FINISHED,
        status_code=200,
        message=message,
        failed_fixity=result.failed_fixity,
        unverified_fixity=result.unverified_fixity,
        resources_ignored=result.ignored,
        resources_updated=result.updated,
        ignored_different=result.ignored_different,
        link_to_resource=result.link or info.link_to_resource,
        hash_algorithm=result.algorithm,
        upload_files_finished=info.upload_total_files,
        upload_bytes_finished=info.upload_total_bytes,
        job_percentage=100,
        finished_at=now,
        **_NOBODY_AT_WORK,
    )


def add_warnings(
    info: ProcessInfo, warnings: tuple[Finding, ...], total: int | None = None
) -> ProcessInfo:
    """The ticket with more warnings: at most `MAX_FINDINGS` listed, all counted, none twice.

    `total` counts those beyond `warnings` too; when the first of them is there already, they were
    all counted before.
    """
    # a status that was read back from its file knows no more of a finding than these three
    known = {(item.code, item.path, item.message) for item in info.warnings}
    # no answer of a target, and no bag, shall fill the disk with statuses
    warnings = tuple(map(_bounded, warnings))
    new = tuple(item for item in warnings if (item.code, item.path, item.message) not in known)
    count = len(new) if total is None else total
    if total is not None and warnings and new[:1] != warnings[:1]:
        count = 0
    return replace(
        info,
        warnings=(info.warnings + new)[:MAX_FINDINGS],
        warnings_total=info.warnings_total + count,
    )


def _bounded(finding: Finding) -> Finding:
    if len(finding.message) <= MAX_MESSAGE and len(finding.path) <= MAX_PATH:
        return finding
    message, path = bounded(finding.message, MAX_MESSAGE), bounded(finding.path, MAX_PATH)
    return replace(finding, message=message, path=path)


def percentage(info: ProcessInfo) -> int:
    """How far the whole job is: staging counts for 30, sending for 69; 100 is only for the end."""
    if info.status is Status.FINISHED:
        return 100
    if info.stage in {Stage.RECEIVED, Stage.VALIDATED}:
        return int(30 * _share(info.staging_bytes_finished, info.staging_total_bytes))
    files = _share(info.upload_files_finished, info.upload_total_files)
    content = _share(info.upload_bytes_finished, info.upload_total_bytes)
    return 30 + int(69 * (files + content) / 2)


def tree_from_info(info: ProcessInfo) -> dict[str, Any]:
    """The file's JSON object, keys in the interface's order."""
    tree: dict[str, Any] = tree_from_value(info)
    for name in ("errors", "warnings"):
        tree[name] = [{key: one[key] for key in _FINDING_KEYS} for one in tree[name]]
    return tree


def info_from_bytes(content: bytes) -> ProcessInfo:
    """The status in a file of ours, of this schema or an earlier one; unknown keys are ignored.

    Raises NewerInfoError for a later schema version and InfoError for anything that is not ours.
    """
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError) as error:
        where = f": {error}" if isinstance(error, json.JSONDecodeError) else ""
        raise InfoError(f"not JSON that is read here{where}") from None
    if not isinstance(tree, dict):
        raise InfoError("not a JSON object")
    version = tree.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise NewerInfoError(f"schema version {version}; this program knows {SCHEMA_VERSION}")
    if not isinstance(version, int) or version < OLDEST_VERSION:
        raise InfoError(f"schema version {version!r}")
    names = _READERS.keys() - (_LATER_KEYS - tree.keys()) - {"schema_version"}
    try:
        info = ProcessInfo(**{name: _READERS[name](tree[name]) for name in names})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InfoError(f"not a status file of ours: {error!r}") from None
    if info.is_open and info.stage in {Stage.HASHED, Stage.UPLOADED} and not info.is_resolved:
        raise InfoError(f"it is {info.stage}, and does not say what goes where")
    return info


def _share(part: int, whole: int) -> float:
    return min(part / whole, 1.0) if whole else 0.0
