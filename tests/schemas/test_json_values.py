from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from presqt_daemon.model import Stage
from presqt_daemon.notifications.conditions import Told
from presqt_daemon.schemas.json_values import tree_from_value, value_from_tree

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a value."""

    name: str
    is_odd: bool = False


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A value of every kind that a file may hold."""

    parts: tuple[Part, ...] = ()
    first: Part | None = None
    stage: Stage = Stage.RECEIVED
    moments: Mapping[str, datetime] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    count: int | None = None


WHOLE = Whole(
    parts=(Part(name="a"), Part(name="b", is_odd=True)),
    first=Part(name="c"),
    stage=Stage.HASHED,
    moments={"then": NOW},
    names=frozenset("ba"),
    count=3,
)


def test_a_value_of_every_kind_survives_its_file() -> None:
    tree = tree_from_value(WHOLE)
    assert tree["names"] == ["a", "b"]
    assert tree["moments"] == {"then": "2026-01-31T09:30:00.000000Z"}
    assert value_from_tree(Whole, {**tree, "of a later version": 1}) == WHOLE
    assert value_from_tree(Whole, tree_from_value(Whole())) == Whole()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("parts", [{"name": 1, "is_odd": False}]),
        ("parts", [{"name": "a"}]),
        ("parts", None),
        ("first", []),
        ("stage", "nowhere"),
        ("moments", []),
        ("moments", {"then": "yesterday"}),
        ("count", -1),
        ("count", True),
    ],
)
def test_a_wrong_value_is_a_value_error(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        value_from_tree(Whole, {**tree_from_value(WHOLE), key: value})


@pytest.mark.parametrize("tree", [None, [], {}, {"targets": 1, "disk_since": None, "waits": []}])
def test_what_is_no_object_of_ours_is_a_value_error(tree: object) -> None:
    with pytest.raises(ValueError, match="no value of ours"):
        value_from_tree(Told, tree)
