"""The JSON Schema of the configuration file, made of the settings' definitions.

`presqt-daemon config schema` prints it; the package ships it as `schemas/config.json`.
"""

import importlib.resources
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from presqt_daemon.config import Config, TargetConfig
from presqt_daemon.receivers import ReceiverConfig
from presqt_daemon.settings.sections import SECTIONS, about, settings_of, target_settings
from presqt_daemon.targets.definition import definitions

ID = "urn:presqt-daemon:config"
TARGET_NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
"""What a target may be called: it becomes the name of a folder."""

_DEFINITIONS: dict[str, Any] = {
    "time": {
        "description": "seconds, or text with a unit",
        "anyOf": [
            {"type": "number", "minimum": 0},
            {
                "type": "string",
                "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*(ms|s|m|min|h|d|w)?\s*$",
            },
        ],
    },
    "size": {
        "description": "bytes, or text with a unit",
        "anyOf": [
            {"type": "number", "minimum": 0},
            {
                "type": "string",
                "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?\s*$",
            },
        ],
    },
    "mode": {
        "description": "permission bits; 0644 is octal in YAML",
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": 0o777},
            {"type": "string", "pattern": "^0o?[0-7]{3}$"},
        ],
    },
}


def schema_uri() -> str:
    """Where an editor finds the schema of this installation: a `file:` address."""
    schemas = importlib.resources.files("presqt_daemon.schemas")
    return Path(str(schemas.joinpath("config.json"))).as_uri()


def schema() -> dict[str, Any]:
    """The schema, with a description and a default for each key."""
    properties = {key: _setting(item) for key, item in settings_of(Config).items()}
    properties["targets"] = {
        "description": "where bags may go; the name of each becomes a folder of the inbox",
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^{TARGET_NAME}$"},
        "additionalProperties": {"$ref": "#/$defs/target"},
        "default": {"archive": {"type": "folder", "path": "archive"}},
    }
    properties["receivers"] = {
        "description": "who is told of what; none: nobody",
        "type": ["object", "null"],
        "propertyNames": {"pattern": f"^{TARGET_NAME}$"},
        "additionalProperties": {"$ref": "#/$defs/receiver"},
        "default": {},
    }
    properties |= {section: _object(kind) for section, kind in SECTIONS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "Configuration of presqt-daemon",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": {"target": _target(), "receiver": _object(ReceiverConfig), **_DEFINITIONS},
    }


def text_from_schema() -> str:
    """The schema as the file that ships."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _object(kind: Any) -> dict[str, Any]:
    return _object_of(kind, settings_of(kind))


def _object_of(kind: Any, keys: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "description": kind.__doc__.splitlines()[0],
        "type": "object",
        "properties": {key: _setting(item) for key, item in keys.items()},
        "additionalProperties": False,
    }


def _target() -> dict[str, Any]:
    keys = target_settings()
    made = _object_of(TargetConfig, keys)
    made["required"] = ["type"]
    made["allOf"] = [
        {
            "if": {"properties": {"type": {"const": name}}},
            "then": {"propertyNames": {"enum": [key for key in keys if kind.takes(key)]}},
        }
        for name, kind in definitions().items()
    ]
    return made


def _setting(item: Any) -> dict[str, Any]:
    notation = item.metadata["notation"]
    default = notation.write(item.default)
    return {"description": about(item), **notation.schema, "default": default}
