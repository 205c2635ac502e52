"""A bag held against a profile.

Wildcards in lists of files are those of a shell; `*` crosses folders, as in the specification's
own validator.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from presqt_daemon.bagit.findings import Findings
from presqt_daemon.findings import shown
from presqt_daemon.profile import Profile

_ZIP_TYPES = frozenset(
    ["zip", "application/zip", "application/x-zip", "application/x-zip-compressed"]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BagContents:
    """What a profile looks at in a bag.

    `tag_files` are those that BagIt does not name, `standard` those that it does; `payload` maps
    paths to sizes; manifests are given by algorithm.
    """

    version: str = ""
    info: tuple[tuple[str, str], ...] = ()
    manifests: frozenset[str] = frozenset()
    tag_manifests: frozenset[str] = frozenset()
    tag_files: frozenset[str] = frozenset()
    standard: frozenset[str] = frozenset()
    payload: Mapping[str, int] = field(default_factory=dict)
    has_fetch: bool = False


def check_profile(profile: Profile, contents: BagContents, findings: Findings) -> None:
    """Note where the bag does not meet the profile."""
    if profile.versions is not None and contents.version not in profile.versions:
        findings.add(
            "profile-version",
            "bagit.txt",
            f"the profile accepts BagIt {', '.join(profile.versions)}, not {contents.version}",
            expected=", ".join(profile.versions),
            found=contents.version,
        )
    _check_labels(profile, contents, findings)
    for kind, have, required, allowed in (
        ("manifest", contents.manifests, profile.manifests_required, profile.manifests_allowed),
        (
            "tagmanifest",
            contents.tag_manifests,
            profile.tag_manifests_required,
            profile.tag_manifests_allowed,
        ),
    ):
        _check_manifests(kind, have, required, allowed, findings)
    everything = contents.tag_files | contents.standard
    _check_files(
        everything, contents.tag_files, profile.tag_files_required, profile.tag_files_allowed,
        findings,
    )  # fmt: skip
    _check_files(
        contents.payload, contents.payload, profile.payload_required, profile.payload_allowed,
        findings,
    )  # fmt: skip
    if contents.has_fetch and not profile.allow_fetch:
        findings.add("profile-fetch", "fetch.txt", "the profile does not allow this file")
    if profile.fetch_required and not contents.has_fetch:
        findings.add("profile-fetch", "fetch.txt", "the profile asks for this file")
    if profile.data_empty and (len(contents.payload) > 1 or any(contents.payload.values())):
        findings.add("profile-data-not-empty", "data", "the profile asks for an empty payload")
    _check_serialization(profile, findings)


def _check_labels(profile: Profile, contents: BagContents, findings: Findings) -> None:
    values: dict[str, list[str]] = {}
    for label, value in contents.info:
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
    kind: str,
    have: frozenset[str],
    required: tuple[str, ...] | None,
    allowed: tuple[str, ...] | None,
    findings: Findings,
) -> None:
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


def _check_serialization(profile: Profile, findings: Findings) -> None:
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
