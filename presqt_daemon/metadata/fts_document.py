"""PRESQT_FTS_METADATA.json as a value: read and judged, merged, written (PresQT's schema).

The schema ships as `schemas/fts_metadata.json`; the judgement here is the same without a library.
"""

import json
from collections.abc import Callable, Iterable, Mapping
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

Tree = dict[str, Any]
_Check = Callable[[Any], bool]


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
    if not _is_document(tree):
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


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_text_or_null(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_user(value: Any) -> bool:
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return _is_text_or_null(value) or (is_whole and not isinstance(value, bool))


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _list_of(check: _Check) -> _Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _or_null(check: _Check) -> _Check:
    return lambda value: value is None or check(value)


def _object(required: Mapping[str, _Check], optional: Mapping[str, _Check] | None = None) -> _Check:
    """A check for objects that have these keys and no others."""
    known = {**required, **(optional or {})}

    def check(value: Any) -> bool:
        return (
            isinstance(value, dict)
            and required.keys() <= value.keys() <= known.keys()
            and all(known[key](item) for key, item in value.items())
        )

    return check


def _are_keywords(value: Any) -> bool:
    """Keys that PresQT knows have its types; others may be there."""
    texts = _list_of(_is_text)
    known: Mapping[str, _Check] = {
        "sourceKeywordsAdded": texts,
        "sourceKeywordsEnhanced": texts,
        "ontologies": _list_of(_is_object),
        "enhancer": _is_text_or_null,
    }
    return isinstance(value, dict) and all(
        check(value[key]) for key, check in known.items() if key in value
    )


_ARE_FILES = _list_of(
    _object(
        {
            "sourcePath": _is_text,
            "title": _is_text,
            "sourceHashes": _is_object,
            "destinationHashes": _is_object,
            "destinationPath": _is_text,
            "failedFixityInfo": _list_of(_is_object),
            "extra": _is_object,
        }
    )
)
_IS_ACTION = _object(
    {
        "id": _is_text,
        "details": _is_text,
        "actionDateTime": _is_text,
        "actionType": _is_text,
        "sourceTargetName": _is_text,
        "destinationTargetName": _is_text_or_null,
        "sourceUsername": _is_user,
        "destinationUsername": _is_user,
        "keywords": _are_keywords,
        "files": _object({str(outcome): _ARE_FILES for outcome in Outcome}),
    }
)
_TEXTS_OR_NULL = dict.fromkeys(("first_name", "last_name", "ORCID"), _is_text_or_null)
_IS_EXTRA = _object(
    {},
    {
        "title": _is_text_or_null,
        "creators": _or_null(_list_of(_object({}, _TEXTS_OR_NULL))),
        "publication_date": _is_text_or_null,
        "description": _is_text_or_null,
        "keywords": _or_null(_list_of(_is_text)),
        "license": _is_text_or_null,
        "related_identifiers": _or_null(
            _list_of(_object({}, {"type": _is_text_or_null, "identifier": _is_text_or_null}))
        ),
        "references": _is_text_or_null,
        "notes": _is_text_or_null,
    },
)
_is_document = _object(
    {"allKeywords": _list_of(_is_text), "actions": _list_of(_IS_ACTION)},
    {"extra_metadata": _IS_EXTRA},
)
