"""A configuration from parsed YAML: every problem is found before any is told."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from presqt_daemon.config import Config, TargetConfig
from presqt_daemon.errors import ConfigError
from presqt_daemon.profile import read_profile
from presqt_daemon.receivers import ReceiverConfig
from presqt_daemon.safe_text import HIDDEN, may_be_secret, names_secret
from presqt_daemon.settings.complaints import Complaints
from presqt_daemon.settings.engine import check_engine_settings
from presqt_daemon.settings.receivers import (
    PARTS,
    check_notify,
    check_receiver,
    may_hold_address,
    pasted_address,
)
from presqt_daemon.settings.sections import NAMED, SECTIONS, TOP, settings_of, target_settings
from presqt_daemon.settings.targets import check_target, pasted_token
from presqt_daemon.settings.texts import problem_of_name, problem_of_path
from presqt_daemon.targets.definition import definition_of

_WRONG_SHAPE = "must hold keys and values, each on a line of its own below it, further to the right"


def config_from_tree(tree: Mapping[Any, Any], base: Path) -> Config:
    """A configuration from parsed YAML; relative paths are taken from `base`.

    Raises ConfigError with every problem.
    """
    return read_config(tree, base, Complaints())


def read_config(tree: Mapping[Any, Any], base: Path, complaints: Complaints) -> Config:
    """The same, beside problems that were found before. Raises ConfigError with all of them."""
    values: dict[str, Any] = {}
    plain = {key: value for key, value in tree.items() if key not in {*NAMED, *SECTIONS}}
    names = [*TOP, *NAMED, *SECTIONS]
    values.update(_read_fields(settings_of(Config), plain, (), base, complaints, names))
    for section, kind in SECTIONS.items():
        given = tree.get(section)
        if given is None:
            continue
        if not isinstance(given, dict):
            complaints.add((section,), _WRONG_SHAPE)
            continue
        settings = settings_of(kind)
        values[section] = kind(**_read_fields(settings, given, (section,), base, complaints))
    if "staging" in values:
        _check_profile(values["staging"].profile, complaints)
    values["targets"] = _read_targets(tree.get("targets"), base, complaints)
    values["receivers"] = _read_receivers(
        tree.get("receivers"), base, values["targets"], complaints
    )
    if "notify" in values:
        check_notify(values["notify"], complaints)
    default = values.get("default_target")
    if default is not None and default not in values["targets"]:
        known = ", ".join(values["targets"])
        complaints.add(
            ("default_target",), f"{default!r} is not among the targets (there are: {known})"
        )
    defaults = {name: (base / getattr(Config(), name)) for name in ("inbox", "mediafiles")}
    config = Config(**{**defaults, **values})
    for key in ("status", "payload"):
        if getattr(config.permissions, key) & 0o022:
            complaints.add(("permissions", key), "others must not be able to change what is ours")
    check_engine_settings(config, complaints)
    if not complaints.texts:
        _check_folders(config, complaints)
    if complaints.texts:
        raise ConfigError(tuple(complaints.texts))
    return config


def _check_profile(path: Path | None, complaints: Complaints) -> None:
    """A profile is read with every drop; a bad one must not wait until then."""
    if path is None:
        return
    try:
        read_profile(path)
    except ConfigError as error:
        for problem in error.problems:
            complaints.add(("staging", "profile"), problem)


def _read_targets(given: Any, base: Path, complaints: Complaints) -> dict[str, TargetConfig]:
    if given is None:
        path = (base / "archive").absolute()
        return {"archive": TargetConfig(name="archive", type="folder", path=path)}
    if isinstance(given, list):
        complaints.add(
            ("targets",), "is a list; write each target's name as a key ('archive:'), without '-'"
        )
        return {}
    if not isinstance(given, dict) or not given:
        complaints.add(("targets",), "must name at least one target, such as 'archive:'")
        return {}
    if not any(isinstance(entry, dict) for entry in given.values()) and "type" in given:
        complaints.add(
            ("targets",), "the keys of a target must stand further to the right than its name"
        )
        return {}
    targets: dict[str, TargetConfig] = {}
    shared = settings_of(TargetConfig).keys()
    for name, entry, values, is_read in _entries(
        "targets", given, target_settings(), base, complaints, "type: folder"
    ):
        if (
            other := next((one for one in targets if one.lower() == name.lower()), None)
        ) is not None:
            complaints.add(("targets", name), f"differs from targets.{other} by case only")
            continue
        kind = definition_of(str(values.get("type", "")))
        own = {} if kind is None else dict(kind.own_defaults)
        own |= {key: value for key, value in values.items() if key not in shared}
        target = TargetConfig(
            **{key: value for key, value in values.items() if key in shared}, name=name, own=own
        )
        if is_read:
            check_target(target, entry, ("targets", name), complaints)
        targets[name] = target
    return targets


def _read_receivers(
    given: Any, base: Path, targets: Mapping[str, TargetConfig], complaints: Complaints
) -> dict[str, ReceiverConfig]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        complaints.add(("receivers",), "must hold a name for each receiver, such as 'staff:'")
        return {}
    receivers: dict[str, ReceiverConfig] = {}
    for name, entry, values, is_read in _entries(
        "receivers", given, settings_of(ReceiverConfig), base, complaints, "events: [failed]"
    ):
        receivers[name] = ReceiverConfig(**values, name=name)
        if is_read:
            check_receiver(receivers[name], entry, ("receivers", name), targets, complaints)
    return receivers


def _entries(
    part: str,
    given: Mapping[Any, Any],
    settings: Mapping[str, Any],
    base: Path,
    complaints: Complaints,
    such_as: str,
) -> Iterator[tuple[str, Mapping[Any, Any], dict[str, Any], bool]]:
    """Each name that may be one, what stands below it, the values in that, whether all are good."""
    for name, entry in given.items():
        where = (part, str(name))
        if (problem := problem_of_name(part.removesuffix("s"), name)) is not None:
            # what is no name of a receiver may be an address, and is not shown
            complaints.add(where if part == "targets" else (part,), problem)
        elif not isinstance(entry, dict):
            complaints.add(where, f"{_WRONG_SHAPE}, such as '{such_as}'")
        else:
            before = len(complaints.texts)
            values = _read_fields(settings, entry, where, base, complaints)
            yield name, entry, values, len(complaints.texts) == before


def _check_folders(config: Config, complaints: Complaints) -> None:
    """The inbox, mediafiles and folder targets must not lie in one another."""
    places = [(("inbox",), config.inbox), (("mediafiles",), config.mediafiles)]
    places += [
        (("targets", target.name, "path"), target.path)  # type: ignore[misc]
        for target in config.targets.values()
        if target.path
    ]
    for index, (key, path) in enumerate(places):
        for other_key, other in places[:index]:
            both_targets = key[0] == other_key[0] == "targets"
            if (path == other or path in other.parents or other in path.parents) and (
                not both_targets
            ):
                complaints.add(
                    key, f"{path} must not lie in or around {'.'.join(other_key)} ({other})"
                )
    scratch = config.staging.scratch
    for other_key, other in places:
        if scratch is not None and (scratch == other or other in scratch.parents):
            complaints.add(
                ("staging", "scratch"), f"{scratch} must not lie in {'.'.join(other_key)} ({other})"
            )


def _read_fields(
    fields: Mapping[str, Any],
    given: Mapping[Any, Any],
    prefix: tuple[str, ...],
    base: Path,
    complaints: Complaints,
    known: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The values of these settings; problems are added to the complaints."""
    values: dict[str, Any] = {}
    for key, value in given.items():
        where = (*prefix, str(key))
        item = fields.get(str(key))
        if item is None:
            complaints.add(where, _unknown(str(key), prefix, known or list(fields)))
            continue
        notation = item.metadata["notation"]
        try:
            read = notation.read(value)
        except ValueError as error:
            said = "must not be empty" if value is None else f"{_shown(value, where)} {error}"
            complaints.add(where, said)
            continue
        problem = pasted_address(str(key), read)
        if problem is None and read is not None and notation.is_path:
            problem = problem_of_path(read)
        problem = problem or pasted_token(str(key), read, base)
        if problem is not None:
            complaints.add(where, problem)
            continue
        if read is not None and notation.is_path:
            read = (base / Path(read).expanduser()).absolute()
        values[item.name] = read
    return values


