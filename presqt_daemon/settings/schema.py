"""The JSON Schema of the configuration and its commented example, made of its definitions.

`presqt-daemon config schema` and `config example` print them; the package ships the first as
`schemas/config.json`, the repository keeps the second as `config.example.yaml`.
"""

import importlib.resources
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from presqt_daemon.config import Config, TargetConfig
from presqt_daemon.notation import yaml_from
from presqt_daemon.receivers import ReceiverConfig
from presqt_daemon.settings.sections import SECTIONS, about, settings_of, target_settings
from presqt_daemon.targets.definition import TOKEN_KEYS, definition_of, definitions

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

_COLUMN = 30
_HEAD = """\
# yaml-language-server: $schema={schema}
# presqt-daemon: every key with its default. The file runs as it is:
#     presqt-daemon --config config.example.yaml run
# Relative paths are relative to this file's folder. Times: 30s, 10m, 1h, 5d. Sizes: 500 MB, 2 GiB.
"""

_ARCHIVE = {"type": "folder", "path": "archive"}
_MORE_TARGETS: Mapping[str, Mapping[str, str]] = {
    "osf-lab-a": {"type": "osf", "token_file": "/etc/presqt-daemon/osf-lab-a.token"},
    "zenodo": {
        "type": "zenodo",
        "url": "https://sandbox.zenodo.org/api",
        "token_credential": "zenodo",
        "api": "auto",
    },
    "github": {
        "type": "github",
        "token_env": "GITHUB_TOKEN",
        "organisation": "null",
        "large_files": "release_asset",
    },
}
"""Commented out; the first shows every key that its type takes, the others what is their own."""

_STAFF = {"urls_file": "/etc/presqt-daemon/staff.urls"}


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


def example(schema: str, places: Mapping[str, str] | None = None) -> str:
    """The text of the file.

    `schema` is where an editor finds the schema; `places` sets other values than the defaults:
    `inbox`, `mediafiles`, `archive` (the path of that target) and `section.key`.
    """
    given = dict(places or {})
    lines = [_HEAD.format(schema=schema)]
    top = settings_of(Config)
    last = top.pop("stop_grace")
    lines += [_line("", key, item, given.get(key)) for key, item in top.items()]
    lines.append("")
    lines += _targets(given.get("archive", "archive"))
    for section, kind in SECTIONS.items():
        lines += ["", f"{section}:"]
        lines += [
            _line("  ", key, item, given.get(f"{section}.{key}"))
            for key, item in settings_of(kind).items()
        ]
    lines += ["", _commented("receivers:", "who is told of what; none: nobody"), "  # staff:"]
    lines += [
        _line("  #   ", key, item, _STAFF.get(key))
        for key, item in settings_of(ReceiverConfig).items()
    ]
    lines += ["", _line("", "stop_grace", last)]
    return "\n".join(lines) + "\n"


def _targets(path: str) -> Iterator[str]:
    yield _commented("targets:", "the name of each becomes a folder of the inbox")
    yield "  archive:"
    yield from _entry({**_ARCHIVE, "path": path}, "    ", is_whole=True)
    for number, (name, given) in enumerate(_MORE_TARGETS.items()):
        yield ""
        yield f"  # {name}:"
        yield from _entry(given, "  #   ", is_whole=number == 0)


def _entry(given: Mapping[str, str], indent: str, *, is_whole: bool) -> Iterator[str]:
    kind = definition_of(given["type"])
    for key, item in target_settings().items():
        takes = kind is not None and kind.takes(key) and key not in TOKEN_KEYS
        if key in given or (is_whole and takes):
            yield _line(indent, key, item, given.get(key))


def _line(indent: str, key: str, item: Any, given: str | None = None) -> str:
    """`key: value  # about`; a list that is not empty stands below its key."""
    notation = item.metadata["notation"]
    value = given if given is not None else yaml_from(notation, item.default)
    if indent.strip() == "#" and value.startswith("["):
        return _commented(f"{indent}{key}: {value}", about(item))
    if value.startswith("[") and value != "[]":
        below = [f"{indent}  - {json.dumps(text)}" for text in item.default]
        return "\n".join([_commented(f"{indent}{key}:", about(item)), *below])
    return _commented(f"{indent}{key}: {value}", about(item))


def _commented(text: str, remark: str) -> str:
    gap = " " * max(_COLUMN - len(text), 2)
    return f"{text}{gap}# {remark}"
