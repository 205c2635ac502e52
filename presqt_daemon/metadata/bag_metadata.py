"""The files in a bag that describe it: `datacite.json` and PresQT's own, read within limits."""

import contextlib
import os
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from presqt_daemon.metadata.datacite_shape import misplaced
from presqt_daemon.metadata.describe import Description, describe
from presqt_daemon.metadata.description_limits import within_limits
from presqt_daemon.metadata.fts_document import NAME, FtsMetadata, parse_fts
from presqt_daemon.model import Finding, Severity
from presqt_daemon.system.untrusted_json import UntrustedJsonError, read_untrusted_json

DATACITE = "datacite.json"
MAX_BYTES = 16 << 20
_MOST_NAMED = 5


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


def read_bag_metadata(root: Path, tops: Collection[str]) -> BagMetadata:
    """The metadata files of an unpacked bag; each is the first of its kind that is there.

    One that cannot be used is told, and the next place is looked at. `tops` are all names that
    stand directly in the payload directory.
    DataCite's lies in `metadata/` beside `data/`, in `data/` or in its only top folder, PresQT's in
    the latter two. A file of such a name anywhere deeper is the sender's and means nothing here.
    """
    warnings: list[Finding] = []
    datacite = fts = None
    for path in (root / "metadata" / DATACITE, *_places(root, tops, DATACITE)):
        with _telling(warnings, path.relative_to(root)):
            if (content := _read(path)) is not None:
                datacite = _object_in(content)
                warnings += _not_taken(path.relative_to(root), datacite)
                break
    for path in _places(root, tops, NAME):
        with _telling(warnings, path.relative_to(root)):
            if (content := _read(path)) is not None:
                fts = parse_fts(content)
                if fts is None:
                    raise _NotReadError("is not valid by PresQT's schema")
                break
    return BagMetadata(datacite=datacite, fts=fts, warnings=tuple(warnings))


def _places(root: Path, tops: Collection[str], name: str) -> Iterator[Path]:
    """Where in the payload a file of that name counts and may be."""
    if name in tops:
        yield root / "data" / name
    if len(tops) == 1:
        yield root / "data" / next(iter(tops)) / name


def bag_description(
    told: BagMetadata, info: Iterable[tuple[str, str]]
) -> tuple[Description, tuple[Finding, ...]]:
    """What the bag says of itself, as far as it is handed on, and warnings about the rest.

    `info` are the labels of bag-info.txt.
    """
    described, cut = within_limits(describe(info, told.extra, told.datacite))
    return described, told.warnings + cut


class _NotReadError(Exception):
    """Why a file of such a name cannot be used, as the end of a sentence."""


@contextlib.contextmanager
def _telling(warnings: list[Finding], path: Path) -> Iterator[None]:
    """Make a warning of why a file is not used; the next of its kind may be better."""
    try:
        yield
    except _NotReadError as error:
        warnings.append(_warning(path, str(error)))


def _read(path: Path) -> bytes | None:
    """The bytes of the file, None without one. Raises _NotReadError for what cannot be used.

    A folder of that name is the sender's own, and no description.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _NotReadError(f"cannot be read ({error.strerror})") from None
    try:
        status = os.fstat(handle)
        if stat.S_ISDIR(status.st_mode):
            raise _NotReadError("is a folder, not a file")
        if not stat.S_ISREG(status.st_mode):
            raise _NotReadError("is no regular file")
        if status.st_size > MAX_BYTES:
            raise _NotReadError(f"is larger than {MAX_BYTES >> 20} MiB")
        with open(handle, "rb", closefd=False) as stream:
            return stream.read(MAX_BYTES)
    finally:
        os.close(handle)


def _object_in(content: bytes) -> dict[str, Any]:
    """The object. Raises _NotReadError for anything else."""
    try:
        tree = read_untrusted_json(content)
    except UntrustedJsonError as error:
        raise _NotReadError(str(error)) from None
    if not isinstance(tree, dict):
        raise _NotReadError("is not a JSON object")
    return tree


def _not_taken(path: Path, datacite: dict[str, Any]) -> list[Finding]:
    """A warning of the values that are of no type that can be used, if there are any."""
    places = list(islice(misplaced(datacite), _MOST_NAMED + 1))
    if not places:
        return []
    named = ", ".join(places[:_MOST_NAMED]) + (" and more" if len(places) > _MOST_NAMED else "")
    return [
        _warning(path, f"has values of another type than DataCite's schema gives them ({named})")
    ]


def _warning(path: Path, what: str) -> Finding:
    return Finding(
        code="metadata-not-read",
        path=path.as_posix(),
        message=f"{path.as_posix()} {what}: nothing was taken from there.",
        severity=Severity.WARNING,
    )
