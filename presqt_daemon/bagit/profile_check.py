"""A bag held against a profile.

Wildcards in lists of files are those of a shell; `*` crosses folders, as in the specification's
own validator.
"""

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from presqt_daemon.bagit.declaration import DECLARATION
from presqt_daemon.bagit.fetch import FETCH
from presqt_daemon.bagit.findings import Findings
from presqt_daemon.bagit.manifests import PAYLOAD, ManifestName
from presqt_daemon.bagit.tree import Tree
from presqt_daemon.findings import shown
from presqt_daemon.profile import Profile

_STANDARD = frozenset({DECLARATION, "bag-info.txt", "package-info.txt", FETCH})
_ZIP_TYPES = frozenset(
    ["zip", "application/zip", "application/x-zip", "application/x-zip-compressed"]
)


def check_profile(
    profile: Profile,
    tree: Tree,
    version: str,
    info: Iterable[tuple[str, str]],
    manifests: Collection[ManifestName],
    findings: Findings,
) -> None:
    """Note where the bag of a `tree` does not meet the profile; `info` are its labels.

    Of its tag files a profile may forbid those alone that BagIt does not name.
    """
    if profile.versions is not None and version not in profile.versions:
        findings.add(
            "profile-version",
            DECLARATION,
            f"the profile accepts BagIt {', '.join(profile.versions)}, not {version}",
            expected=", ".join(profile.versions),
            found=version,
        )
    _check_labels(profile, info, findings)
    _check_manifests(profile, manifests, findings)
    payload = {path: file.size for path, file in tree.files.items() if path.startswith(PAYLOAD)}
    tag_files = tree.files.keys() - payload.keys()
    unnamed = tag_files - _STANDARD - {manifest.name for manifest in manifests}
    _check_files(
        tag_files, unnamed, profile.tag_files_required, profile.tag_files_allowed, findings
    )
    _check_files(payload, payload, profile.payload_required, profile.payload_allowed, findings)
    if FETCH in tag_files and not profile.allow_fetch:
        findings.add("profile-fetch", FETCH, "the profile does not allow this file")
    if profile.fetch_required and FETCH not in tag_files:
        findings.add("profile-fetch", FETCH, "the profile asks for this file")
    if profile.data_empty and (len(payload) > 1 or any(payload.values())):
        findings.add("profile-data-not-empty", "data", "the profile asks for an empty payload")
    accepted = profile.serializations
    if profile.serialization == "forbidden" or (
        accepted is not None and _ZIP_TYPES.isdisjoint(accepted)
    ):
        findings.add(
            "profile-serialization",
            "",
            "the profile does not accept bags in a zip",
            hint="The operator has to choose another profile; only zips are taken here",
        )


def _check_labels(profile: Profile, info: Iterable[tuple[str, str]], findings: Findings) -> None:
    values: dict[str, list[str]] = {}
    for label, value in info:
        values.setdefault(label.lower(), []).append(value)
    for rule in profile.labels:
        given = values.get(rule.label.lower(), [])
        if not given and (rule.required or rule.recommended):
            findings.add(
                "profile-info-missing" if rule.required else "profile-info-recommended",
                "bag-info.txt",
                f"the profile {'asks for' if rule.required else 'recommends'} the label "
                f"{shown(rule.label, 80)}",
                expected=rule.label,
            )
        if len(given) > 1 and not rule.repeatable:
            findings.add(
                "profile-info-repeated",
                "bag-info.txt",
                f"the profile allows {shown(rule.label, 80)} once only",
            )
        for value in given:
            if rule.values and value not in rule.values:
                findings.add(
                    "profile-info-value",
                    "bag-info.txt",
                    f"the profile does not allow {shown(value, 80)!r} for {shown(rule.label, 80)}",
                    expected=" | ".join(rule.values),
                    found=value,
                )
    named = values.get("bagit-profile-identifier", [])
    if profile.identifier and profile.identifier not in named:
        findings.add(
            "profile-identifier",
            "bag-info.txt",
            "BagIt-Profile-Identifier is not that of the profile used here",
            expected=profile.identifier,
            found=named[0] if named else None,
        )


def _check_manifests(
    profile: Profile, manifests: Collection[ManifestName], findings: Findings
) -> None:
    for is_tag, required, allowed in (
        (False, profile.manifests_required, profile.manifests_allowed),
        (True, profile.tag_manifests_required, profile.tag_manifests_allowed),
    ):
        have = {manifest.algorithm for manifest in manifests if manifest.is_tag is is_tag}
        kind = "tagmanifest" if is_tag else "manifest"
        for algorithm in required or ():
            if algorithm not in have:
                name = f"{kind}-{algorithm}.txt"
                findings.add("profile-manifest-required", name, "the profile asks for this file")
        for algorithm in sorted(have):
            if allowed is not None and algorithm not in allowed:
                name = f"{kind}-{algorithm}.txt"
                findings.add("profile-manifest-not-allowed", name, "the profile does not allow it")


def _check_files(
    have: Collection[str],
    judged: Iterable[str],
    required: tuple[str, ...] | None,
    allowed: tuple[str, ...] | None,
    findings: Findings,
) -> None:
    for path in required or ():
        if path not in have:
            findings.add("profile-file-required", path, "the profile asks for this file")
    if allowed is None:
        return
    exact = set(allowed)
    globs = [pattern for pattern in allowed if any(char in pattern for char in "*?[")]
    for path in sorted(judged):
        if path not in exact and not any(fnmatchcase(path, pattern) for pattern in globs):
            findings.add("profile-file-not-allowed", path, "the profile does not allow this file")
