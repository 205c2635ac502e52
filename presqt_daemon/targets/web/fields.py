"""Fields of an answer that must be there; what lacks them is no answer of the API we know."""

import base64
from collections.abc import Mapping
from typing import Any

from presqt_daemon.errors import TargetFault
from presqt_daemon.targets.web.answers import Answer


def text_at(answer: Answer, *keys: str) -> str:
    """The text, or number as text, behind these keys. Raises TargetFault `target-misbehaved`."""
    value: Any = answer.tree()
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, str | int) or value == "":
        raise _unexpected(answer, ".".join(keys))
    return str(value)


def rows_at(answer: Answer, key: str) -> list[dict[str, Any]]:
    """The objects behind a key. Raises TargetFault `target-misbehaved`."""
    value = answer.tree().get(key)
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise _unexpected(answer, key)
    return value


def object_in(tree: Any, *keys: str) -> dict[str, Any]:
    """The object behind these keys; an empty one where there is none, or something else."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree if isinstance(tree, dict) else {}


def objects_in(tree: Any, key: str) -> list[dict[str, Any]]:
    """The objects in the list behind a key, or among an object's values; none where it is none."""
    rows = tree.get(key) if isinstance(tree, dict) else None
    return objects_of(list(rows.values()) if isinstance(rows, dict) else rows)


def objects_of(rows: object) -> list[dict[str, Any]]:
    """The objects in a list; none where it is none."""
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def texts_in(tree: Any, key: str) -> list[str]:
    """The texts in the list behind a key; none where there is none."""
    rows = tree.get(key) if isinstance(tree, dict) else None
    return [text for text in rows if isinstance(text, str)] if isinstance(rows, list) else []


def text_in(tree: Any, key: str) -> str:
    """The text behind a key; empty where there is none, or something else."""
    text = tree.get(key) if isinstance(tree, dict) else None
    return text if isinstance(text, str) else ""


def whole_in(tree: Any, key: str) -> int | None:
    """The whole number behind a key; None for anything else.

    It may be written as a text, or as InvenioRDM writes sizes: `431.0`.
    """
    value = tree.get(key) if isinstance(tree, dict) else None
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return None
    return value


def required_text(answer: Answer, row: Mapping[str, Any], key: str) -> str:
    """The text in a row of an answer. Raises TargetFault `target-misbehaved` where it has none."""
    text = text_in(row, key)
    if not text:
        raise _unexpected(answer, key)
    return text


def content_at(answer: Answer) -> bytes:
    """The file behind `content`, which git's hosts send as base64 in lines.

    Raises TargetFault `target-misbehaved`.
    """
    tree = answer.tree()
    try:
        if tree.get("encoding") == "base64":
            return base64.b64decode("".join(tree["content"].split()), validate=True)
    except (KeyError, AttributeError, ValueError):
        pass
    raise _unexpected(answer, "content")


def _unexpected(answer: Answer, what: str) -> TargetFault:
    return TargetFault(
        "target-misbehaved", f"{answer.target} answered {answer.status} without {what!r}."
    )
