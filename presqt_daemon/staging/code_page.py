"""Which code page a zip's undeclared names are in: the one under which its bag is complete.

Nothing in such a zip says how its names read, but the bag's manifest does. Digests prove the
choice afterwards, as they prove any bag.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from presqt_daemon.bagit.bag import read_structure
from presqt_daemon.bagit.manifests import PAYLOAD
from presqt_daemon.config import StagingConfig
from presqt_daemon.errors import UserFault
from presqt_daemon.findings import finding, refusal
from presqt_daemon.letter_forms import composed
from presqt_daemon.model import Severity
from presqt_daemon.staging.bag_in_zip import BagInZip, find_bag
from presqt_daemon.zips.entries import Archive, UndeclaredNamesError, ZipFile, open_zip
from presqt_daemon.zips.names import CODE_PAGES, CodePageError, shown_page


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """The zip as one code page reads it; no page is the usual way (UTF-8, else 437)."""

    page: str | None
    archive: Archive
    bag: BagInZip

    def payload(self) -> list[str]:
        return [path for path in self.bag.members if path.startswith(PAYLOAD)]


@contextmanager
def open_bag_zip(path: Path, config: StagingConfig) -> Iterator[Archive]:
    """A zip whose entries are all safe to unpack, its names read as its manifest has them.

    Names as they are usually read where the zip declares them, or where no other reading fits
    better. Raises as `open_zip` and `ZipFile.read` do, and UserFault `invalid-bag` where two code
    pages fit and differ.
    """
    with open_zip(path) as file:
        yield _read(file, config)


def _read(file: ZipFile, config: StagingConfig) -> Archive:
    fault = None
    try:
        usual = file.read(config)
    except UndeclaredNamesError as error:
        fault = error.fault
    else:
        if not usual.undeclared:
            return usual
    readings = _readings(file, config)
    first = next(readings, None)
    if first is None:
        if fault is not None:
            raise fault
        return usual
    known = _listed(first.bag, config)
    if first.page is None and _fit(first, known):
        return first.archive
    fitting = [(fit, entry) for entry in (first, *readings) if (fit := _fit(entry, known))]
    if not fitting:
        return first.archive
    best = max(fit for fit, _ in fitting)
    chosen, *others = [entry for fit, entry in fitting if fit == best]
    for other in others:
        if other.payload() != chosen.payload():
            raise _ambiguous(chosen, other)
    return chosen.archive if chosen.page is None else _with_warning(chosen)


def _readings(file: ZipFile, config: StagingConfig) -> Iterator[_Reading]:
    """Every reading under which the zip could be unpacked and holds a bag, the usual one first."""
    for page in (None, *CODE_PAGES):
        try:
            archive = file.read(config, page)
            yield _Reading(page=page, archive=archive, bag=find_bag(archive))
        except (CodePageError, UndeclaredNamesError, UserFault):
            continue


def _listed(bag: BagInZip, config: StagingConfig) -> frozenset[str]:
    """The payload paths that the manifests list, normalized, whatever the files are called."""
    structure = read_structure(bag.tree, max_files=config.max_files)
    return frozenset(
        _normal(path)
        for manifest in structure.manifests
        if not manifest.file.is_tag
        for path in (*manifest.listed, *manifest.absent)
    )


def _fit(reading: _Reading, known: frozenset[str]) -> int:
    """How well files and listed names agree: 2 wholly, 1 but for some, 0 not at all.

    1: every listed name is found, or every file is listed; a file may be missing, or too many.
    """
    names = {_normal(path) for path in reading.payload()}
    return (known <= names) + (names <= known)


def _normal(path: str) -> str:
    return path if path.isascii() else composed(path)


def _with_warning(chosen: _Reading) -> Archive:
    page = shown_page(chosen.page or "")
    odd = next((path for path in chosen.bag.members if not path.isascii()), "")
    warning = finding(
        "zip-code-page",
        odd,
        f"the zip does not say how its names read; as {page} they are those of the manifest",
        severity=Severity.WARNING,
        hint="Zip with a tool that writes UTF-8 names: 7-Zip with -mcu=on, or presqt-daemon submit",
        found=page,
    )
    # the names are known now, so that a file of another name is plainly one too many
    return replace(
        chosen.archive,
        undeclared=frozenset(),
        warnings=(*chosen.archive.warnings, warning),
    )


def _ambiguous(one: _Reading, other: _Reading) -> UserFault:
    pages = f"{shown_page(one.page or 'cp437')} and {shown_page(other.page or 'cp437')}"
    path = next((a for a, b in zip(one.payload(), other.payload(), strict=False) if a != b), "")
    return refusal(
        "invalid-bag",
        "names-undeclared",
        "The zip does not say how its names read, and its manifest fits two readings that differ "
        f"({pages}): zip the bag again with UTF-8 names (7-Zip with -mcu=on, or presqt-daemon "
        "submit) and drop it.",
        path=path,
        hint="Zip the bag again with UTF-8 names",
        found=pages,
    )
