"""Read the configuration: defaults, then the file, then the environment, then the command line.

Every problem is found before any is told, each with its key and, for a misspelt one, the likely.
"""

import dataclasses
import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from presqt_daemon.config import (
    Config,
    IntakeConfig,
    PermissionsConfig,
    RetentionConfig,
    StagingConfig,
    TargetConfig,
    UploadsConfig,
)
from presqt_daemon.errors import ConfigError
from presqt_daemon.profile import read_profile
from presqt_daemon.system.yaml import YamlError, read_yaml

PREFIX = "PRESQT_DAEMON__"
PLACES: tuple[Path, ...] = (Path("config.yaml"), Path("/etc/presqt-daemon/config.yaml"))
_TARGET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SECTIONS: Mapping[str, Any] = {
    "intake": IntakeConfig,
    "staging": StagingConfig,
    "uploads": UploadsConfig,
    "retention": RetentionConfig,
    "permissions": PermissionsConfig,
}
_OWN_TYPES: Mapping[str, frozenset[str]] = {
    "folder": frozenset({"path", "keep", "mode"}),
    "osf": frozenset(),
    "github": frozenset({"organisation", "large_files"}),
    "gitlab": frozenset({"organisation"}),
    "zenodo": frozenset({"api"}),
    "figshare": frozenset(),
}
_EVERY_TYPE = frozenset({"type", "sender_may", "time_limit", "workers"})
_HTTP_TYPES = _EVERY_TYPE | {
    "url", "token_file", "token_credential", "token_env", "visibility", "publish", "connections",
    "requests_per_minute",
}  # fmt: skip
_SENDER_MAY = frozenset({"resource_id"})


def find_file(given: Path | None) -> Path:
    """The configuration file to read; ConfigError when there is none."""
    if given is not None:
        return given
    for place in PLACES:
        if place.exists():
            return place
    wanted = " or ".join(str(place) for place in PLACES)
    raise ConfigError((f"no configuration: give --config FILE, or make {wanted}",))


def load_config(path: Path, environment: Mapping[str, str]) -> Config:
    """The configuration in a file, overridden by `PRESQT_DAEMON__SECTION__KEY` variables.

    Raises ConfigError with every problem.
    """
    try:
        tree = read_yaml(path.read_bytes())
    except OSError as error:
        raise ConfigError((f"{path}: {error.strerror}",)) from None
    except YamlError as error:
        raise ConfigError((f"{path}: {error}",)) from None
    tree = {} if tree is None else tree
    if not isinstance(tree, dict):
        raise ConfigError((f"{path}: the file must hold keys and values",))
    _override(tree, environment)
    return config_from_tree(tree, path.resolve().parent)


def config_from_tree(tree: Mapping[Any, Any], base: Path) -> Config:
    """A configuration from parsed YAML; relative paths are taken from `base`."""
    problems: list[str] = []
    values: dict[str, Any] = {}
    plain = {key: value for key, value in tree.items() if key not in {"targets", *_SECTIONS}}
    names = [item.name for item in dataclasses.fields(Config)]
    values.update(_read_fields(Config, plain, "", base, problems, names))
    for section, kind in _SECTIONS.items():
        given = tree.get(section)
        if given is None:
            continue
        if not isinstance(given, dict):
            problems.append(f"{section}: must hold keys and values")
            continue
        fields = _read_fields(kind, given, f"{section}.", base, problems)
        values[section] = kind(**fields)
    if "staging" in values:
        _check_profile(values["staging"].profile, problems)
    values["targets"] = _read_targets(tree.get("targets"), base, problems)
    default = values.get("default_target")
    if default is not None and default not in values["targets"]:
        problems.append(f"default_target: {default!r} is not among the targets")
    if problems:
        raise ConfigError(tuple(problems))
    defaults = {name: (base / getattr(Config(), name)) for name in ("inbox", "mediafiles")}
    config = Config(**{**defaults, **values})
    _check_folders(config, problems)
    if problems:
        raise ConfigError(tuple(problems))
    return config


def _check_profile(path: Path | None, problems: list[str]) -> None:
    """A profile is read with every drop; a bad one must not wait until then."""
    if path is None:
        return
    try:
        read_profile(path)
    except ConfigError as error:
        problems.extend(f"staging.profile: {problem}" for problem in error.problems)


