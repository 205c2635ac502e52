"""The one judge of a bag: its structure from tag files and names, then its digests.

RFC 8493 section 3 (complete and valid bags). Never raises on what a bag holds: a defect is a
finding. What `Tree.read` raises is the reader's own trouble and flies on.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from presqt_daemon.bagit.completeness import (
    check_complete,
    check_manifests_exist,
    check_tag_manifests,
)
from presqt_daemon.bagit.declaration import read_declaration, version_number
from presqt_daemon.bagit.fetch import check_fetch
from presqt_daemon.bagit.findings import Findings
from presqt_daemon.bagit.manifest_lines import read_manifest
from presqt_daemon.bagit.manifests import (
    PAYLOAD,
    Manifest,
    ManifestName,
    first_manifests,
    manifest_names,
)
from presqt_daemon.bagit.paths import Names
from presqt_daemon.bagit.portability import check_portability
from presqt_daemon.bagit.profile_check import check_profile
from presqt_daemon.bagit.tag_text import MAX_FILES, TagFiles
from presqt_daemon.bagit.tagfiles import labels_from_text
from presqt_daemon.bagit.tree import Tree
from presqt_daemon.findings import THIS, finding, shown
from presqt_daemon.model import Finding, Severity
from presqt_daemon.profile import Profile

MAX_DIGEST_FINDINGS = 50

_OXUM = re.compile(r"([0-9]{1,24})\.([0-9]{1,24})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """What a bag's tag files say, and all that is wrong with it before a digest is taken.

    `algorithms` are those of the payload manifests that can be verified; `info` is bag-info.txt in
    order, repeats kept; `findings` are the errors, then the warnings, at most `MAX_LISTED` of
    each, all of them counted in `errors_total` and `warnings_total`.
    """

    version: str
    algorithms: tuple[str, ...]
    info: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    errors_total: int
    warnings_total: int
    manifests: tuple[Manifest, ...]

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of one severity."""
        return tuple(entry for entry in self.findings if entry.severity is severity)

    def needed(self, path: str) -> frozenset[str]:
        """The algorithms in which some manifest lists this file (path as in `Tree.files`)."""
        return frozenset(
            manifest.file.algorithm
            for manifest in self.manifests
            if manifest.file.verifiable and path in manifest.listed
        )

    def shared(self, path: str, digests: dict[str, str]) -> dict[str, str]:
        """The digests, those that agree being the manifests' own texts: one in memory, not two."""
        for manifest in self.manifests:
            expected = manifest.listed.get(path)
            algorithm = manifest.file.algorithm
            if expected is not None and digests.get(algorithm) == expected:
                digests[algorithm] = expected
        return digests


def read_structure(
    tree: Tree, profile: Profile | None = None, *, max_files: int = MAX_FILES
) -> Structure:
    """The bag's structure; valid so far where no finding is an error.

    `max_files` bounds what is read of its tag files.
    """
    findings = Findings()
    tags = TagFiles(tree, findings, max_files)
    version = read_declaration(tags)
    if "data" in tree.files or "data" not in tree.folders:
        odd = next((name for name in sorted(tree.folders) if name.lower() == "data"), None)
        findings.add(
            "no-payload-folder",
            "data",
            f"Expected data directory {THIS} does not exist",
            hint="A bag holds its payload in a folder data/ beside bagit.txt: make the bag again"
            if odd is None or odd == "data"
            else f"The bag holds {odd}/: the payload folder is called data, in small letters",
        )
    check_portability(tree, findings)
    names = Names(tree.files, tree.folders)
    files = manifest_names(tree.files, findings)
    read = (read_manifest(tags, file, names) for file in first_manifests(files, findings))
    manifests = tuple(manifest for manifest in read if manifest is not None)
    check_manifests_exist(files, findings)
    remote = check_fetch(tags, names, manifests)
    check_complete(tree, names, manifests, remote, findings)
    check_tag_manifests(tree, manifests, findings)
    info = _read_info(tags, version)
    if profile is not None:
        check_profile(profile, tree, version, info, files, findings)
    return Structure(
        version=version,
        algorithms=tuple(
            dict.fromkeys(
                entry.file.algorithm
                for entry in manifests
                if entry.file.verifiable and not entry.file.is_tag
            )
        ),
        info=info,
        findings=findings.all(),
        errors_total=findings.totals[Severity.ERROR],
        warnings_total=findings.totals[Severity.WARNING],
        manifests=manifests,
    )


def compare_digests(
    structure: Structure,
    digests: Mapping[str, Mapping[str, str]],
    unread: Collection[str] = (),
) -> tuple[tuple[Finding, ...], int]:
    """The first findings about digests, manifest by manifest in their order, and their number.

    `digests` maps paths as in `Tree.files` to algorithm -> lower-case hex. A listed file without
    its digest is a finding too, unless it is among `unread`, of which that is known already:
    nothing counts as verified that was not.
    """
    findings: list[Finding] = []
    total = 0
    nothing: Mapping[str, str] = {}
    for manifest in structure.manifests:
        if not manifest.file.verifiable:
            continue
        algorithm = manifest.file.algorithm
        for path, expected in manifest.listed.items():
            found = digests.get(path, nothing).get(algorithm)
            if found == expected or path in unread:
                continue
            total += 1
            if len(findings) < MAX_DIGEST_FINDINGS:
                findings.append(_digest_finding(manifest.file, path, expected, found))
    return tuple(findings), total


def _digest_finding(manifest: ManifestName, path: str, expected: str, found: str | None) -> Finding:
    if found is None:
        return finding(
            "checksum-not-taken",
            path,
            f"its {manifest.algorithm} checksum could not be taken",
            severity=Severity.ERROR,
            expected=expected,
        )
    return finding(
        "checksum-mismatch",
        path,
        f"its {manifest.algorithm} checksum is {found}, but {shown(manifest.name, 60)} says "
        f"{expected}",
        severity=Severity.ERROR,
        hint="The file was changed or damaged after bagging: put the original back or bag it again",
        expected=expected,
        found=found,
    )


def _read_info(tags: TagFiles, version: str) -> tuple[tuple[str, str], ...]:
    """The labels of bag-info.txt (package-info.txt before 0.96), its Payload-Oxum checked."""
    name = "bag-info.txt" if version_number(version) >= (0, 96) else "package-info.txt"
    tree, findings = tags.tree, tags.findings
    text = tags.text(name) if name in tree.files else None
    if text is None:
        return ()
    info = labels_from_text(text, name, findings)
    oxums = [value for label, value in info if label.lower() == "payload-oxum"]
    if len(oxums) > 1:
        findings.add("oxum-repeated", name, "holds Payload-Oxum more than once")
    sizes = [entry.size for path, entry in tree.files.items() if path.startswith(PAYLOAD)]
    real = (sum(sizes), len(sizes))
    for oxum in oxums:
        match = _OXUM.fullmatch(oxum)
        if match is None:
            findings.add(
                "oxum-malformed",
                name,
                f"Payload-Oxum is not of the form `bytes.files`, but {shown(oxum, 60)}",
                found=oxum,
            )
        elif (said := (int(match[1]), int(match[2]))) != real:
            findings.add(
                "oxum-mismatch",
                name,
                f"Payload-Oxum validation failed. Expected {said[1]} files and {said[0]} bytes "
                f"but found {real[1]} files and {real[0]} bytes",
                expected=f"{said[0]}.{said[1]}",
                found=f"{real[0]}.{real[1]}",
            )
    return info