def _unknown(key: str, prefix: tuple[str, ...], known: Sequence[str]) -> str:
    if prefix[:1] == ("targets",) and names_secret(key):
        return (
            "a token never stands in the configuration. Write it into a file that only the "
            "service can read and name that file (token_file: ...), or name a systemd credential "
            "(token_credential). If others could read this file, have a new token made"
        )
    if prefix[:1] and prefix[0] in PARTS and re.fullmatch(r"(?i)urls?|addresse?s?|to|mail", key):
        return (
            "an address never stands in the configuration, for most hold a password. Write it "
            "into a file that only the service can read and name that file (urls_file: ...), or "
            "name a systemd credential (urls_credential)"
        )
    likely = difflib.get_close_matches(key, known, 1)
    likely = likely or [name for name in known if name.lower() == key.lower()]
    meant = [".".join((*prefix, name)) for name in likely]
    if not prefix:
        # a key of another part, or `staging_workers` for `staging.workers`
        elsewhere = [
            f"{section}.{name}"
            for section, kind in SECTIONS.items()
            for name in settings_of(kind)
            if key in {name, f"{section}_{name}"}
        ]
        meant = elsewhere or meant
    else:
        meant = meant or [
            f"{section}.{key}" for section, kind in SECTIONS.items() if key in settings_of(kind)
        ]
    if meant:
        return f"unknown key; did you mean {' or '.join(meant)}?"
    return f"unknown key; here may stand: {', '.join(known)}"


def _shown(value: object, where: tuple[str, ...]) -> str:
    text = repr(value)
    is_hidden = may_be_secret(text) or names_secret(where[-1]) or may_hold_address(value, where)
    return HIDDEN if is_hidden else text
