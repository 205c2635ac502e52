from pathlib import Path, PurePosixPath

import pytest

from presqt_daemon.errors import UserFault
from presqt_daemon.model import DuplicateAction, Fixity, Outcome
from presqt_daemon.targets.base import Item
from presqt_daemon.upload.parcels.decide import (
    Choice,
    ComparedDigests,
    Ownership,
    Parcel,
    Send,
    choose,
    compare,
    folders_in,
    refuse_conflict,
)

PARCEL = Parcel(
    name="/P/a",
    source=Path("/nowhere"),
    remote=PurePosixPath("a"),
    size=3,
    digests={"md5": "aa", "sha256": "bb"},
)
PLACE = PurePosixPath("a")
IGNORE, UPDATE = DuplicateAction
MATCHED, MISMATCHED, UNKNOWN = Fixity
CREATED, UPDATED, IGNORED = Outcome


def item(size: int | None = 3, **digests: str) -> Item:
    return Item(path=PLACE, size=size, digests=digests)


def test_the_strongest_digest_that_both_have_decides() -> None:
    verdict = compare(PARCEL, item(md5="xx", sha256="BB"))
    assert verdict == ComparedDigests(fixity=MATCHED, algorithm="sha256", local="bb", remote="bb")


def test_the_algorithm_chosen_at_staging_goes_first() -> None:
    assert compare(PARCEL, item(md5="xx", sha256="bb"), "md5").fixity is MISMATCHED
    assert compare(PARCEL, item(sha256="bb"), "md5").algorithm == "sha256"


def test_without_a_digest_of_the_target_nothing_matches() -> None:
    assert compare(PARCEL, item()) == ComparedDigests(fixity=UNKNOWN)
    assert compare(PARCEL, item(sha1="cc")) == ComparedDigests(fixity=UNKNOWN)


def test_another_size_is_another_content_even_without_a_digest() -> None:
    assert compare(PARCEL, item(size=4)).fixity is MISMATCHED
    assert compare(PARCEL, item(size=None)).fixity is UNKNOWN


@pytest.mark.parametrize("fixity", Fixity)
@pytest.mark.parametrize("action", DuplicateAction)
def test_what_is_not_there_is_sent(fixity: Fixity, action: DuplicateAction) -> None:
    choice = choose(None, fixity, action=action, owned=None)
    assert choice == Send(CREATED, None)


THERE = item(sha256="cc")
INTENDED = Ownership(outcome=CREATED, digests={"sha256": "bb"})
SENT = Ownership(outcome=CREATED, is_sent=True)
ARRIVED_WRONG = Ownership(outcome=CREATED, digests={"sha256": "cc"})
MADE_NOW = Ownership(outcome=CREATED, holds_all=True)


@pytest.mark.parametrize(
    ("fixity", "action", "owned", "expected"),
    [
        (MATCHED, IGNORE, None, IGNORED),
        (MISMATCHED, IGNORE, None, IGNORED),
        (UNKNOWN, IGNORE, None, IGNORED),
        (MATCHED, UPDATE, None, IGNORED),
        (MISMATCHED, UPDATE, None, Send(UPDATED, THERE)),
        (UNKNOWN, UPDATE, None, Send(UPDATED, THERE)),
        (MATCHED, IGNORE, INTENDED, CREATED),
        (MISMATCHED, IGNORE, INTENDED, IGNORED),
        (UNKNOWN, IGNORE, INTENDED, IGNORED),
        (MISMATCHED, UPDATE, INTENDED, Send(UPDATED, THERE)),
        (MISMATCHED, IGNORE, SENT, IGNORED),
        (UNKNOWN, IGNORE, SENT, CREATED),
        (MATCHED, UPDATE, SENT, CREATED),
        (MISMATCHED, IGNORE, ARRIVED_WRONG, Send(CREATED, THERE)),
        (MISMATCHED, IGNORE, MADE_NOW, Send(CREATED, THERE)),
    ],
)
def test_what_is_there_is_ours_only_by_its_digest(
    fixity: Fixity, action: DuplicateAction, owned: Ownership | None, expected: Choice
) -> None:
    assert choose(THERE, fixity, action=action, owned=owned) == expected


def test_folders_are_those_listed_and_those_implied() -> None:
    listing = {
        PurePosixPath("a/b/c"): Item(path=PurePosixPath("a/b/c")),
        PurePosixPath("d"): Item(path=PurePosixPath("d"), is_folder=True),
    }
    assert folders_in(listing) == {PurePosixPath(p) for p in ("a", "a/b", "d")}


def test_a_file_and_a_folder_cannot_share_a_name() -> None:
    listing = {
        PurePosixPath("d/x"): Item(path=PurePosixPath("d/x")),
        PurePosixPath("f"): Item(path=PurePosixPath("f")),
    }
    folders = folders_in(listing)
    with pytest.raises(UserFault, match=r"/P/d is a file in the bag, but a folder") as raised:
        refuse_conflict(PurePosixPath("d"), "/P/d", listing, folders, is_folder=False)
    assert raised.value.code == "bad-request"
    with pytest.raises(UserFault, match=r"/P/f is a folder in the bag, but a file"):
        refuse_conflict(PurePosixPath("f"), "/P/f", listing, folders, is_folder=True)
    refuse_conflict(PurePosixPath("d"), "/P/d", listing, folders, is_folder=True)
    refuse_conflict(PurePosixPath("f"), "/P/f", listing, folders, is_folder=False)
