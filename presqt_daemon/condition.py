"""`mediafiles/daemon.json`: what a running daemon tells of itself, its targets and the inbox.

The same that systemd is told, for those who cannot ask systemd. It says nothing of any ticket:
that stands in the ticket's `process_info.json` alone. Without a running daemon it means nothing.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from presqt_daemon.schemas.json_values import tree_from_value, value_from_tree

CONDITION_NAME = "daemon.json"
SCHEMA_VERSION = 1
MAX_UNTAKEN = 200
"""So many of what lies in the inbox are listed; all are counted."""

_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetCondition:
    """How a target is: `down_since` and `cause` where its tickets are held back.

    `in_use` of `places` are taken, `waiting` tickets have been staged and wait for one.
    `asked_again_at` is when the next of them asks whether it serves again.
    """

    target: str
    down_since: datetime | None = None
    cause: str | None = None
    asked_again_at: datetime | None = None
    in_use: int = 0
    places: int = 1
    waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UntakenDrop:
    """Something in the inbox that is no ticket yet, and why; `path` is relative to the inbox.

    `is_stuck`: it waits for a person rather than for time.
    """

    path: str
    why: str
    is_stuck: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonCondition:
    """All of it; `missing` are folders whose disk is not mounted."""

    targets: tuple[TargetCondition, ...] = ()
    untaken: tuple[UntakenDrop, ...] = ()
    untaken_total: int = 0
    missing: tuple[str, ...] = ()


def tree_from_condition(condition: DaemonCondition) -> dict[str, Any]:
    """The file's JSON object."""
    return {"schema_version": SCHEMA_VERSION, **tree_from_value(condition)}


def read_condition(mediafiles: Path) -> DaemonCondition | None:
    """What the daemon told last, None where nothing of it can be read."""
    try:
        with (mediafiles / CONDITION_NAME).open("rb") as stream:
            return value_from_tree(DaemonCondition, json.loads(stream.read(_MAX_BYTES)))
    except (OSError, ValueError, RecursionError):
        return None
