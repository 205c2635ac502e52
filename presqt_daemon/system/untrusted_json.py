"""JSON that others wrote, as values that are safe to handle: the one place where it is read.

Python's own reader takes numbers that are none, half characters, and any depth its stack allows;
each of them breaks something later, far from here.
"""

import json
import math
import re
from collections.abc import Callable
from typing import Any

MAX_DEPTH = 64
"""How deep lists and objects may lie in each other; no metadata or answer known has ten."""

_MAX_DIGITS = 40
_TEXTS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""Texts, one without an end too: nothing of the content is looked at twice."""

_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_HALVES = re.compile("[\ud800-\udfff]")


class UntrustedJsonError(ValueError):
    """What is wrong with it, as the end of a sentence."""


def read_untrusted_json(
    content: bytes, object_from: Callable[[dict[str, Any]], dict[str, Any]] = dict
) -> Any:
    """The value, its objects made by `object_from`; U+FFFD replaces halves of characters.

    Raises UntrustedJsonError for what is no JSON (RFC 8259), for NaN and infinite numbers, for
    numbers of more digits than any count or size has, and for what is nested too deep.
    """
    if _depth(content) > MAX_DEPTH:
        raise UntrustedJsonError(f"is nested more than {MAX_DEPTH} deep")
    try:
        value = json.loads(
            content,
            object_hook=None if object_from is dict else object_from,
            parse_constant=_refuse,
            parse_int=_whole_number,
            parse_float=_number,
        )
    except UntrustedJsonError:
        raise
    except (ValueError, RecursionError):
        raise UntrustedJsonError("is not JSON") from None
    return _mended(value, object_from) if _HALF.search(content) else value


def _depth(content: bytes) -> int:
    """How deep brackets lie in each other, outside of texts; linear in the length.

    Of UTF-16 and UTF-32, which the reader takes too, every byte is counted as if it were a
    character, which can only find more of them.
    """
    deepest = depth = 0
    if content.count(b"[") + content.count(b"{") <= MAX_DEPTH:
        return 0
    for byte in _TEXTS.sub(b"", content).translate(None, _NO_BRACKETS):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest


def _mended(value: Any, object_from: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """The value without halves of characters; as deep as the reader lets it be."""
    if isinstance(value, str):
        return _HALVES.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(item, object_from) for item in value]
    if isinstance(value, dict):
        return object_from(
            {_HALVES.sub("\ufffd", key): _mended(item, object_from) for key, item in value.items()}
        )
    return value


def _refuse(text: str) -> Any:
    raise UntrustedJsonError(f"holds {text}, which is no number")


def _whole_number(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise UntrustedJsonError(f"holds a number of {len(text)} digits")
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise UntrustedJsonError("holds a number that is too large")
    return number
