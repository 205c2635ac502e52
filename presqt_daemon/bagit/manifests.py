"""Which of a bag's files are manifests, of what kind, and by which algorithm.

RFC 8493 sections 2.1.3 (payload manifest), 2.2.1 (tag manifest), 2.4 (algorithms).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from presqt_daemon.bagit.findings import Findings
from presqt_daemon.bagit.tag_text import MAX_MANIFESTS
from presqt_daemon.digest import is_known
from presqt_daemon.findings import shown

PAYLOAD = "data/"

_FILE_NAME = re.compile(r"(tag)?manifest-([^/]+)\.txt", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestName:
    """A manifest's file name and what it says; `verifiable`: its checksums can be computed here."""

    name: str
    algorithm: str
    is_tag: bool
    verifiable: bool


def manifest_names(files: Iterable[str], findings: Findings) -> list[ManifestName]:
    """The manifests at the bag's root by name, payload manifests first."""
    names = []
    for path in files:
        match = _FILE_NAME.fullmatch(path)
        if match is None:
            continue
        algorithm = re.sub(r"[^a-z0-9]", "", match[2].lower())
        names.append(
            ManifestName(
                name=path,
                algorithm=algorithm,
                is_tag=match[1] is not None,
                verifiable=is_known(algorithm),
            )
        )
    names.sort(key=lambda entry: (entry.is_tag, entry.name))
    for entry in names:
        written = entry.name.partition("-")[2].removesuffix(".txt")
        if not entry.verifiable:
            findings.add(
                "algorithm-unknown",
                entry.name,
                f"checksums by {shown(written, 40)} cannot be verified here",
                hint="Use sha512 or sha256",
                found=written,
            )
        elif written != entry.algorithm:
            findings.add(
                "algorithm-name-unusual",
                entry.name,
                f"the algorithm's name should be written {entry.algorithm}",
                expected=entry.algorithm,
                found=written,
            )
    return names


def first_manifests(files: Sequence[ManifestName], findings: Findings) -> list[ManifestName]:
    """As many manifests of each kind as are read; notes those beyond."""
    kept: list[ManifestName] = []
    for is_tag in (False, True):
        same = [entry for entry in files if entry.is_tag is is_tag]
        kept += same[:MAX_MANIFESTS]
        if len(same) > MAX_MANIFESTS:
            findings.add(
                "too-many-manifests",
                same[MAX_MANIFESTS].name,
                f"is one of {len(same)} {'tag' if is_tag else 'payload'} manifests; "
                f"{MAX_MANIFESTS} are read",
                hint="Keep the manifests by sha512 or sha256",
                expected=str(MAX_MANIFESTS),
                found=str(len(same)),
            )
    return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One manifest. `listed`: file of the bag -> checksum in lower case; `absent`: not found."""

    file: ManifestName
    listed: dict[str, str]
    absent: dict[str, str]
