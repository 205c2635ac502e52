"""PRESQT_FTS_METADATA.json as a value: read and judged, merged, written (PresQT's schema).

The schema ships as `schemas/fts_metadata.json`, by which files are judged here.
"""

import functools
import importlib.resources
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from presqt_daemon.model import FileResult, Fixity, Outcome
from presqt_daemon.system.untrusted_json import UntrustedJsonError, read_untrusted_json
from presqt_daemon.targets.definition import definitions

NAME = "PRESQT_FTS_METADATA.json"
INVALID_NAME = "INVALID_PRESQT_FTS_METADATA.json"
READABLE_NAMES: Mapping[str, str] = {
    name: kind.service for name, kind in definitions().items() if kind.service is not None
}
"""PresQT's targets, as it calls them; the file is kept for these."""

_FAILED = "Either the destination did not provide a hash or fixity failed during upload."
_TYPES: Mapping[str, type] = {"string": str, "object": dict, "array": list, "null": type(None)}

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FtsMetadata:
    """The parts of a valid file; actions stay as they were written, newest first."""

    keywords: tuple[str, ...] = ()
    actions: tuple[Tree, ...] = ()
    extra: Tree = field(default_factory=dict)


def parse_fts(content: bytes) -> FtsMetadata | None:
    """What a file says, None for one that is not valid by PresQT's schema."""
    try:
        tree = read_untrusted_json(content)
    except UntrustedJsonError:
        return None
    if not _fits(tree, _schema()):
        return None
    return FtsMetadata(
        keywords=tuple(tree["allKeywords"]),
        actions=tuple(tree["actions"]),
        extra=tree.get("extra_metadata", {}),
    )


def merge(action: Tree, source: FtsMetadata | None, old: FtsMetadata | None) -> FtsMetadata:
    """The new action first, then the bag's own, then those at the target; each id once.

    Keywords are the union; the extra metadata at the target stay where there are any.
    """
    parts = [part for part in (source, old) if part is not None]
    actions = {action["id"]: action}
    for part in parts:
        for other in part.actions:
            actions.setdefault(other["id"], other)
    keywords = dict.fromkeys(word for part in parts for word in part.keywords)
    extra = next((part.extra for part in reversed(parts) if part.extra), {})
    return FtsMetadata(keywords=tuple(keywords), actions=tuple(actions.values()), extra=extra)


def has_action(document: FtsMetadata, action: Tree) -> bool:
    """Whether an upload is written there already with the same end, at whatever time."""
    return any(
        other["id"] == action["id"] and other["files"] == action["files"]
        for other in document.actions
    )


def fts_bytes(document: FtsMetadata) -> bytes:
    """The file's bytes; UTF-8, 4-space indent, as PresQT writes it."""
    tree = {
        "allKeywords": list(document.keywords),
        "extra_metadata": document.extra,
        "actions": list(document.actions),
    }
    return json.dumps(tree, indent=4, ensure_ascii=False).encode("utf-8", "backslashreplace")


def upload_action(
    *,
    ticket: str,
    target_type: str,
    account: str | None,
    container_title: str,
    results: Iterable[FileResult],
    now: datetime,
) -> Tree:
    """PresQT's action for one upload; its id is the ticket's number, so that it is written once."""
    files: dict[str, list[Tree]] = {str(outcome): [] for outcome in Outcome}
    for result in results:
        files[result.outcome].append(_file_tree(result, container_title))
    return {
        "id": ticket,
        "details": f"PresQT Upload to {READABLE_NAMES.get(target_type, target_type)}",
        "actionDateTime": now.isoformat(sep=" ", timespec="microseconds"),
        "actionType": "resource_upload",
        "sourceTargetName": "Local Machine",
        "sourceUsername": None,
        "destinationTargetName": target_type,
        "destinationUsername": account,
        "keywords": {},
        "files": files,
    }


def _file_tree(result: FileResult, container_title: str) -> Tree:
    name = str(result.path)
    algorithm = result.algorithm or "unknown"
    failed = []
    if result.fixity is not Fixity.MATCHED and result.outcome is not Outcome.IGNORED:
        failed = [
            {
                "NewGeneratedHash": result.local_digest,
                "algorithmUsed": result.algorithm,
                "reasonFixityFailed": _FAILED,
            }
        ]
    remote = str(PurePosixPath("/", container_title.replace("/", "_"), result.remote_path or name))
    return {
        "title": result.path.name,
        "sourcePath": name,
        "destinationPath": name if result.remote_path is None else remote,
        "sourceHashes": {algorithm: result.local_digest} if result.local_digest else {},
        "destinationHashes": {algorithm: result.remote_digest} if result.remote_digest else {},
        "failedFixityInfo": failed,
        "extra": {},
    }


@functools.cache
def _schema() -> Tree:
    place = importlib.resources.files("presqt_daemon.schemas").joinpath("fts_metadata.json")
    tree: Tree = json.loads(place.read_text(encoding="utf-8"))
    return tree


def _fits(value: Any, schema: Tree) -> bool:
    """Whether a value is as a part of our schema says, by those words of JSON Schema it uses."""
    if "$ref" in schema:
        schema = _schema()["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    kinds = schema["type"]
    if not any(_is_a(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        return False
    if isinstance(value, list) and "items" in schema:
        return all(_fits(item, schema["items"]) for item in value)
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        return set(schema.get("required", ())) <= value.keys() and all(
            _fits(item, known[key]) if key in known else others for key, item in value.items()
        )
    return True


def _is_a(value: Any, kind: str) -> bool:
    """JSON Schema's types: 1.0 is a whole number, and true is none."""
    if kind == "integer":
        is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return is_whole and not isinstance(value, bool)
    return isinstance(value, _TYPES[kind])
