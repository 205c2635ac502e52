"""Keys that come from elsewhere than the file: variables and `--set`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from presqt_daemon.config import Config
from presqt_daemon.safe_text import without_secrets
from presqt_daemon.settings.complaints import Complaints, KeyPath
from presqt_daemon.settings.sections import NAMED, SECTIONS, settings_of
from presqt_daemon.system.yaml import YamlError, read_yaml

PREFIX = "PRESQT_DAEMON__"
_NEAR_PREFIX = "PRESQT_DAEMON_"


@dataclass(frozen=True, slots=True)
class Override:
    """One value with the key's path as it was written; YAML reads the value."""

    origin: str
    path: KeyPath
    text: str


def variables_from(environment: Mapping[str, str], complaints: Complaints) -> list[Override]:
    """The variables that set keys; one that nearly does is a problem."""
    found = []
    for name, text in sorted(environment.items()):
        if name.startswith(PREFIX):
            path = tuple(part.lower() for part in name[len(PREFIX) :].split("__"))
            found.append(Override(f"environment, {without_secrets(name)}", path, text))
        elif (meant := _meant(name)) is not None:
            complaints.say(f"environment, {name}: has no effect; write {meant}")
    return found


def put_over(
    tree: dict[Any, Any],
    overrides: Sequence[Override],
    origins: dict[KeyPath, str],
    complaints: Complaints,
) -> None:
    """Put each value into the tree, and where it came from into the origins."""
    in_file = tree.get("targets")
    names = frozenset(map(str, in_file)) if isinstance(in_file, dict) else frozenset({"archive"})
    for override in overrides:
        if override.path[0] == "targets" and tree.get("targets") is None:
            tree["targets"] = {"archive": {"type": "folder", "path": "archive"}}
        try:
            value = read_yaml(override.text.encode("utf-8", "surrogateescape"))
        except YamlError as error:
            complaints.say(f"{override.origin}: {error.problem}")
            continue
        path = _as_in(tree, override.path)
        place = _place_of(tree, path)
        if place is None:
            single = path[0] if path[0] in settings_of(Config) else ".".join(path[:-1])
            complaints.say(f"{override.origin}: {single} takes one value, no keys below it")
            continue
        place[path[-1]] = value
        for length in range(1, len(path)):
            origins.setdefault(path[:length], override.origin)
        origins[path] = override.origin
    _refuse_targets_of_nothing(tree, names, origins, complaints)


def _as_in(tree: Mapping[Any, Any], path: KeyPath) -> KeyPath:
    """The path with a target's name as the file has it: variables know neither case nor `-`."""
    targets = tree.get("targets")
    if path[0] != "targets" or len(path) < 2 or not isinstance(targets, dict):
        return path
    wanted = path[1].lower().replace("-", "_")
    name = next((n for n in targets if str(n) == path[1]), None)
    name = name or next((n for n in targets if _plain(n) == wanted), path[1])
    return (path[0], str(name), *path[2:])


def _plain(name: object) -> str:
    return str(name).lower().replace("-", "_").replace(".", "_")


def _place_of(tree: dict[Any, Any], path: KeyPath) -> dict[Any, Any] | None:
    """The mapping that holds the path's last key, made where there is none; None for a value."""
    place = tree
    single = settings_of(Config)
    for depth, key in enumerate(path[:-1]):
        inner = place.get(key)
        if depth == 0 and key in single:
            return None
        if inner is None:
            inner = place[key] = {}
        if not isinstance(inner, dict):
            return None
        place = inner
    return place


def _refuse_targets_of_nothing(
    tree: dict[Any, Any],
    in_file: frozenset[str],
    origins: Mapping[KeyPath, str],
    complaints: Complaints,
) -> None:
    """A target that only an override names, without a type, is a misspelt one."""
    targets = tree.get("targets")
    if not isinstance(targets, dict):
        return
    written = [
        str(name)
        for name, entry in targets.items()
        if str(name) in in_file or not isinstance(entry, dict) or "type" in entry
    ]
    for name in [name for name in targets if str(name) not in written]:
        origin = next(origins[path] for path in origins if path[:2] == ("targets", str(name)))
        known = ", ".join(written) or "none"
        complaints.say(f"{origin}: there is no target {name!r} (there are: {known})")
        del targets[name]


def _meant(name: str) -> str | None:
    """What would have an effect, for a variable such as `PRESQT_DAEMON_STAGING_WORKERS`."""
    rest = name.removeprefix(_NEAR_PREFIX)
    if rest == name or name.startswith(PREFIX):
        return None
    for part in (*NAMED, *SECTIONS):
        below = rest.removeprefix(f"{part.upper()}_").lstrip("_")
        if below != rest:
            return f"{PREFIX}{part.upper()}__{below}"
    return f"{PREFIX}{rest}" if rest.lower() in settings_of(Config) else None
