"""What a drop may choose, and where it goes: folder, then side-car, then bag, then configuration.

Pure, but for reading the side-car's text. A choice that the folder does not allow is an error,
never silently dropped.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from presqt_daemon.config import Config
from presqt_daemon.errors import UserFault
from presqt_daemon.model import DuplicateAction, Labels, Resolved, Route
from presqt_daemon.system.yaml import YamlError, read_yaml_as_text
from presqt_daemon.tickets.title import (
    DEFAULT_TITLE,
    check_title,
    quoted,
    title_from_name,
    why_unsafe,
)

_KEYS = ("target", "resource_id", "file_duplicate_action", "title")
_BAD_ACTION = (
    "PresQT Error: '{0}' is not a valid file_duplicate_action. "
    "The options are 'ignore' or 'update'."
)
MAX_RESOURCE_ID = 1_000
"""Characters; the longest id of a target is a path of some names (`owner/name`, a title)."""

_ENCODED = re.compile(r"%(2[Ff]|3[Aa]|25)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What one source says; None where it says nothing."""

    target: str | None = None
    resource_id: str | None = None
    file_duplicate_action: str | None = None
    title: str | None = None


def choices_from_sidecar(content: bytes, name: str) -> Choices:
    """The side-car's choices, every value as it is written.

    Raises UserFault `bad-sidecar` for what is no clean mapping of them, `bad-request` for a choice
    of nothing.
    """
    try:
        tree = read_yaml_as_text(content)
    except YamlError as error:
        raise _bad_sidecar(name, str(error)) from None
    values: dict[str, str] = {}
    for key, value in (tree or {}).items():
        if key not in _KEYS:
            raise _bad_sidecar(
                name, f"the key {quoted(key)} is unknown; known are {', '.join(_KEYS)}"
            )
        if value is None:
            continue
        if not value.strip():
            raise UserFault(
                "bad-request",
                f"The side-car {name} asks for an empty {key}: write one, or leave the line out.",
            )
        values[key] = value
    return Choices(**values)


def choices_from_labels(labels: Labels) -> Choices:
    """The bag's own choices; a label without a value, as of a form not filled in, is none."""
    return Choices(
        target=labels.target or None,
        resource_id=labels.resource_id or None,
        file_duplicate_action=labels.duplicate_action or None,
        title=labels.title or None,
    )


def resource_id_from_folder(name: str) -> str:
    """The container id that a folder's name stands for (`%2F`, `%3A` and `%25` are decoded)."""
    return _ENCODED.sub(lambda found: unquote(found.group()), name)


def folder_from_resource_id(resource_id: str) -> str:
    """The folder's name that stands for a container id; `resource_id_from_folder` undoes it."""
    return resource_id.replace("%", "%25").replace("/", "%2F").replace(":", "%3A")


def choose_target(config: Config, route: Route, sidecar: Choices, labels: Labels) -> str:
    """The target's name; UserFault `unknown-target` or `bad-request` when none can be used."""
    bag = choices_from_labels(labels)
    folders = ", ".join(f"{name}/" for name in config.targets)
    if route.target is not None:
        for wanted in (sidecar.target, bag.target):
            if wanted is not None and wanted != route.target:
                raise UserFault(
                    "bad-request",
                    f"The drop asks for the target {wanted!r}, but it lies in the folder of "
                    f"{route.target!r}: move it to the other folder, or leave the choice out.",
                )
        target: str | None = route.target
    else:
        target = sidecar.target or bag.target
        if target is not None and not config.intake.route_by_drop:
            raise UserFault(
                "bad-request",
                f"A drop may not choose its target here ({target!r}): put it into one of the "
                f"folders {folders}.",
            )
        target = target or config.default_target
    if target is None:
        raise UserFault(
            "unknown-target",
            f"There is no default target: put the zip into one of the folders {folders}.",
        )
    if target not in config.targets:
        raise UserFault(
            "unknown-target",
            f"PresQT Error: '{target}' is not a valid Target name. The folders here are {folders}.",
        )
    return target


