"""What a deposit of earlier holds today, against its record."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, cast

import pytest

from presqt_daemon.targets.base import Container, Item, Target
from presqt_daemon.upload.ask_again import Now, PlaceAtTarget, ask_again

PLACE = PlaceAtTarget(ticket="T", resource_id="R", title=None, link=None, state={"id": "R"})
OURS, THEIRS, OTHER = {"md5": "aa"}, {"md5": "bb"}, {"md5": "cc"}


class Shown:
    """A target that shows one item."""

    def __init__(self, item: Item) -> None:
        self.item = item

    def listing(self, _container: Container) -> Mapping[PurePosixPath, Item]:
        return {self.item.path: self.item}

    def digest(self, *_: object) -> Mapping[str, str]:
        return {}


def row(**changes: Any) -> dict[str, Any]:
    return {
        "path": "/P/a.txt",
        "remote_path": "a.txt",
        "outcome": "created",
        "packed_in": None,
        "fixity": "matched",
        "algorithm": "md5",
        "remote_digest": "aa",
        "local_digest": "aa",
        "digests": OURS,
        "size": 3,
        **changes,
    }


def now(item: Item, record: Mapping[str, Any]) -> Now:
    ((path, found),) = ask_again(cast("Target", Shown(item)), PLACE, [record])
    assert path == "/P/a.txt"
    return found


def stands(digests: Mapping[str, str], size: int | None = 3) -> Item:
    return Item(path=PurePosixPath("a.txt"), size=size, digests=digests)


@pytest.mark.parametrize(
    ("size", "found"), [(3, Now.UNKNOWN), (4, Now.CHANGED), (None, Now.UNKNOWN)]
)
def test_without_digests_another_size_is_a_change_and_the_same_says_nothing(
    size: int | None, found: Now
) -> None:
    record = row(fixity="unverified", algorithm=None, remote_digest=None, local_digest=None)
    assert now(stands({}, size), record) is found


@pytest.mark.parametrize(("digests", "found"), [(THEIRS, Now.SAME), (OURS, Now.CHANGED)])
def test_an_ignored_file_is_held_against_what_stood_there_and_not_against_ours(
    digests: Mapping[str, str], found: Now
) -> None:
    record = row(outcome="ignored", fixity="mismatched", remote_digest="bb")
    assert now(stands(digests), record) is found


@pytest.mark.parametrize(
    ("digests", "found"), [(OURS, Now.SAME), (THEIRS, Now.CHANGED), (OTHER, Now.CHANGED)]
)
def test_a_file_that_did_not_match_is_held_against_what_was_sent(
    digests: Mapping[str, str], found: Now
) -> None:
    assert now(stands(digests), row(fixity="mismatched", remote_digest="bb")) is found


def test_a_file_in_whose_place_a_folder_stands_is_gone() -> None:
    assert now(Item(path=PurePosixPath("a.txt"), is_folder=True), row()) is Now.GONE
