"""Fields of an answer that must be there; what lacks them is no answer of the API we know."""

import base64
from typing import Any

from presqt_daemon.errors import TargetFault
from presqt_daemon.targets.answers import Answer


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
