"""The parts of the configuration, in the order in which a person meets them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from presqt_daemon.config import (
    Config,
    EngineOptions,
    IntakeConfig,
    PermissionsConfig,
    RetentionConfig,
    StagingConfig,
    TargetConfig,
    UploadsConfig,
)
from presqt_daemon.receivers import MetricsConfig, NotifyConfig, ReceiverConfig
from presqt_daemon.targets.definition import OWN_MODULES, definitions

SECTIONS: Mapping[str, Any] = {
    "intake": IntakeConfig,
    "staging": StagingConfig,
    "uploads": UploadsConfig,
    "retention": RetentionConfig,
    "permissions": PermissionsConfig,
    "notify": NotifyConfig,
    "metrics": MetricsConfig,
    "engine_options": EngineOptions,
}
"""Key -> the class of what stands below it."""

NAMED: Mapping[str, Any] = {"targets": TargetConfig, "receivers": ReceiverConfig}
"""Key -> the class of what stands below each name that a person has chosen."""


def target_settings() -> dict[str, Any]:
    """The fields that a person may set for a target, whatever its type, by key.

    Those that types add themselves stand in the place of `TargetConfig.own`, the ones of more types
    first.
    """
    found: dict[str, Any] = {}
    for item in dataclasses.fields(TargetConfig):
        if item.name == "own":
            found |= _added_by_types()
        elif "notation" in item.metadata:
            found[item.name] = item
    return found


def _added_by_types() -> dict[str, Any]:
    each = [kind.own_settings for kind in definitions().values()]
    found = {key: item for own in each for key, item in own.items()}
    by_use = sorted(found, key=lambda key: (-sum(key in own for own in each), key))
    return {key: found[key] for key in by_use}


def about(item: Any) -> str:
    """One line on a setting, for schema and example."""
    said: str = item.metadata["about"]
    return said.replace("{types}", ", ".join(OWN_MODULES))


def settings_of(kind: Any) -> dict[str, Any]:
    """The dataclass fields that a person may set, by key, in their order."""
    return {item.name: item for item in dataclasses.fields(kind) if "notation" in item.metadata}


TOP = tuple(settings_of(Config))
"""Keys at the top that hold a value."""
