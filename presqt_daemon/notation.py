"""How a value of the configuration is written: read from YAML, shown in YAML, told in a schema."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from presqt_daemon.units import (
    bytes_from_text,
    mode_from_text,
    seconds_from_text,
    setting_from_bytes,
    setting_from_seconds,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notation:
    """One kind of value.

    `read` takes what YAML holds (None for null) and raises ValueError with the end of a sentence;
    `schema` is a JSON Schema of what it takes; `write` is the reverse of `read`, a JSON value.
    """

    read: Callable[[object], Any]
    schema: Mapping[str, Any]
    write: Callable[[Any], Any] = lambda value: value
    is_path: bool = False


def setting(default: Any, notation: Notation, about: str) -> Any:
    """A field of the configuration; `about` is one line for schema and example."""
    return field(default=default, metadata={"notation": notation, "about": about})


def one_of(*choices: str) -> Notation:
    """One of a few words. YAML's `off` and `on` count as words."""

    def read(value: object) -> str:
        text = {False: "off", True: "on"}.get(value, value) if isinstance(value, bool) else value
        if text not in choices:
            raise ValueError(f"must be one of: {', '.join(choices)}")
        return str(text)

    words: list[object] = [*choices]
    words += [truth for word, truth in (("off", False), ("on", True)) if word in choices]
    return Notation(read=read, schema={"enum": words})


def list_of(*choices: str, example: str = "*.part") -> Notation:
    """A list of texts; of these words, where some are given."""

    def read(value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            shown = choices[0] if choices else example
            raise ValueError(f'must be a list of texts, such as ["{shown}"]')
        wrong = [item for item in value if choices and item not in choices]
        if wrong:
            raise ValueError(f"holds {wrong[0]!r}, which is not one of: {', '.join(choices)}")
        return tuple(value)

    items = {"enum": [*choices]} if choices else {"type": "string"}
    return Notation(read=read, schema={"type": "array", "items": items}, write=list)


def count_from(least: int, most: int | None = None) -> Notation:
    """A whole number, not below the least nor above the most."""

    def read(value: object) -> int:
        if isinstance(value, str) and value.isdecimal() and value.isascii():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= greatest:
            raise ValueError(f"must be a whole number from {least}{up_to}")
        return value

    greatest = math.inf if most is None else most
    up_to = "" if most is None else f" to {most}"
    schema = {"type": "integer", "minimum": least}
    return Notation(read=read, schema=schema if most is None else {**schema, "maximum": most})


def or_word(word: str, stands_for: object, notation: Notation) -> Notation:
    """The same notation, or one word that stands for a value of its own."""

    def read(value: object) -> Any:
        if value == word:
            return stands_for
        try:
            return notation.read(value)
        except ValueError as error:
            raise ValueError(f"{error}, or {word}") from None

    def write(value: Any) -> Any:
        return word if value == stands_for else notation.write(value)

    schema = {"anyOf": [dict(notation.schema), {"const": word}]}
    return Notation(read=read, schema=schema, write=write)


def or_null(notation: Notation) -> Notation:
    """The same notation, or null for None."""

    def read(value: object) -> Any:
        return None if value is None else notation.read(value)

    def write(value: Any) -> Any:
        return None if value is None else notation.write(value)

    schema = dict(notation.schema)
    if "type" in schema:
        schema["type"] = [schema["type"], "null"]
    else:
        schema = {"anyOf": [schema, {"type": "null"}]}
    return Notation(read=read, schema=schema, write=write, is_path=notation.is_path)


def _read_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be text")
    return value


def _read_flag(value: object) -> bool:
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise ValueError("must be true or false, without quotes")  # noqa: TRY004
    return value


def _read_command(value: object) -> tuple[str, ...]:
    is_list = isinstance(value, list) and value and all(isinstance(word, str) for word in value)
    if not is_list or not isinstance(value, list) or not value[0]:
        raise ValueError('must be a list, a program and its arguments, such as ["clamscan", "."]')
    if any("\0" in word for word in value):
        raise ValueError("holds a NUL character, which no argument can")
    return tuple(value)


def _read_options(value: object) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise ValueError("must hold keys and values")  # noqa: TRY004
    return {str(key): str(item) for key, item in value.items()}


_TEXT_SCHEMA = {"type": "string", "minLength": 1}
TEXT = Notation(read=_read_text, schema=_TEXT_SCHEMA)
PATH = Notation(read=_read_text, schema=_TEXT_SCHEMA, write=str, is_path=True)
FLAG = Notation(read=_read_flag, schema={"type": "boolean"})
COMMAND = Notation(
    read=_read_command,
    schema={"type": "array", "items": {"type": "string"}, "minItems": 1},
    write=list,
)
OPTIONS = Notation(read=_read_options, schema={"type": "object"}, write=dict)
TIME = Notation(read=seconds_from_text, schema={"$ref": "#/$defs/time"}, write=setting_from_seconds)
SIZE = Notation(read=bytes_from_text, schema={"$ref": "#/$defs/size"}, write=setting_from_bytes)
MODE = Notation(
    read=mode_from_text, schema={"$ref": "#/$defs/mode"}, write=lambda value: f"{value:04o}"
)


def yaml_from(notation: Notation, value: Any) -> str:
    """A value as one line of YAML."""
    written = notation.write(value)
    is_plain = isinstance(written, str) and re.fullmatch(r"[A-Za-z0-9_. ]+", written)
    return written if is_plain else json.dumps(written)