def _read_targets(given: Any, base: Path, problems: list[str]) -> dict[str, TargetConfig]:
    if given is None:
        path = (base / "archive").absolute()
        return {"archive": TargetConfig(name="archive", type="folder", path=path)}
    if not isinstance(given, dict) or not given:
        problems.append("targets: must name at least one target")
        return {}
    targets = {}
    for name, entry in given.items():
        where = f"targets.{name}"
        if not isinstance(name, str) or not _TARGET_NAME.fullmatch(name):
            problems.append(
                f"{where}: a target's name is made of letters, digits, '.', '_' and '-', "
                "and begins with a letter or digit"
            )
            continue
        if not isinstance(entry, dict):
            problems.append(f"{where}: must hold keys and values, such as type: folder")
            continue
        before = len(problems)
        fields = _read_fields(TargetConfig, entry, f"{where}.", base, problems)
        target = TargetConfig(**{**fields, "name": name})
        if len(problems) == before:
            _check_target(target, entry, where, problems)
        targets[name] = target
    lowered: dict[str, str] = {}
    for name in targets:
        other = lowered.setdefault(name.lower(), name)
        if other != name:
            problems.append(f"targets.{name}: differs from targets.{other} by case only")
    return targets


def _check_target(
    target: TargetConfig, entry: Mapping[str, Any], where: str, problems: list[str]
) -> None:
    if "type" not in entry:
        problems.append(f"{where}.type: is missing (one of {', '.join(_OWN_TYPES)}, or a plug-in)")
        return
    if target.type in _OWN_TYPES:
        shared = _EVERY_TYPE if target.type == "folder" else _HTTP_TYPES
        allowed = shared | _OWN_TYPES[target.type]
        problems.extend(
            f"{where}.{key}: has no meaning for type {target.type}"
            for key in entry
            if key not in allowed
        )
    if target.type == "folder" and target.path is None:
        problems.append(f"{where}.path: is missing")
    tokens = [k for k in ("token_file", "token_credential", "token_env") if getattr(target, k)]
    if len(tokens) > 1:
        problems.append(f"{where}: give one of {' and '.join(tokens)}, not both")
    if target.url is not None and not target.url.startswith(("https://", "http://")):
        problems.append(f"{where}.url: must begin with https:// (or http:// for a test server)")
    problems += [
        f"{where}.sender_may: {word!r} is not one of {', '.join(sorted(_SENDER_MAY))}"
        for word in target.sender_may
        if word not in _SENDER_MAY
    ]


def _check_folders(config: Config, problems: list[str]) -> None:
    """The inbox, mediafiles and folder targets must not lie in one another."""
    places = [("inbox", config.inbox), ("mediafiles", config.mediafiles)]
    places += [(f"targets.{t.name}.path", t.path) for t in config.targets.values() if t.path]
    for index, (name, path) in enumerate(places):
        for other_name, other in places[:index]:
            both_targets = name.startswith("targets.") and other_name.startswith("targets.")
            if (path == other or path in other.parents or other in path.parents) and (
                not both_targets
            ):
                problems.append(f"{name}: {path} must not lie in or around {other_name} ({other})")


def _read_fields(
    kind: Any,
    given: Mapping[Any, Any],
    prefix: str,
    base: Path,
    problems: list[str],
    known: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The values of a dataclass's settings; problems are added to the list."""
    fields = {item.name: item for item in dataclasses.fields(kind) if "read" in item.metadata}
    values: dict[str, Any] = {}
    for key, value in given.items():
        item = fields.get(str(key))
        if item is None:
            likely = difflib.get_close_matches(str(key), known or list(fields), 1)
            hint = f"; did you mean {prefix}{likely[0]}?" if likely else ""
            problems.append(f"{prefix}{key}: unknown key{hint}")
            continue
        if value is None:
            if item.metadata["optional"]:
                values[item.name] = None
            elif item.default is not None:
                problems.append(f"{prefix}{key}: must not be empty")
            continue
        try:
            read = item.metadata["read"](value)
        except ValueError as error:
            problems.append(f"{prefix}{key}: {value!r} {error}")
            continue
        values[item.name] = (
            (base / Path(read).expanduser()).absolute() if (item.metadata["is_path"]) else read
        )
    return values


def _override(tree: dict[Any, Any], environment: Mapping[str, str]) -> None:
    """Put `PRESQT_DAEMON__A__B=value` into the tree; a value is read as YAML would read it."""
    for name, text in sorted(environment.items()):
        if not name.startswith(PREFIX):
            continue
        keys = [part.lower() for part in name[len(PREFIX) :].split("__")]
        try:
            value = read_yaml(text.encode())
        except YamlError as error:
            raise ConfigError((f"{name}: {error}",)) from None
        place: Any = tree
        for depth, key in enumerate(keys):
            if keys[0] == "targets" and depth == 1 and isinstance(place, dict):
                key = next((n for n in place if str(n).lower().replace("-", "_") == key), key)
            if depth == len(keys) - 1:
                place[key] = value
                break
            inner = place.get(key)
            if not isinstance(inner, dict):
                inner = place[key] = {}
            place = inner
