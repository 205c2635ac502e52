"""The values that travel through the house: frozen, without behaviour beyond small questions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath

RECEIVED_MESSAGE = "The server is processing the request."
"""PresQT's answer to an accepted upload; the inbox receipt and a new ticket both carry it."""


class Status(StrEnum):
    """What the sender sees; every ticket ends in one of the last two."""

    IN_PROGRESS = "in_progress"
    FAILED = "failed"
    FINISHED = "finished"


class Stage(StrEnum):
    """The last thing that is durably true about a ticket."""

    RECEIVED = "received"
    VALIDATED = "validated"
    HASHED = "hashed"
    UPLOADED = "uploaded"


class DuplicateAction(StrEnum):
    """What to do with a file that the container already has."""

    IGNORE = "ignore"
    UPDATE = "update"


class Outcome(StrEnum):
    """What became of one file at the target."""

    CREATED = "created"
    UPDATED = "updated"
    IGNORED = "ignored"


class Fixity(StrEnum):
    """Whether the target's own digest agrees with ours."""

    MATCHED = "matched"
    MISMATCHED = "mismatched"
    UNKNOWN = "unknown"


class PauseKind(StrEnum):
    """Whose trouble holds a target back: see the table in `presqt_daemon.workers.runs.pauses`."""

    OUTAGE = "outage"
    LIMIT = "limit"
    TOKEN = "token"  # noqa: S105
    OPERATOR = "operator"


class Severity(StrEnum):
    """Whether a finding makes a bag unusable."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, or odd, about a drop.

    `code` is kebab-case and stable; `path` is relative to the bag root (or a name in the zip).
    """

    code: str
    message: str
    path: str = ""
    severity: Severity = Severity.ERROR
    expected: str | None = None
    found: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadFile:
    """One payload file; `path` is relative to the payload directory (`data/` is not part of it).

    `digests` maps algorithm names to lower-case hex.
    """

    path: PurePosixPath
    size: int
    digests: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What a bag says about its own routing, before anything is unpacked.

    `top_folder` is the payload's only top folder, None when there are more, none, or top files.
    """

    target: str | None = None
    resource_id: str | None = None
    duplicate_action: str | None = None
    title: str | None = None
    external_identifier: str | None = None
    top_folder: str | None = None
    top_folders: int = 0
    top_files: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bag:
    """A bag that is on disk and valid; its files stand in the ticket's `payload.jsonl`.

    `algorithms` are those of the payload manifests; `info` keeps order and repeats of bag-info.txt.
    `warnings` are the first of `warnings_total`, `fingerprint` is the payload's once it is staged.
    """

    folder: str
    version: str
    algorithms: tuple[str, ...]
    info: tuple[tuple[str, str], ...]
    payload_files: int
    payload_bytes: int
    warnings: tuple[Finding, ...] = ()
    warnings_total: int = 0
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a drop goes by the folder it was dropped in; None where the folder does not say."""

    target: str | None
    resource_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Where a drop goes, after folder, side-car, bag and configuration were asked in this order.

    `resource_id` None means a new top-level resource called `title`; `options_from` names the
    source of each choice: folder, sidecar, bag, config or default.
    """

    target: str
    resource_id: str | None
    title: str
    duplicate_action: DuplicateAction
    options_from: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """What became of one file; `path` as the status file shows it.

    That is `/Project/dir/file` for a payload file; a tag file has no leading slash.
    `remote_digest` is a digest the target computed itself, in `algorithm`; None when it gives none.
    `differs` marks an ignored file whose content at the target is another; `has_replaced` a created
    one of which the target says that something stood there before.
    """

    path: PurePosixPath
    outcome: Outcome
    fixity: Fixity
    size: int = 0
    algorithm: str | None = None
    local_digest: str | None = None
    remote_digest: str | None = None
    remote_path: str | None = None
    differs: bool = False
    has_replaced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadResult:
    """The end of an upload: the container's link and every list the status file shows.

    Paths are payload paths with a leading slash, as PresQT writes them.
    """

    link: str | None
    algorithm: str | None
    failed_fixity: tuple[str, ...] = ()
    unverified_fixity: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    ignored_different: tuple[str, ...] = ()
    warnings: tuple[Finding, ...] = ()
    note: str | None = None
