"""A configuration from parsed YAML: every problem is found before any is told."""

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from presqt_daemon.config import Config, TargetConfig
from presqt_daemon.errors import ConfigError
from presqt_daemon.notation import ALL_TYPES
from presqt_daemon.profile import read_profile
from presqt_daemon.settings.schema import TARGET_NAME
from presqt_daemon.settings.sections import SECTIONS, TOP, settings_of


def config_from_tree(tree: Mapping[Any, Any], base: Path) -> Config:
    """A configuration from parsed YAML; relative paths are taken from `base`."""
    problems: list[str] = []
    values: dict[str, Any] = {}
    plain = {key: value for key, value in tree.items() if key not in {"targets", *SECTIONS}}
    names = [*TOP, "targets", *SECTIONS]
    values.update(_read_fields(Config, plain, "", base, problems, names))
    for section, kind in SECTIONS.items():
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
        if not isinstance(name, str) or not re.fullmatch(TARGET_NAME, name):
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
        problems.append(f"{where}.type: is missing (one of {', '.join(ALL_TYPES)}, or a plug-in)")
        return
    if target.type in ALL_TYPES:
        keys = settings_of(TargetConfig)
        problems.extend(
            f"{where}.{key}: has no meaning for type {target.type}"
            for key in entry
            if target.type not in keys[key].metadata["types"]
        )
    if target.type == "folder" and target.path is None:
        problems.append(f"{where}.path: is missing")
    tokens = [k for k in ("token_file", "token_credential", "token_env") if getattr(target, k)]
    if len(tokens) > 1:
        problems.append(f"{where}: give one of {' and '.join(tokens)}, not both")
    if target.url is not None and not target.url.startswith(("https://", "http://")):
        problems.append(f"{where}.url: must begin with https:// (or http:// for a test server)")


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
    fields = settings_of(kind)
    values: dict[str, Any] = {}
    for key, value in given.items():
        item = fields.get(str(key))
        if item is None:
            likely = difflib.get_close_matches(str(key), known or list(fields), 1)
            hint = f"; did you mean {prefix}{likely[0]}?" if likely else ""
            problems.append(f"{prefix}{key}: unknown key{hint}")
            continue
        notation = item.metadata["notation"]
        try:
            read = notation.read(value)
        except ValueError as error:
            said = "must not be empty" if value is None else f"{value!r} {error}"
            problems.append(f"{prefix}{key}: {said}")
            continue
        if read is not None and notation.is_path:
            read = (base / Path(read).expanduser()).absolute()
        values[item.name] = read
    return values
