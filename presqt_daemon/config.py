"""The configuration as frozen values; defaults, types and meanings stand here once.

How text becomes these values is `settings.py`'s business.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from presqt_daemon.units import bytes_from_text, mode_from_text, seconds_from_text

Reader = Callable[[object], Any]

DEFAULT_IGNORE: tuple[str, ...] = (
    ".*",
    "*~",
    "~$*",
    "*.part",
    "*.tmp",
    "*.crdownload",
    "*.filepart",
    "Thumbs.db",
    "desktop.ini",
    "Icon\r",
)


def one_of(*choices: str) -> Reader:
    """A reader that takes one of a few words."""

    def read(value: object) -> str:
        text = {False: "off", True: "on"}.get(value, value) if isinstance(value, bool) else value
        if text not in choices:
            raise ValueError(f"must be one of: {', '.join(choices)}")
        return str(text)

    return read


def read_text(value: object) -> str:
    """Text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be text")
    return value


def read_flag(value: object) -> bool:
    """true or false."""
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004
    return value


def read_count(value: object) -> int:
    """A whole number from 1."""
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("must be a whole number from 1")
    return value


def read_count_or_zero(value: object) -> int:
    """A whole number from 0."""
    return 0 if value in {0, "0"} and not isinstance(value, bool) else read_count(value)


def read_workers(value: object) -> int:
    """A whole number from 1, or `auto` (0: one for each core)."""
    return 0 if value == "auto" else read_count(value)


def read_names(value: object) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("must be a list of texts")
    return tuple(value)


def read_options(value: object) -> Mapping[str, str]:
    """A mapping of plain values, for targets that are not ours."""
    if not isinstance(value, dict):
        raise ValueError("must be a mapping")  # noqa: TRY004
    return {str(key): str(item) for key, item in value.items()}


def read_period_or_forever(value: object) -> float | None:
    """A time, or `forever` (None)."""
    return None if value == "forever" else seconds_from_text(value)


def setting(default: Any, read: Reader, *, optional: bool = False, is_path: bool = False) -> Any:
    """A field with its reader; optional ones take null, paths are relative to the file's folder."""
    return field(default=default, metadata={"read": read, "optional": optional, "is_path": is_path})


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetConfig:
    """One entry of `targets:`; what a type does not use must not be set for it."""

    name: str = ""
    type: str = setting("folder", read_text)
    path: Path | None = setting(None, read_text, optional=True, is_path=True)
    keep: str = setting("payload", one_of("payload", "bag"))
    mode: int = setting(0o640, mode_from_text)
    url: str | None = setting(None, read_text, optional=True)
    token_file: Path | None = setting(None, read_text, optional=True, is_path=True)
    token_credential: str | None = setting(None, read_text, optional=True)
    token_env: str | None = setting(None, read_text, optional=True)
    organisation: str | None = setting(None, read_text, optional=True)
    api: str = setting("auto", one_of("auto", "records", "deposit"))
    large_files: str = setting("release_asset", one_of("release_asset", "refuse"))
    visibility: str = setting("private", one_of("private", "public"))
    publish: str = setting("never", one_of("never", "after_verified"))
    sender_may: tuple[str, ...] = setting((), read_names)
    time_limit: float | None = setting(None, seconds_from_text, optional=True)
    workers: int = setting(2, read_count)
    connections: int | None = setting(None, read_count, optional=True)
    requests_per_minute: int | None = setting(None, read_count, optional=True)
    options: Mapping[str, str] = setting(None, read_options, optional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeConfig:
    """When and how a drop is taken. Times in seconds."""

    settle: float = setting(2.0, seconds_from_text)
    rescan: float = setting(10.0, seconds_from_text)
    incomplete_after: float = setting(600.0, seconds_from_text)
    observer: str = setting("auto", one_of("auto", "off"))
    ignore: tuple[str, ...] = setting(DEFAULT_IGNORE, read_names)
    route_by_drop: bool = setting(default=False, read=read_flag)
    same_content: str = setting("upload", one_of("upload", "point"))
    mediafiles_as_seen: str | None = setting(None, read_text, optional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class StagingConfig:
    """Limits of one bag, and how it is unpacked and validated. Sizes in bytes, times in seconds."""

    workers: int = setting(0, read_workers)
    attempts: int = setting(3, read_count)
    max_zip_bytes: int = setting(100 * 10**9, bytes_from_text)
    max_unpacked_bytes: int = setting(100 * 10**9, bytes_from_text)
    max_file_bytes: int = setting(50 * 10**9, bytes_from_text)
    max_files: int = setting(100_000, read_count)
    max_ratio: int = setting(200, read_count)
    min_free_bytes: int = setting(500 * 10**6, bytes_from_text)
    small: int = setting(10**9, bytes_from_text)
    time_limit: float = setting(3600.0, seconds_from_text)
    read_back: str = setting("cache", one_of("cache", "disk"))
    profile: Path | None = setting(None, read_text, optional=True, is_path=True)
    second_opinion: str = setting("none", one_of("none", "bagit"))


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadsConfig:
    """How a bag is sent. Times in seconds, sizes in bytes."""

    connections: int = setting(8, read_count)
    time_limit: float = setting(3600.0, seconds_from_text)
    stall_limit: float = setting(600.0, seconds_from_text)
    memory_limit: int = setting(10**9, bytes_from_text)
    retries: int = setting(5, read_count_or_zero)
    deadline: float = setting(7 * 86400.0, seconds_from_text)
    max_resumes: int = setting(5, read_count)
    duplicates: str = setting("ignore", one_of("ignore", "update"))
    structure: str = setting("any", one_of("any", "presqt"))
    fts_metadata: bool = setting(default=True, read=read_flag)
    tag_files: str = setting("none", one_of("none", "folder"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionConfig:
    """How long what is kept. Seconds; None is for ever."""

    verified: float | None = setting(5 * 86400.0, read_period_or_forever)
    rejected: float | None = setting(30 * 86400.0, read_period_or_forever)
    records: float | None = setting(None, read_period_or_forever)


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionsConfig:
    """Who may read what in `mediafiles/`."""

    group: str | None = setting(None, read_text, optional=True)
    status: int = setting(0o644, mode_from_text)
    payload: int = setting(0o600, mode_from_text)


def embedded_target() -> dict[str, TargetConfig]:
    """The target that needs no account and no network."""
    return {"archive": TargetConfig(name="archive", type="folder", path=Path("archive"))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole configuration; every path is absolute once it has been read from a file."""

    inbox: Path = setting(Path("inbox"), read_text, is_path=True)
    mediafiles: Path = setting(Path("mediafiles"), read_text, is_path=True)
    default_target: str | None = setting(None, read_text, optional=True)
    targets: Mapping[str, TargetConfig] = field(default_factory=embedded_target)
    intake: IntakeConfig = field(default_factory=IntakeConfig)
    staging: StagingConfig = field(default_factory=StagingConfig)
    uploads: UploadsConfig = field(default_factory=UploadsConfig)
    retention: RetentionConfig = field(default_factory=RetentionConfig)
    permissions: PermissionsConfig = field(default_factory=PermissionsConfig)
    stop_grace: float = setting(30.0, seconds_from_text)

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
