"""When a file in the inbox is taken: every decision, without a file."""

from dataclasses import replace

import pytest

from presqt_daemon.inbox.settle import (
    Content,
    Decision,
    History,
    Probe,
    Rules,
    Sight,
    Take,
    TakeAsFailed,
    Wait,
    Writer,
    decide,
    remember,
)

RULES = Rules(settle=2.0, incomplete_after=600.0, held_after=600.0)
SIGHT = Sight(device=1, inode=7, size=100, mtime_ns=5)
NOW = 10_000.0


def after(
    quiet: float,
    content: Content,
    writer: Writer = Writer.UNKNOWN,
    *,
    moved: bool = False,
    rules: Rules = RULES,
) -> Decision:
    history = History(sight=SIGHT, since=NOW - quiet, moved=moved)
    probe = Probe(writer=writer, content=content, says="it is a tar archive")
    return decide(history, probe, rules, NOW, "bag.zip")


@pytest.mark.parametrize(
    ("quiet", "writer", "moved", "decision"),
    [
        (0.0, Writer.NONE, False, Take(unwritten=True)),
        (0.0, Writer.NONE, True, Take(unwritten=True)),
        (0.0, Writer.UNKNOWN, True, Take()),
        (1.9, Writer.UNKNOWN, False, Wait(until=NOW + 0.1, why="it has just changed")),
        (2.0, Writer.UNKNOWN, False, Take()),
        (0.0, Writer.OPEN, True, Wait(until=NOW + 2, why="somebody is writing to it")),
        (599.0, Writer.OPEN, False, Wait(until=NOW + 1, why="somebody is writing to it")),
        (600.0, Writer.OPEN, False, Take()),
    ],
)
def test_a_whole_zip_is_taken_when_nobody_writes_to_it(
    quiet: float, writer: Writer, moved: bool, decision: Decision
) -> None:
    found = after(quiet, Content.WHOLE, writer, moved=moved)
    if isinstance(decision, Wait):
        assert isinstance(found, Wait)
        assert found.until == pytest.approx(decision.until)
        assert found.why == decision.why
    else:
        assert found == decision


@pytest.mark.parametrize(
    ("content", "writer", "limit", "code"),
    [
        (Content.FOREIGN, Writer.UNKNOWN, 2.0, "not-a-zip"),
        (Content.FOREIGN, Writer.NONE, 2.0, "not-a-zip"),
        (Content.FOREIGN, Writer.OPEN, 600.0, "not-a-zip"),
        (Content.EMPTY, Writer.NONE, 600.0, "not-a-zip"),
        (Content.INCOMPLETE, Writer.NONE, 600.0, "incomplete-zip"),
        (Content.INCOMPLETE, Writer.OPEN, 600.0, "incomplete-zip"),
    ],
)
def test_what_is_no_whole_zip_is_given_up_in_time_and_not_before(
    content: Content, writer: Writer, limit: float, code: str
) -> None:
    early = after(limit - 0.01, content, writer, moved=True)
    assert isinstance(early, Wait)
    assert NOW < early.until <= NOW + 0.011
    late = after(limit, content, writer)
    assert isinstance(late, TakeAsFailed)
    assert late.code == code
    assert late.message.startswith("bag.zip ")


def test_the_message_says_what_it_is_and_what_to_do() -> None:
    failed = after(2.0, Content.FOREIGN)
    assert isinstance(failed, TakeAsFailed)
    assert failed.message == (
        "bag.zip is not a zip: it is a tar archive. Zip the bag's folder and drop the zip."
    )


def test_looks_become_rarer_while_nothing_changes_but_never_stop() -> None:
    pauses = []
    for quiet in (0.0, 4.0, 20.0, 300.0, 595.0):
        found = after(quiet, Content.INCOMPLETE)
        assert isinstance(found, Wait)
        pauses.append(round(found.until - NOW, 3))
    assert pauses == [2.0, 4.0, 20.0, 30.0, 5.0]


def test_without_patience_only_what_nobody_writes_is_given_up_early() -> None:
    rules = replace(RULES, incomplete_after=2.0)
    assert isinstance(after(2.0, Content.INCOMPLETE, rules=rules), TakeAsFailed)
    assert isinstance(after(2.0, Content.INCOMPLETE, Writer.OPEN, rules=rules), Wait)


@pytest.mark.parametrize(
    "changed",
    [
        replace(SIGHT, inode=8),
        replace(SIGHT, size=101),
        replace(SIGHT, mtime_ns=4),
        replace(SIGHT, mtime_ns=2**62),
        replace(SIGHT, device=2),
    ],
)
def test_any_change_begins_anew(changed: Sight) -> None:
    before = History(sight=SIGHT, since=1.0, moved=True)
    assert remember(before, changed, None, 50.0) == History(sight=changed, since=50.0)


def test_a_rename_counts_for_the_file_that_was_renamed_only() -> None:
    assert remember(None, SIGHT, SIGHT, 1.0).moved
    assert not remember(None, SIGHT, replace(SIGHT, inode=9), 1.0).moved
    assert not remember(None, SIGHT, replace(SIGHT, size=99), 1.0).moved
    seen = remember(None, SIGHT, None, 1.0)
    assert remember(seen, SIGHT, SIGHT, 3.0) == History(sight=SIGHT, since=1.0, moved=True)


def test_time_passes_only_while_the_file_stays_as_it_is() -> None:
    first = remember(None, SIGHT, None, 1.0)
    assert remember(first, SIGHT, None, 9.0) is first
