"""The whole configuration as a person may see it: every value with where it comes from.

No secret is among the values: tokens and addresses are not in the configuration, and what looks
like one is not shown, nor is any argument of a command.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from presqt_daemon.config import Config
from presqt_daemon.notation import yaml_from
from presqt_daemon.receivers import ReceiverConfig
from presqt_daemon.safe_text import HIDDEN, may_be_secret, without_secrets
from presqt_daemon.settings.complaints import KeyPath
from presqt_daemon.settings.sections import SECTIONS, settings_of, target_settings
from presqt_daemon.targets.definition import definition_of

DEFAULT = "default"
_COMMANDS = frozenset({"check_command", "command"})
"""Keys whose value is a program with arguments, any of which may be a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSetting:
    """One value as YAML writes it on one line, and its origin.

    `origin`: `default`, the file with the line, `environment, NAME` or `--set KEY`.
    """

    key: KeyPath
    text: str
    origin: str


def shown_settings(config: Config, origins: Mapping[KeyPath, str]) -> Iterator[ShownSetting]:
    """Every value in force, in the order of the example; `origins` as `load_with_origins`."""
    for key, item, value in _values(config):
        origin = without_secrets(origins.get(key, DEFAULT))
        yield ShownSetting(key=key, text=_text(key[-1], item, value), origin=origin)


def _values(config: Config) -> Iterator[tuple[KeyPath, Any, Any]]:
    """Every key with its definition and its value."""
    for key, item in settings_of(Config).items():
        yield (key,), item, getattr(config, key)
    for name, target in config.targets.items():
        kind = definition_of(target.type)
        for key, item in target_settings().items():
            if kind is None or kind.takes(key):
                value = target.own[key] if key in target.own else getattr(target, key, None)
                yield ("targets", name, key), item, value
    for section, settings in SECTIONS.items():
        for key, item in settings_of(settings).items():
            yield (section, key), item, getattr(getattr(config, section), key)
    for name, receiver in config.receivers.items():
        for key, item in settings_of(ReceiverConfig).items():
            yield ("receivers", name, key), item, getattr(receiver, key)


def yaml_of(settings: Iterator[ShownSetting]) -> Iterator[str]:
    """The same as lines of YAML, the origin of each value in a comment behind it."""
    above: KeyPath = ()
    for one in settings:
        *parents, key = one.key
        for depth, parent in enumerate(parents):
            if above[: depth + 1] != tuple(parents[: depth + 1]):
                yield f"{'  ' * depth}{parent}:"
                above = tuple(parents[: depth + 1])
        above = tuple(parents)
        yield f"{'  ' * len(parents)}{key}: {one.text}  # {one.origin}"


def _text(key: str, item: Any, value: Any) -> str:
    if key in _COMMANDS and value:
        program, *arguments = value
        shown = [program, *(HIDDEN for _ in arguments)]
        return json.dumps(shown, ensure_ascii=False)
    if isinstance(value, Mapping):
        value = {name: HIDDEN if may_be_secret(str(one)) else one for name, one in value.items()}
        return json.dumps(value, ensure_ascii=False)
    text = yaml_from(item.metadata["notation"], value)
    is_path = item.metadata["notation"].is_path
    return json.dumps(HIDDEN) if not is_path and may_be_secret(text) else text
