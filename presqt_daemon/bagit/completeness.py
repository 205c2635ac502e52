"""Whether the bag holds what its manifests list, and they list what it holds.

RFC 8493 sections 2.1.3, 2.2.1 and 3.
"""

from collections.abc import Sequence

from presqt_daemon.bagit.findings import Findings
from presqt_daemon.bagit.manifests import PAYLOAD, Manifest, ManifestName
from presqt_daemon.bagit.paths import Names
from presqt_daemon.bagit.portability import is_system_file
from presqt_daemon.bagit.tree import EntryKind, Tree
from presqt_daemon.findings import THIS, shown

_ZIP_WITH_UTF_8 = (
    "Zip the bag again with a tool that writes UTF-8 names: 7-Zip with -mcu=on, PowerShell 7, or "
    "presqt-daemon submit"
)
_MAX_NAMED = 3


def _list(names: Sequence[str]) -> str:
    """The first few of the names, as they are told beside a finding."""
    rest = len(names) - _MAX_NAMED
    told = " | ".join(names[:_MAX_NAMED])
    return f"{told} and {rest} more" if rest > 0 else told


def check_manifests_exist(files: Sequence[ManifestName], findings: Findings) -> None:
    """Note a bag without a payload manifest, or without one that can be verified."""
    payload = [entry for entry in files if not entry.is_tag]
    if not payload:
        findings.add(
            "no-manifest",
            "",
            "No manifest files found",
            hint="A bag holds at least one manifest-<algorithm>.txt beside data/",
        )
    elif not any(entry.verifiable for entry in payload):
        findings.add(
            "no-verifiable-manifest",
            payload[0].name,
            "is the only payload manifest, and its checksums cannot be verified here",
            hint="Add manifest-sha512.txt or manifest-sha256.txt",
        )


def check_complete(
    tree: Tree,
    names: Names,
    manifests: Sequence[Manifest],
    remote: frozenset[str],
    findings: Findings,
) -> None:
    """Every listed file is there, every payload file is listed, and the Oxum comes after them."""
    absent: dict[str, list[str]] = {}
    for manifest in manifests:
        for path in manifest.absent:
            if path not in remote:
                absent.setdefault(path, []).append(manifest.file.name)
    guessed = _list(sorted(tree.guessed)) if absent else ""
    for path, listing in absent.items():
        if tree.guessed and not path.isascii():
            findings.add(
                "missing-file",
                path,
                f"{THIS} exists in manifest but was not found under this name: the zip's names "
                "are in an unknown encoding",
                hint=_ZIP_WITH_UTF_8,
                expected=", ".join(listing),
                found=guessed,
            )
            continue
        similar = names.similar(path)
        findings.add(
            "missing-file",
            path,
            f"{THIS} exists in manifest but was not found on filesystem",
            hint=f"The bag holds {shown(similar)}, which is another name"
            if similar is not None
            else "Put the file into the bag, or bag the folder again",
            expected=", ".join(listing),
        )
    payload_manifests = [entry for entry in manifests if not entry.file.is_tag]
    count = sum(path.startswith(PAYLOAD) for path in tree.files)
    if all(len(manifest.listed) == count for manifest in payload_manifests):
        return
    wanted = _list(sorted(path for path in absent if not path.isascii())) if tree.guessed else ""
    for path, entry in tree.files.items():
        if not path.startswith(PAYLOAD) or entry.kind is not EntryKind.FILE:
            continue
        missing = [m.file for m in payload_manifests if path not in m.listed]
        if missing and len(missing) == len(payload_manifests) and path in tree.guessed:
            findings.add(
                "names-undeclared",
                path,
                "the zip does not say how this name reads, and no code page known here gives a "
                "name that the manifest lists",
                hint=_ZIP_WITH_UTF_8,
                expected=wanted or None,
                found=path,
            )
        elif missing:
            _check_unlisted(path, missing, payload_manifests, findings)


def _check_unlisted(
    path: str,
    missing: Sequence[ManifestName],
    manifests: Sequence[Manifest],
    findings: Findings,
) -> None:
    if len(missing) == len(manifests):
        findings.add(
            "extra-file",
            path,
            f"{THIS} exists on filesystem but is not in the manifest",
            hint="An operating system made it: remove it from the bag"
            if is_system_file(path)
            else "Remove the file, or bag the folder again",
        )
        return
    findings.add(
        "not-in-every-manifest",
        path,
        f"is not listed in {shown(', '.join(entry.name for entry in missing))}",
        hint="Every payload manifest lists every payload file",
    )
    if not any(m.file.verifiable for m in manifests if m.file not in missing):
        findings.add(
            "file-unverifiable", path, "is listed only with checksums that cannot be verified here"
        )


def check_tag_manifests(tree: Tree, manifests: Sequence[Manifest], findings: Findings) -> None:
    """Note what tag manifests must list and do not."""
    tag_manifests = [entry for entry in manifests if entry.file.is_tag]
    if not tag_manifests:
        return
    for tag_manifest in tag_manifests:
        for manifest in manifests:
            name = manifest.file.name
            if not manifest.file.is_tag and name not in tag_manifest.listed:
                findings.add(
                    "manifest-not-in-tag-manifest",
                    tag_manifest.file.name,
                    f"does not list {shown(name, 60)}; a tag manifest lists every payload manifest",
                    expected=name,
                )
    tag_names = {entry.file.name for entry in tag_manifests}
    for path in tree.files:
        if path.startswith(PAYLOAD) or path in tag_names:
            continue
        if not any(path in entry.listed for entry in tag_manifests):
            findings.add(
                "tag-file-not-listed", path, "is in no tag manifest, so that nothing vouches for it"
            )
