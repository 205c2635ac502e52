"""`mediafiles/daemon.json`: what a running daemon tells of itself, its targets and the inbox.

The same that systemd is told, for those who cannot ask systemd. It says nothing of any ticket:
that stands in the ticket's `process_info.json` alone. Without a running daemon it means nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
    tree = asdict(condition)
    for target in tree["targets"]:
        for key in ("down_since", "asked_again_at"):
            moment: datetime | None = target[key]
            target[key] = None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return {"schema_version": SCHEMA_VERSION, **tree}


def read_condition(mediafiles: Path) -> DaemonCondition | None:
    """What the daemon told last, None where nothing of it can be read."""
    try:
        with (mediafiles / CONDITION_NAME).open("rb") as stream:
            tree = json.loads(stream.read(_MAX_BYTES))
        return DaemonCondition(
            targets=tuple(_target(item) for item in tree["targets"]),
            untaken=tuple(
                UntakenDrop(
                    path=str(item["path"]), why=str(item["why"]), is_stuck=bool(item["is_stuck"])
                )
                for item in tree["untaken"]
            ),
            untaken_total=int(tree["untaken_total"]),
            missing=tuple(map(str, tree["missing"])),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _target(item: Mapping[str, Any]) -> TargetCondition:
    return TargetCondition(
        target=str(item["target"]),
        down_since=_moment(item["down_since"]),
        cause=None if item["cause"] is None else str(item["cause"]),
        asked_again_at=_moment(item["asked_again_at"]),
        in_use=int(item["in_use"]),
        places=int(item["places"]),
        waiting=int(item["waiting"]),
    )


def _moment(value: Any) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
