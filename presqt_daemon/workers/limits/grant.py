"""What a run on another host is given when it is handed out, and what it brings back: plain data.

Places, pace, creations and space are the daemon's, for all hosts together; so a run gets its share
at dispatch and asks nobody afterwards. Nothing in it is secret: of a token it holds a short digest.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from presqt_daemon import __version__
from presqt_daemon.config import Config
from presqt_daemon.model import Finding

MARK_LETTERS = 16
_OWN_OF_A_HOST = frozenset(
    {
        "inbox", "engine_options", "stop_grace", "scratch",
        "token_file", "token_credential", "token_env",
    }
)  # fmt: skip
"""Keys that may differ from host to host: where its own disk and a secret lie, and what only the
daemon uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One run's share.

    `settings` are `settings_marks` of the daemon's. `goes_on_to` is the target whose place it
    has once it has staged, None where it must end then. `pace` is its share of each target's
    requests a minute. `room` bytes are set aside for it, `room_of_others` for others on the same
    disk. `same_as` are tickets that brought the same
    content, `same_content` the warning about one.
    """

    settings: Mapping[str, str]
    goes_on_to: str | None = None
    marks: Mapping[str, str | None] = field(default_factory=dict)
    pace: Mapping[str, float] = field(default_factory=dict)
    room: int = 0
    room_of_others: int = 0
    same_as: tuple[str, ...] = ()
    same_content: Finding | None = None
    version: str = __version__


@dataclass(slots=True, kw_only=True)
class Learnt:
    """What a run on another host has found out for all.

    `refused` are targets that refuse their token, `accepted` those that take it; `wanted` the bytes
    of disk that it needs and had not been given.
    """

    refused: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    wanted: int | None = None
    went_on: bool = False
    serves: bool = False


def short_mark(mark: str | None) -> str | None:
    """Enough of a token's digest to tell two tokens apart, too little to find it by."""
    return None if mark is None else mark[:MARK_LETTERS]


def settings_marks(config: Config) -> dict[str, str]:
    """Section or key -> a digest, equal on two hosts that would do the same with a ticket.

    Of named entries each has its own: `targets.osf`.
    """
    marks = {}
    for item in dataclasses.fields(config):
        if item.name in _OWN_OF_A_HOST:
            continue
        value = getattr(config, item.name)
        named = isinstance(value, Mapping)
        parts = {f"{item.name}.{key}": one for key, one in value.items()} if named else {}
        for name, part in (parts if named else {item.name: value}).items():
            text = json.dumps(_plain(part), sort_keys=True, default=str)
            marks[name] = hashlib.sha256(text.encode()).hexdigest()[:MARK_LETTERS]
    return marks


def differing(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """The sections and keys in which two hosts' settings differ, in the order of their names."""
    return sorted({name for name, _mark in set(here.items()) ^ set(there.items())})


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            item.name: _plain(getattr(value, item.name))
            for item in dataclasses.fields(value)
            if item.name not in _OWN_OF_A_HOST
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value