def resolve(
    config: Config, route: Route, sidecar: Choices, labels: Labels, zip_stem: str
) -> Resolved:
    """Where the drop goes and under which title.

    Raises UserFault (`unknown-target`, `bad-request`) with a sentence to act on.
    """
    target = choose_target(config, route, sidecar, labels)
    bag = choices_from_labels(labels)
    sources: dict[str, str] = {}
    sources["target"] = (
        _source((route.target, "folder"), (sidecar.target, "sidecar"), (bag.target, "bag"))
        or "config"
    )
    resource_id = _resource_id(config, target, route, sidecar, bag, sources)
    action = _action(config, sidecar, bag, sources)
    title = _title(sidecar, labels, zip_stem, sources, config.targets[target].type)
    if config.uploads.structure == "presqt":
        check_presqt_structure(labels, is_new=resource_id is None)
    return Resolved(
        target=target,
        resource_id=resource_id,
        title=title,
        duplicate_action=action,
        options_from=sources,
    )


def check_presqt_structure(labels: Labels, *, is_new: bool) -> None:
    """PresQT's rule: one top folder, and for a new resource nothing beside it (its own words)."""
    if labels.top_folders > 1:
        raise UserFault(
            "bad-request",
            "PresQT Error: Repository is not formatted correctly. "
            "Multiple directories exist at the top level.",
        )
    if is_new and labels.top_files:
        raise UserFault(
            "bad-request",
            "PresQT Error: Repository is not formatted correctly. Files exist at the top level.",
        )


def check_resource_id(resource_id: str) -> str:
    """The container id; UserFault for one that climbs, has an empty part or is no id by length."""
    parts = re.split(r"[/\\]", resource_id[: MAX_RESOURCE_ID + 1])
    problem = next((found for part in parts if (found := why_unsafe(part)) is not None), None)
    if len(resource_id) > MAX_RESOURCE_ID:
        problem = f"is longer than {MAX_RESOURCE_ID} characters"
    if problem is not None:
        raise UserFault(
            "bad-request",
            f"The resource id {quoted(resource_id)} {problem}: "
            "name the folder after an existing container's id.",
        )
    return resource_id


def _resource_id(
    config: Config,
    target: str,
    route: Route,
    sidecar: Choices,
    bag: Choices,
    sources: dict[str, str],
) -> str | None:
    asked = sidecar.resource_id or bag.resource_id
    if route.resource_id is not None:
        if asked is not None and asked != route.resource_id:
            raise UserFault(
                "bad-request",
                f"The drop asks for the resource {asked!r}, but it lies in the folder of "
                f"{route.resource_id!r}: move it, or leave the choice out.",
            )
        sources["resource_id"] = "folder"
        return check_resource_id(route.resource_id)
    if asked is None:
        return None
    if "resource_id" not in config.targets[target].sender_may:
        raise UserFault(
            "bad-request",
            f"A drop may not choose its resource here ({asked!r}): put it into the folder "
            f"{target}/<resource id>/, or ask the operator for `sender_may: [resource_id]`.",
        )
    sources["resource_id"] = "sidecar" if sidecar.resource_id else "bag"
    return check_resource_id(asked)


def _action(
    config: Config, sidecar: Choices, bag: Choices, sources: dict[str, str]
) -> DuplicateAction:
    asked = sidecar.file_duplicate_action or bag.file_duplicate_action
    sources["file_duplicate_action"] = (
        _source((sidecar.file_duplicate_action, "sidecar"), (bag.file_duplicate_action, "bag"))
        or "config"
    )
    try:
        return DuplicateAction(asked or config.uploads.duplicates)
    except ValueError:
        raise UserFault("bad-request", _BAD_ACTION.format(asked)) from None


def _title(
    sidecar: Choices, labels: Labels, zip_stem: str, sources: dict[str, str], target_type: str
) -> str:
    for source, text in (("sidecar", sidecar.title), ("bag", labels.title)):
        if text is not None and text.strip():
            sources["title"] = source
            return check_title(text, target_type)
    for source, text in (
        ("payload", labels.top_folder),
        ("external-identifier", (labels.external_identifier or "").strip(". ")),
        ("zip", zip_stem.strip(". ")),
    ):
        if text is not None and text.strip():
            sources["title"] = source
            return check_title(title_from_name(text))
    sources["title"] = "default"
    return DEFAULT_TITLE


def _source(*given: tuple[str | None, str]) -> str | None:
    return next((source for value, source in given if value is not None), None)


def _bad_sidecar(name: str, problem: str) -> UserFault:
    return UserFault(
        "bad-sidecar", f"The side-car {name} cannot be used: {problem}. Mend it and drop again."
    )
