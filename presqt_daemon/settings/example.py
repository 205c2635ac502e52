"""The commented example of a configuration, made of the settings' definitions.

`presqt-daemon config example` prints it; the repository keeps it as `config.example.yaml`.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from presqt_daemon.config import Config
from presqt_daemon.notation import yaml_from
from presqt_daemon.receivers import ReceiverConfig
from presqt_daemon.settings.sections import SECTIONS, about, settings_of, target_settings
from presqt_daemon.targets.definition import TOKEN_KEYS, definition_of

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
