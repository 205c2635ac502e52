"""The parts of the configuration, in the order in which a person meets them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from presqt_daemon.config import (
    Config,
    IntakeConfig,
    PermissionsConfig,
    RetentionConfig,
    StagingConfig,
    UploadsConfig,
)

SECTIONS: Mapping[str, Any] = {
    "intake": IntakeConfig,
    "staging": StagingConfig,
    "uploads": UploadsConfig,
    "retention": RetentionConfig,
    "permissions": PermissionsConfig,
}
"""Key -> the class of what stands below it."""


def settings_of(kind: Any) -> dict[str, Any]:
    """The dataclass fields that a person may set, by key, in their order."""
    return {item.name: item for item in dataclasses.fields(kind) if "notation" in item.metadata}


TOP = tuple(settings_of(Config))
"""Keys at the top that hold a value."""
