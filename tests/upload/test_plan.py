from pathlib import Path, PurePosixPath

import pytest

from presqt_daemon.errors import UserFault
from presqt_daemon.model import DuplicateAction, Fixity, Outcome
from presqt_daemon.targets.base import Item
from presqt_daemon.upload.plan import (
    Choice,
    Ignore,
    Keep,
    Parcel,
    Send,
    Verdict,
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
CREATED, UPDATED, _ = Outcome


def item(size: int | None = 3, **digests: str) -> Item:
    return Item(path=PLACE, size=size, digests=digests)


def test_the_strongest_digest_that_both_have_decides() -> None:
    verdict = compare(PARCEL, item(md5="xx", sha256="BB"))
    assert verdict == Verdict(fixity=MATCHED, algorithm="sha256", local="bb", remote="bb")


def test_the_algorithm_chosen_at_staging_goes_first() -> None:
    assert compare(PARCEL, item(md5="xx", sha256="bb"), "md5").fixity is MISMATCHED
    assert compare(PARCEL, item(sha256="bb"), "md5").algorithm == "sha256"


def test_without_a_digest_of_the_target_nothing_matches() -> None:
    assert compare(PARCEL, item()) == Verdict(fixity=UNKNOWN)
    assert compare(PARCEL, item(sha1="cc")) == Verdict(fixity=UNKNOWN)


def test_another_size_is_another_content_even_without_a_digest() -> None:
    assert compare(PARCEL, item(size=4)).fixity is MISMATCHED
    assert compare(PARCEL, item(size=None)).fixity is UNKNOWN


@pytest.mark.parametrize("fixity", Fixity)
@pytest.mark.parametrize("action", DuplicateAction)
def test_what_is_not_there_is_sent(fixity: Fixity, action: DuplicateAction) -> None:
    choice = choose(None, fixity, action=action, planned=None, is_recorded=False)
    assert choice == Send(CREATED, None)


OURS = item()


@pytest.mark.parametrize(
    ("fixity", "action", "planned", "is_recorded", "expected"),
    [
        (MATCHED, IGNORE, None, False, Ignore()),
        (MISMATCHED, IGNORE, None, False, Ignore()),
        (UNKNOWN, IGNORE, None, False, Ignore()),
        (MATCHED, UPDATE, None, False, Ignore()),
        (MISMATCHED, UPDATE, None, False, Send(UPDATED, OURS)),
        (UNKNOWN, UPDATE, None, False, Send(UPDATED, OURS)),
        (MATCHED, IGNORE, CREATED, False, Keep(CREATED)),
        (MISMATCHED, IGNORE, CREATED, True, Send(CREATED, OURS)),
        (UNKNOWN, IGNORE, CREATED, False, Send(CREATED, OURS)),
        (UNKNOWN, IGNORE, CREATED, True, Keep(CREATED)),
        (MATCHED, UPDATE, UPDATED, False, Keep(UPDATED)),
        (MISMATCHED, UPDATE, UPDATED, True, Send(UPDATED, OURS)),
    ],
)
def test_what_is_there_is_ours_or_a_duplicate(
    fixity: Fixity,
    action: DuplicateAction,
    planned: Outcome | None,
    is_recorded: bool,
    expected: Choice,
) -> None:
    choice = choose(OURS, fixity, action=action, planned=planned, is_recorded=is_recorded)
    assert choice == expected


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
