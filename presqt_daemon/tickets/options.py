"""What a drop may choose, and where it goes: folder, then side-car, then bag, then configuration.

Pure, but for reading the side-car's text. A choice that the folder does not allow is an error,
never silently dropped.
"""

import re
from collections.abc import Collection, Mapping
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
        raise bad_sidecar(name, str(error)) from None
    values: dict[str, str] = {}
    for key, value in (tree or {}).items():
        if key not in _KEYS:
            raise bad_sidecar(
                name, f"the key {quoted(key)} is unknown; known are {', '.join(_KEYS)}"
            )
        if value is None:
            continue
        if not value.strip():
            raise _bad_request(
                f"The side-car {name} asks for an empty {key}: write one, or leave the line out."
            )
        values[key] = value
    return Choices(**values)


def resource_id_from_folder(name: str) -> str:
    """The container id that a folder's name stands for (`%2F`, `%3A` and `%25` are decoded)."""
    return _ENCODED.sub(lambda found: unquote(found.group()), name)


def folder_from_resource_id(resource_id: str) -> str:
    """The folder's name that stands for a container id; `resource_id_from_folder` undoes it."""
    return resource_id.replace("%", "%25").replace("/", "%2F").replace(":", "%3A")


def choose_target(config: Config, route: Route, sidecar: Choices, labels: Labels) -> str:
    """The target's name; UserFault `unknown-target` or `bad-request` when none can be used."""
    asked = [one for one in (sidecar.target, labels.target) if one]
    if route.target is not None:
        for wanted in asked:
            if wanted != route.target:
                raise _bad_request(
                    f"The drop asks for the target {wanted!r}, but it lies in the folder of "
                    f"{route.target!r}: move it to the other folder, or leave the choice out."
                )
    elif asked and not config.intake.route_by_drop:
        raise _bad_request(
            f"A drop may not choose its target here ({asked[0]!r}): put it into "
            f"{_folder_of(config.targets)}."
        )
    target = route.target or (asked[0] if asked else config.default_target)
    if target is None:
        raise UserFault(
            "unknown-target",
            f"There is no default target: put the zip into {_folder_of(config.targets)}.",
        )
    if target not in config.targets:
        raise unknown_target(target, config.targets)
    return target


def unknown_target(name: str | None, targets: Collection[str]) -> UserFault:
    """The fault of a name that is no target's, a folder's or one that was chosen."""
    return UserFault(
        "unknown-target",
        f"PresQT Error: '{name}' is not a valid Target name. "
        f"Put the zip into {_folder_of(targets)}.",
    )


def _folder_of(targets: Collection[str]) -> str:
    names = ", ".join(f"{name}/" for name in targets)
    return f"the folder {names}" if len(targets) == 1 else f"one of the folders {names}"


def resolve(
    config: Config, route: Route, sidecar: Choices, labels: Labels, zip_stem: str
) -> Resolved:
    """Where the drop goes and under which title; a label without a value, as of a form, is none.

    Raises UserFault (`unknown-target`, `bad-request`) with a sentence to act on.
    """
    target = choose_target(config, route, sidecar, labels)
    given = {"folder": route.target, "sidecar": sidecar.target, "bag": labels.target}
    sources = {"target": _first(given, "config")}
    resource_id = _resource_id(config, target, route, sidecar, labels)
    if resource_id is not None:
        given = {"folder": route.resource_id, "sidecar": sidecar.resource_id}
        sources["resource_id"] = _first(given, "bag")
    given = {"sidecar": sidecar.file_duplicate_action, "bag": labels.duplicate_action}
    sources["file_duplicate_action"] = source = _first(given, "config")
    action = given.get(source) or config.uploads.duplicates
    if action not in tuple(DuplicateAction):
        raise _bad_request(_BAD_ACTION.format(action))
    titles = {
        "sidecar": sidecar.title,
        "bag": labels.title,
        "payload": labels.top_folder,
        "external-identifier": (labels.external_identifier or "").strip(". "),
        "zip": zip_stem.strip(". "),
    }
    sources["title"] = source = _first(titles, "default")
    title = titles.get(source) or DEFAULT_TITLE
    if source in {"sidecar", "bag"}:
        title = check_title(title, config.targets[target].type)
    else:
        title = check_title(title_from_name(title))
    if config.uploads.structure == "presqt":
        check_presqt_structure(labels, is_new=resource_id is None)
    return Resolved(
        target=target,
        resource_id=resource_id,
        title=title,
        duplicate_action=DuplicateAction(action),
        options_from=sources,
    )


def check_presqt_structure(labels: Labels, *, is_new: bool) -> None:
    """PresQT's rule: one top folder, and for a new resource nothing beside it (its own words)."""
    if labels.top_folders > 1:
        raise _bad_request(
            "PresQT Error: Repository is not formatted correctly. "
            "Multiple directories exist at the top level."
        )
    if is_new and labels.top_files:
        raise _bad_request(
            "PresQT Error: Repository is not formatted correctly. Files exist at the top level."
        )


def check_resource_id(resource_id: str) -> str:
    """The container id; UserFault for one that climbs, has an empty part or is no id by length."""
    parts = re.split(r"[/\\]", resource_id[: MAX_RESOURCE_ID + 1])
    problem = next((found for part in parts if (found := why_unsafe(part)) is not None), None)
    if len(resource_id) > MAX_RESOURCE_ID:
        problem = f"is longer than {MAX_RESOURCE_ID} characters"
    if problem is not None:
        raise _bad_request(
            f"The resource id {quoted(resource_id)} {problem}: "
            "name the folder after an existing container's id."
        )
    return resource_id


def _resource_id(
    config: Config, target: str, route: Route, sidecar: Choices, labels: Labels
) -> str | None:
    asked = sidecar.resource_id or labels.resource_id or None
    if route.resource_id is not None:
        if asked is not None and asked != route.resource_id:
            raise _bad_request(
                f"The drop asks for the resource {asked!r}, but it lies in the folder of "
                f"{route.resource_id!r}: move it, or leave the choice out."
            )
        return check_resource_id(route.resource_id)
    if asked is None:
        return None
    if "resource_id" not in config.targets[target].sender_may:
        raise _bad_request(
            f"A drop may not choose its resource here ({asked!r}): put it into the folder "
            f"{target}/<resource id>/, or ask the operator for `sender_may: [resource_id]`."
        )
    return check_resource_id(asked)


def _first(given: Mapping[str, str | None], otherwise: str) -> str:
    """The first source that says something."""
    return next((source for source, text in given.items() if text and text.strip()), otherwise)


def _bad_request(message: str) -> UserFault:
    return UserFault("bad-request", message)


def bad_sidecar(name: str, problem: str) -> UserFault:
    """The fault of a side-car that cannot be used; `problem` is a clause about it."""
    return UserFault(
        "bad-sidecar", f"The side-car {name} cannot be used: {problem}. Mend it and drop again."
    )
