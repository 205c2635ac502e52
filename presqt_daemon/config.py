"""The configuration as frozen values; defaults, types and meanings stand here.

What is set for one type of target alone stands in its room.

How text becomes these values is the business of `settings/`, which makes the schema and the
commented example of the same definitions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from presqt_daemon.notation import (
    COMMAND,
    FLAG,
    MODE,
    OPTIONS,
    PATH,
    SIZE,
    TEXT,
    TIME,
    count_from,
    list_of,
    one_of,
    or_null,
    or_word,
    setting,
)
from presqt_daemon.receivers import MetricsConfig, NotifyConfig, ReceiverConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetConfig:
    """One entry of `targets:`; what a type does not use must not be set for it.

    Here stand the settings that other rooms read; each type says which of them it takes. `own` are
    those that it adds itself, as they are defined in its room under `presqt_daemon.targets`.
    """

    name: str = ""
    type: str = setting("folder", TEXT, "{types}, a plug-in's")
    path: Path | None = setting(
        None, or_null(PATH), "the directory; every upload becomes a folder in it"
    )
    keep: str = setting(
        "payload", one_of("payload", "bag"), "payload: the files as they are; bag: the whole bag"
    )
    mode: int = setting(0o640, MODE, "of deposited files; folders get x where it has r")
    url: str | None = setting(None, or_null(TEXT), "null: the public service")
    token_file: Path | None = setting(None, or_null(PATH), "a file that only the service can read")
    token_credential: str | None = setting(
        None, or_null(TEXT), "a credential that systemd passes (LoadCredential=)"
    )
    token_env: str | None = setting(
        None, or_null(TEXT), "a variable's name; read once, then taken out of the environment"
    )
    own: Mapping[str, Any] = field(default_factory=dict, hash=False)
    visibility: str = setting(
        "private", one_of("private", "public"), "private or public, of new resources"
    )
    publish: str = setting(
        "never",
        one_of("never", "after_verified"),
        "never, or after_verified where the target knows drafts",
    )
    sender_may: tuple[str, ...] = setting(
        (), list_of("resource_id"), "resource_id: a drop may name the resource it goes into"
    )
    time_limit: float | None = setting(
        None, or_null(TIME), "of one upload; null: as uploads.time_limit"
    )
    workers: int = setting(
        2, count_from(1), "uploads at a time; the last is kept for bags under staging.small"
    )
    connections: int | None = setting(
        None, or_null(count_from(1)), "of one upload; null: as uploads.connections"
    )
    requests_per_minute: int | None = setting(
        None, or_null(count_from(1)), "of one account; null: what the public service asks for"
    )
    options: Mapping[str, str] = setting(
        None, or_null(OPTIONS), "what a plug-in's type needs besides"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeConfig:
    """When and how a drop is taken. Times in seconds."""

    settle: float = setting(
        1.0, TIME, "nothing may touch a file for so long; at least 2s where writers are not seen"
    )
    rescan: float = setting(10.0, TIME, "the inbox is read at least so often, whatever events say")
    incomplete_after: float = setting(
        600.0, TIME, "a zip that is not whole and grows no more gets its failed ticket"
    )
    observer: str = setting(
        "auto", one_of("auto", "off"), "auto: events wake the scan; off: the scan alone"
    )
    ignore: tuple[str, ...] = setting(
        (), list_of(), "shell patterns, in any letter case; added to the table of leftovers"
    )
    route_by_drop: bool = setting(
        False, FLAG, "true: drops directly in the inbox may name their target"
    )
    same_content: str = setting(
        "upload",
        one_of("upload", "point"),
        "a zip seen before: upload it again, or point to its first ticket",
    )
    mediafiles_as_seen: str | None = setting(
        None, or_null(TEXT), "where senders see mediafiles, for the path in their note"
    )
    status_beside: bool = setting(True, FLAG, "a copy of the status beside the note, at the end")


@dataclass(frozen=True, slots=True, kw_only=True)
class StagingConfig:
    """Limits of one bag, and how it is unpacked and validated. Sizes in bytes, times in seconds."""

    workers: int = setting(
        0,
        or_word("auto", 0, count_from(1)),
        "bags unpacked at a time; auto: one for each core, or each thread of an engine",
    )
    attempts: int = setting(3, count_from(1), "writes of a bag to disk before it counts as invalid")
    max_zip_bytes: int = setting(100 * 10**9, SIZE, "larger zips are refused")
    max_unpacked_bytes: int = setting(100 * 10**9, SIZE, "of all files of a bag")
    max_file_bytes: int = setting(50 * 10**9, SIZE, "of one file")
    max_files: int = setting(100_000, count_from(1), "files and folders of one bag")
    max_path_bytes: int = setting(
        3000, count_from(255, 4000), "of one file's path in the bag; Linux takes 4095 in all"
    )
    max_depth: int = setting(64, count_from(8, 2000), "folders that a file may lie deep")
    max_ratio: int = setting(200, count_from(1), "unpacked size to zipped size")
    min_free_bytes: int = setting(500 * 10**6, SIZE, "stay free; a bag that does not fit now waits")
    small: int = setting(10**9, SIZE, "bags below this never wait behind larger ones")
    time_limit: float = setting(3600.0, TIME, "for unpacking and validating one bag")
    read_back: str = setting(
        "cache", one_of("cache", "disk"), "disk: read the unpacked files from the disk itself"
    )
    scratch: Path | None = setting(
        None, or_null(PATH), "a folder on this host's own disk; bags are unpacked there"
    )
    profile: Path | None = setting(
        None, or_null(PATH), "a BagIt profile (JSON file) that every bag must meet"
    )
    check_command: tuple[str, ...] | None = setting(
        None,
        or_null(COMMAND),
        "a program and its arguments, run in every valid bag; 0 lets it pass",
    )
    check_time_limit: float = setting(600.0, TIME, "for check_command and one bag")
    second_opinion: str = setting(
        "none", one_of("none", "bagit"), "bagit: that library is asked too; the log tells of doubts"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadsConfig:
    """How a bag is sent. Times in seconds, sizes in bytes."""

    connections: int = setting(8, count_from(1), "files on the way at a time, within one upload")
    time_limit: float = setting(3600.0, TIME, "of one upload; waiting does not count")
    stall_limit: float = setting(600.0, TIME, "without a byte sent or an answer")
    memory_limit: int = setting(10**9, SIZE, "of one worker and its children")
    retries: int = setting(5, count_from(0), "of one request")
    deadline: float = setting(
        7 * 86400.0, TIME, "the longest a ticket waits for a target, a token or disk space"
    )
    max_resumes: int = setting(
        5, count_from(1), "goes after interruptions that brought nothing forward"
    )
    duplicates: str = setting(
        "ignore",
        one_of("ignore", "update"),
        "files that the resource has already: ignore or update",
    )
    structure: str = setting(
        "any", one_of("any", "presqt"), "presqt: exactly one folder at the top of the payload"
    )
    fts_metadata: bool = setting(True, FLAG, "leave a PRESQT_FTS_METADATA.json with the deposit")
    tag_files: str = setting(
        "none",
        one_of("none", "folder"),
        "folder: send the bag's tag files too, into `bag-tags/` beside the payload",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Where an engine of many hosts is. Times in seconds.

    Used with another `engine` than local; `lease_ttl` also where a standby may take over.
    """

    address: str | None = setting(
        None, or_null(TEXT), "of dask's scheduler: tcp://host:8786, or tls://host:8786"
    )
    tls_ca: Path | None = setting(
        None, or_null(PATH), "whose certificates count; null: not encrypted, for a private network"
    )
    tls_cert: Path | None = setting(None, or_null(PATH), "the daemon's own certificate")
    tls_key: Path | None = setting(None, or_null(PATH), "its key")
    lease_ttl: float = setting(
        60.0, TIME, "a host, or a daemon with standbys, that is silent for so long is followed"
    )


