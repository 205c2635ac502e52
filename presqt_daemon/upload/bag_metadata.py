"""The files in a bag that describe it: `datacite.json` and PresQT's own, read within limits."""

import contextlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from presqt_daemon.model import Finding, Severity
from presqt_daemon.upload.fts_document import NAME, FtsMetadata, parse_fts

DATACITE = "datacite.json"
MAX_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BagMetadata:
    """What was found; `warnings` name the files that could not be used."""

    datacite: dict[str, Any] | None = None
    fts: FtsMetadata | None = None
    warnings: tuple[Finding, ...] = ()

    @property
    def extra(self) -> dict[str, Any]:
        """PresQT's `extra_metadata`, empty without any."""
        return {} if self.fts is None else self.fts.extra


def read_bag_metadata(root: Path) -> BagMetadata:
    """The metadata files of an unpacked bag; each is the first of its kind that is there.

    DataCite's lies in `metadata/` beside `data/`, in `data/` or in its only top folder, PresQT's in
    the latter two. A file of such a name anywhere deeper is the sender's and means nothing here.
    """
    data = root / "data"
    tops = [data, *_only_folder(data)]
    warnings = []
    datacite = fts = None
    for path in (root / "metadata" / DATACITE, *(top / DATACITE for top in tops)):
        if (content := _read(path)) is not None:
            datacite = _object_in(content)
            if datacite is None:
                warnings.append(_warning(path.relative_to(root), "is not a JSON object"))
            break
    for path in (top / NAME for top in tops):
        if (content := _read(path)) is not None:
            fts = parse_fts(content)
            if fts is None:
                warnings.append(_warning(path.relative_to(root), "is not valid by PresQT's schema"))
            break
    return BagMetadata(datacite=datacite, fts=fts, warnings=tuple(warnings))


def _only_folder(data: Path) -> list[Path]:
    """The only entry of the payload directory, where that is a folder."""
    with contextlib.suppress(OSError), os.scandir(data) as entries:
        found = list(entries)
        if len(found) == 1 and found[0].is_dir(follow_symlinks=False):
            return [Path(found[0].path)]
    return []


def _read(path: Path) -> bytes | None:
    """The bytes of a regular file that is not too large, None without one."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with open(handle, "rb") as stream:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            return None
        return stream.read(MAX_BYTES)


def _object_in(content: bytes) -> dict[str, Any] | None:
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return tree if isinstance(tree, dict) else None


def _warning(path: Path, what: str) -> Finding:
    return Finding(
        code="metadata-not-read",
        path=path.as_posix(),
        message=f"{path.as_posix()} {what}: nothing was taken from it.",
        severity=Severity.WARNING,
    )
