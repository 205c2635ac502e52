"""What is left of a past ticket's bag: its files by manifest, from the unpacked bag or the zip.

Manifests are taken at their word; nothing is read but tag files and sizes. What became of the files
is told as far as the ticket's status tells it; what it does not is null.
"""

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from presqt_daemon.bagit.bag import Structure, read_structure
from presqt_daemon.bagit.findings import Findings
from presqt_daemon.bagit.manifests import manifest_names
from presqt_daemon.bagit.tag_text import ANY_NUMBER_OF_FILES
from presqt_daemon.bagit.tree import EntryKind, tree_from_folder
from presqt_daemon.config import StagingConfig
from presqt_daemon.errors import UserFault
from presqt_daemon.model import Fixity, Outcome, Status
from presqt_daemon.records.fingerprint import Fingerprint
from presqt_daemon.records.receipt import file_tree
from presqt_daemon.staging.code_page import open_bag_zip
from presqt_daemon.staging.preview import preview_bag
from presqt_daemon.system.files import printable_name
from presqt_daemon.tickets.legacy import has_compared, is_presqts
from presqt_daemon.tickets.process_info import ProcessInfo

DECLARATION = "bagit.txt"
PAYLOAD = "data/"

_NO_LIMITS = StagingConfig(max_ratio=1 << 40, max_files=1 << 40, profile=None)
"""The zip was taken once, by the limits of its day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastFile:
    """A payload file; `path` is relative to the payload folder, `size` None where it is gone."""

    path: str
    size: int | None
    digests: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastBag:
    """A bag as its tag files describe it; `files` in order of path."""

    folder: str
    version: str | None
    algorithms: tuple[str, ...]
    files: tuple[PastFile, ...]

    @property
    def payload_bytes(self) -> int | None:
        """Bytes of the payload, None where a file's size is not known."""
        sizes = [file.size for file in self.files]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    def fingerprint(self) -> str | None:
        """The content fingerprint, as staging would take it."""
        fingerprint = Fingerprint()
        for file in self.files:
            fingerprint.add(file.path, file.size, file.digests)
        return fingerprint.text()


def find_past_bag(folder: Path, zip_path: Path | None) -> PastBag | None:
    """The bag in a ticket's folder, None where there is none any more.

    Raises OSError, for a manifest too that is no regular file: a record without its digests would
    stand for good, where mending the bag could still give them.
    """
    for entry in sorted(os.scandir(folder), key=lambda found: found.name):
        if entry.is_dir(follow_symlinks=False) and os.path.lexists(f"{entry.path}/{DECLARATION}"):
            return _from_folder(Path(entry.path))
    if zip_path is not None:
        with contextlib.suppress(UserFault), open_bag_zip(zip_path, _NO_LIMITS) as archive:
            found = preview_bag(archive, _NO_LIMITS)
            sizes = {path: member.size for path, member in found.members.items()}
            return _past_bag(found.root.rstrip("/") or zip_path.stem, found.structure, sizes)
    return None


def _from_folder(root: Path) -> PastBag:
    tree = tree_from_folder(root)
    for manifest in manifest_names(tree.files, Findings()):
        if tree.files[manifest.name].kind is not EntryKind.FILE:
            raise OSError(errno.ELOOP, "is no regular file", str(root / manifest.name))
    # what a link leads to is not the payload's, and its size is not known
    sizes = {path: e.size if e.kind is EntryKind.FILE else None for path, e in tree.files.items()}
    return _past_bag(root.name, read_structure(tree, max_files=ANY_NUMBER_OF_FILES), sizes)


def _past_bag(folder: str, structure: Structure, sizes: Mapping[str, int | None]) -> PastBag:
    digests: dict[str, dict[str, str]] = {}
    for manifest in structure.manifests:
        if not manifest.file.is_tag:
            for listed in (manifest.listed, manifest.absent):
                for path, digest in listed.items():
                    digests.setdefault(path, {})[manifest.file.algorithm] = digest
    paths = {path for path in {*digests, *sizes} if path.startswith(PAYLOAD)}
    return PastBag(
        folder=folder,
        version=structure.version or None,
        algorithms=structure.algorithms,
        files=tuple(
            PastFile(
                path=path.removeprefix(PAYLOAD),
                size=sizes.get(path),
                digests=digests.get(path, {}),
            )
            for path in sorted(paths)
        ),
    )


def past_file_trees(bag: PastBag, info: ProcessInfo) -> Iterator[dict[str, Any]]:
    """Every payload file's entry in a record, in order of path."""
    has_ended = info.status is Status.FINISHED
    ignored, updated = frozenset(info.resources_ignored), frozenset(info.resources_updated)
    differing = frozenset(info.ignored_different)
    mismatched = differing | frozenset(info.failed_fixity)
    # PresQT never compared what it ignored
    unverified = ignored if is_presqts(info) else frozenset(info.unverified_fixity)
    is_told = has_compared(info)
    for file in bag.files:
        name = f"/{file.path}"
        outcome = fixity = None
        # of an upload that did not finish nobody knows what became of a file
        if has_ended:
            outcome = Outcome.UPDATED if name in updated else Outcome.CREATED
            fixity = Fixity.UNKNOWN if name in unverified or not is_told else Fixity.MATCHED
        if has_ended and name in ignored:
            outcome = Outcome.IGNORED
        if has_ended and name in mismatched:
            fixity = Fixity.MISMATCHED
        is_compared = fixity in {Fixity.MATCHED, Fixity.MISMATCHED}
        yield file_tree(name, file.size) | {
            "outcome": outcome,
            "fixity": fixity,
            "algorithm": info.hash_algorithm if is_compared else None,
            "local_digest": file.digests.get(info.hash_algorithm or "") if is_compared else None,
            "differs": name in differing,
            "digests": dict(file.digests),
        }


def past_bag_tree(bag: PastBag) -> Mapping[str, Any]:
    """The bag's entry in a record."""
    return {
        "folder": printable_name(bag.folder),
        "version": bag.version,
        "algorithms": list(bag.algorithms),
        "payload_files": len(bag.files),
        "payload_bytes": bag.payload_bytes,
    }
