"""BagIt Profiles: a community's own demands on a bag, read from a local copy.

The BagIt Profiles Specification 1.1 to 1.4. The identifier in a bag is never downloaded.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from presqt_daemon.errors import ConfigError

MAX_PROFILE_BYTES = 1 << 20

_LISTS = {
    "Manifests-Required": "manifests_required",
    "Manifests-Allowed": "manifests_allowed",
    "Tag-Manifests-Required": "tag_manifests_required",
    "Tag-Manifests-Allowed": "tag_manifests_allowed",
    "Tag-Files-Required": "tag_files_required",
    "Tag-Files-Allowed": "tag_files_allowed",
    "Payload-Files-Required": "payload_required",
    "Payload-Files-Allowed": "payload_allowed",
    "Accept-BagIt-Version": "versions",
    "Accept-Serialization": "serializations",
}
_FLAGS = {
    "Allow-Fetch.txt": "allow_fetch",
    "Fetch.txt-Required": "fetch_required",
    "Data-Empty": "data_empty",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRule:
    """What a profile asks of one label of bag-info.txt; no values means any."""

    label: str
    required: bool = False
    recommended: bool = False
    repeatable: bool = True
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A profile's demands; None where it says nothing about what is allowed."""

    identifier: str = ""
    labels: tuple[LabelRule, ...] = ()
    versions: tuple[str, ...] | None = None
    manifests_required: tuple[str, ...] | None = None
    manifests_allowed: tuple[str, ...] | None = None
    tag_manifests_required: tuple[str, ...] | None = None
    tag_manifests_allowed: tuple[str, ...] | None = None
    tag_files_required: tuple[str, ...] | None = None
    tag_files_allowed: tuple[str, ...] | None = None
    payload_required: tuple[str, ...] | None = None
    payload_allowed: tuple[str, ...] | None = None
    allow_fetch: bool = True
    fetch_required: bool = False
    data_empty: bool = False
    serialization: str = "optional"
    serializations: tuple[str, ...] | None = None


def read_profile(path: Path) -> Profile:
    """The profile in a JSON file; ConfigError with every problem of a bad one."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_PROFILE_BYTES + 1)
    except OSError as error:
        raise ConfigError((f"{path}: {error.strerror}",)) from None
    if len(content) > MAX_PROFILE_BYTES:
        raise ConfigError((f"{path}: a profile must not be larger than 1 MiB",))
    try:
        tree = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ConfigError((f"{path}: not JSON ({str(error).splitlines()[0]})",)) from None
    if not isinstance(tree, dict):
        raise ConfigError((f"{path}: a profile must be a JSON object",))
    problems: list[str] = []
    profile = _profile_from_tree(tree, problems)
    if problems:
        raise ConfigError(tuple(f"{path}: {problem}" for problem in problems))
    return profile


def _profile_from_tree(tree: Mapping[str, Any], problems: list[str]) -> Profile:
    fields: dict[str, Any] = {}
    for key, name in _LISTS.items():
        value = tree.get(key)
        if value is None:
            continue
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            if name.startswith(("manifests", "tag_manifests")):
                value = [item.lower().replace("-", "") for item in value]
            fields[name] = tuple(value)
        else:
            problems.append(f"{key}: must be a list of texts")
    for key, name in _FLAGS.items():
        value = tree.get(key)
        if isinstance(value, bool):
            fields[name] = value
        elif value is not None:
            problems.append(f"{key}: must be true or false")
    serialization = tree.get("Serialization", "optional")
    if serialization in ("forbidden", "required", "optional"):
        fields["serialization"] = serialization
    else:
        problems.append("Serialization: must be forbidden, required or optional")
    if not fields.get("versions"):
        problems.append("Accept-BagIt-Version: must list at least one version")
    about = tree.get("BagIt-Profile-Info")
    identifier = about.get("BagIt-Profile-Identifier") if isinstance(about, dict) else None
    if isinstance(identifier, str) and identifier:
        fields["identifier"] = identifier
    else:
        problems.append("BagIt-Profile-Info: must hold BagIt-Profile-Identifier")
    fields["labels"] = _labels_from_tree(tree.get("Bag-Info"), problems)
    return Profile(**fields)


def _labels_from_tree(tree: object, problems: list[str]) -> tuple[LabelRule, ...]:
    if tree is None:
        return ()
    if not isinstance(tree, dict):
        problems.append("Bag-Info: must be an object of labels")
        return ()
    rules = []
    for label, given in tree.items():
        if not isinstance(given, dict):
            problems.append(f"Bag-Info.{label}: must be an object")
            continue
        flags: dict[str, bool] = {}
        for key in ("required", "recommended", "repeatable"):
            value = given.get(key)
            if isinstance(value, bool):
                flags[key] = value
            elif value is not None:
                problems.append(f"Bag-Info.{label}.{key}: must be true or false")
        values = given.get("values") or []
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            problems.append(f"Bag-Info.{label}.values: must be a list of texts")
            values = []
        rules.append(LabelRule(label=label, values=tuple(values), **flags))
    return tuple(rules)