_PERIOD = or_word("forever", None, TIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionConfig:
    """How long what is kept. Seconds; None is for ever."""

    verified: float | None = setting(
        5 * 86400.0, _PERIOD, "the zip, after an upload whose every file matched"
    )
    rejected: float | None = setting(
        30 * 86400.0, _PERIOD, "the zip of a drop that was refused and never sent"
    )
    records: float | None = setting(None, _PERIOD, "process_info.json and receipt.json")
    notes: float | None = setting(
        90 * 86400.0, _PERIOD, "the notes of ended tickets in the inbox, and the copies beside them"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionsConfig:
    """Who may read what in `mediafiles/`."""

    group: str | None = setting(None, or_null(TEXT), "of what the daemon makes; null: its own")
    status: int = setting(0o644, MODE, "process_info.json and receipt.json")
    payload: int = setting(0o600, MODE, "the zip and the unpacked bag")


def embedded_target() -> dict[str, TargetConfig]:
    """The target that needs no account and no network."""
    return {"archive": TargetConfig(name="archive", type="folder", path=Path("archive"))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole configuration; every path is absolute once it has been read from a file."""

    inbox: Path = setting(Path("inbox"), PATH, "people drop zips here, in the folder of a target")
    mediafiles: Path = setting(
        Path("mediafiles"), PATH, "tickets and their status files; best on the inbox's own disk"
    )
    default_target: str | None = setting(
        None, or_null(TEXT), "takes drops that lie directly in the inbox; null: they are refused"
    )
    targets: Mapping[str, TargetConfig] = field(default_factory=embedded_target)
    intake: IntakeConfig = field(default_factory=IntakeConfig)
    staging: StagingConfig = field(default_factory=StagingConfig)
    uploads: UploadsConfig = field(default_factory=UploadsConfig)
    retention: RetentionConfig = field(default_factory=RetentionConfig)
    permissions: PermissionsConfig = field(default_factory=PermissionsConfig)
    receivers: Mapping[str, ReceiverConfig] = field(default_factory=dict)
    notify: NotifyConfig = field(default_factory=NotifyConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    engine: str = setting(
        "local",
        one_of("local", "dask"),
        "what carries out the work: this host, or the workers of a cluster",
    )
    engine_options: EngineOptions = field(default_factory=EngineOptions)
    stop_grace: float = setting(30.0, TIME, "for running work when the daemon is told to stop")

    def needs_no_restart_after(self, other: "Config") -> bool:
        """Whether a daemon that runs with another may take this one over."""
        mine = (self.inbox, self.mediafiles, self.engine, self.engine_options)
        return mine == (other.inbox, other.mediafiles, other.engine, other.engine_options)

    @property
    def uploads_folder(self) -> Path:
        """Where the tickets are."""
        return self.mediafiles / "uploads"

    @property
    def control_folder(self) -> Path:
        """Where an operator asks for something."""
        return self.mediafiles / "control"

    @property
    def upgrade_folder(self) -> Path:
        """Where the state of `prepare-upgrade` is served."""
        return self.mediafiles / "prepare_upgrade"

    @property
    def outbox_folder(self) -> Path:
        """What receivers are still to be told."""
        return self.mediafiles / "outbox"
