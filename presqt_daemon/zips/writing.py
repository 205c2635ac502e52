"""A bag folder -> a zip that appears whole, streamed, of any size."""

import contextlib
import os
import shutil
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from presqt_daemon.config import StagingConfig
from presqt_daemon.errors import UserFault
from presqt_daemon.findings import shown
from presqt_daemon.system.files import rename_durably
from presqt_daemon.zips.directory import DEFLATED, Row
from presqt_daemon.zips.faults import Problems
from presqt_daemon.zips.limits import check_sizes
from presqt_daemon.zips.names import check_name
from presqt_daemon.zips.places import Places

_BLOCK_BYTES = 1 << 20
_STORED_SUFFIXES: frozenset[str] = frozenset({
    "7z", "aac", "avi", "bz2", "docx", "epub", "flac", "gif", "gz", "heic", "jpeg", "jpg", "jxl",
    "m4a", "m4v", "mkv", "mov", "mp3", "mp4", "odp", "ods", "odt", "ogg", "opus", "parquet", "png",
    "pptx", "rar", "tgz", "webm", "webp", "xlsx", "xz", "zip", "zst",
})  # fmt: skip
"""Files of these kinds are compressed already; deflating them again only costs time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipContents:
    """Files and folders of a folder, relative to it, folders before what they hold."""

    files: tuple[str, ...]
    folders: tuple[str, ...]


def check_entries(entries: Collection[tuple[str, int]], config: StagingConfig) -> None:
    """Raise what reading a zip of these files (names in it, sizes) would raise.

    UserFault `unsafe-archive` or `too-large` with every problem as a finding.
    """
    problems = Problems()
    places = Places(problems)
    for name, _ in entries:
        check_name(name, config, problems)
        places.add_file(name)
    places.finish()
    rows = [
        Row(os.fsencode(name), b"", 0, DEFLATED, 0, size, size, 0, 0, 3, is_dos_folder=False)
        for name, size in entries
    ]
    check_sizes(iter(rows), max(1, sum(size for _, size in entries)), config, problems)
    problems.raise_any()


def write_zip(folder: Path, contents: ZipContents, destination: Path) -> Path:
    """Zip a bag folder under its own name, first as `.part`, then renamed."""
    part = destination.with_name(f"{destination.name}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(part, flags, 0o644)
    except FileExistsError:
        raise UserFault(
            "bad-request",
            f"{shown(part.name)} exists already: wait for the other run, or remove what it left.",
        ) from None
    try:
        with (
            open(handle, "wb") as stream,
            zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive,
        ):
            for path in _in_order(contents):
                _add(archive, folder / path, f"{folder.name}/{path}")
            archive.close()
            stream.flush()
            os.fsync(stream.fileno())
        rename_durably(part, destination)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    return destination


def _in_order(contents: ZipContents) -> Iterator[str]:
    """Tag files first, so that a reader sees early what the bag is; empty folders too."""
    used = {path.rpartition("/")[0] for path in (*contents.files, *contents.folders)}
    everything = [*contents.files, *(path for path in contents.folders if path not in used)]
    yield from sorted(everything, key=lambda path: (path.startswith("data/"), path))


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    """Stream one file into the zip; stored where deflating gains nothing."""
    info = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
    if info.is_dir():
        archive.writestr(info, b"")
        return
    is_stored = path.suffix[1:].lower() in _STORED_SUFFIXES
    info.compress_type = zipfile.ZIP_STORED if is_stored else zipfile.ZIP_DEFLATED
    source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with (
        open(source, "rb") as stream,
        archive.open(info, "w", force_zip64=info.file_size >= 1 << 31) as member,
    ):
        shutil.copyfileobj(stream, member, _BLOCK_BYTES)
