"""When a file in the inbox is taken: every decision, without a file."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.errors import UserFault
from presqt_daemon.inbox.files.stability import (
    Content,
    Decision,
    History,
    Probe,
    Rules,
    Take,
    Wait,
    Writer,
    decide_taking,
    remember,
    remember_beside,
)
from presqt_daemon.tickets.claim_record import DropFile

RULES = Rules(settle=2.0, incomplete_after=600.0, held_after=600.0)
SIGHT = DropFile(device=1, inode=7, size=100, mtime_ns=5)
NOW = 10_000.0


def after(
    quiet: float,
    content: Content,
    writer: Writer = Writer.UNKNOWN,
    *,
    rested: float | None = None,
    rules: Rules = RULES,
    has_holes: bool = False,
    is_marked: bool = False,
) -> Decision:
    changed = NOW - (quiet if rested is None else rested)
    history = History(sight=SIGHT, ctime_ns=0, since=NOW - quiet, changed=changed)
    probe = Probe(
        writer=writer,
        content=content,
        says="it is a tar archive",
        has_holes=has_holes,
        is_marked=is_marked,
    )
    return decide_taking(history, probe, rules, NOW, "bag.zip")


@pytest.mark.parametrize(
    ("quiet", "rested", "writer", "decision"),
    [
        (1.9, 1.9, Writer.NONE, Wait(until=NOW + 0.1, why="it has just changed")),
        (2.0, 2.0, Writer.NONE, Take(unwritten=True)),
        (9.0, 0.5, Writer.NONE, Wait(until=NOW + 1.5, why="it has just changed")),
        (19.5, 0.0, Writer.NONE, Wait(until=NOW + 0.5, why="it has just changed")),
        (20.0, 0.0, Writer.NONE, Take(unwritten=True)),
        (1.9, 1.9, Writer.UNKNOWN, Wait(until=NOW + 0.1, why="it has just changed")),
        (2.0, 2.0, Writer.UNKNOWN, Take()),
        (0.0, 0.0, Writer.OPEN, Wait(until=NOW + 2, why="somebody is writing to it")),
        (599.0, 0.0, Writer.OPEN, Wait(until=NOW + 1, why="somebody is writing to it")),
        (600.0, 0.0, Writer.OPEN, Take()),
    ],
)
def test_a_whole_zip_is_taken_when_nobody_writes_to_it_or_touches_it(
    quiet: float, rested: float, writer: Writer, decision: Decision
) -> None:
    found = after(quiet, Content.WHOLE, writer, rested=rested)
    if isinstance(decision, Wait):
        assert isinstance(found, Wait)
        assert found.until == pytest.approx(decision.until)
        assert found.why == decision.why
    else:
        assert found == decision


def test_where_writers_are_not_seen_the_quiet_time_is_never_shorter_than_two_seconds() -> None:
    quick = replace(RULES, settle=0.1)
    assert after(0.2, Content.WHOLE, Writer.NONE, rules=quick) == Take(unwritten=True)
    assert isinstance(after(1.9, Content.WHOLE, Writer.UNKNOWN, rules=quick), Wait)
    assert after(2.0, Content.WHOLE, Writer.UNKNOWN, rules=quick) == Take()


def test_a_file_that_lacks_blocks_waits_as_one_that_is_not_whole_does_and_is_then_taken() -> None:
    assert isinstance(after(599.0, Content.WHOLE, Writer.NONE, has_holes=True), Wait)
    assert after(600.0, Content.WHOLE, Writer.NONE, has_holes=True) == Take(unwritten=True)


def test_a_drop_that_its_maker_vouches_for_is_taken_at_once() -> None:
    assert after(0.0, Content.WHOLE, Writer.NONE, is_marked=True) == Take(unwritten=True)
    assert isinstance(after(0.0, Content.WHOLE, Writer.OPEN, is_marked=True), Wait)


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
    early = after(limit - 0.01, content, writer)
    assert isinstance(early, Wait)
    assert NOW < early.until <= NOW + 0.011
    late = after(limit, content, writer)
    assert isinstance(late, UserFault)
    assert late.code == code
    assert late.message.startswith("bag.zip ")


def test_the_message_says_what_it_is_and_what_to_do() -> None:
    failed = after(2.0, Content.FOREIGN)
    assert isinstance(failed, UserFault)
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
    assert isinstance(after(2.0, Content.INCOMPLETE, rules=rules), UserFault)
    assert isinstance(after(2.0, Content.INCOMPLETE, Writer.OPEN, rules=rules), Wait)


def status_of(path: Path) -> os.stat_result:
    return os.stat(path)


def test_a_write_begins_anew_and_a_change_of_the_file_begins_its_rest_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(b"1")
    first = remember(None, status_of(path), 1.0)
    assert (first.since, first.changed) == (1.0, 1.0)
    assert remember(first, status_of(path), 9.0) is first
    path.chmod(0o640)
    second = remember(first, status_of(path), 10.0)
    assert (second.since, second.changed) == (1.0, 10.0)
    path.write_bytes(b"12")
    third = remember(second, status_of(path), 20.0)
    assert (third.since, third.changed) == (20.0, 20.0)
    other = tmp_path / "other"
    other.write_bytes(b"12")
    os.utime(other, ns=(0, status_of(path).st_mtime_ns))
    other.rename(path)
    assert remember(third, status_of(path), 30.0).since == 30.0


def test_a_file_that_has_lain_for_longer_is_not_delayed_again(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(b"1")
    assert remember(None, status_of(path), 100.0, age=60.0).since == 40.0


def test_a_placeholder_counts_as_written_to_while_its_sibling_grows() -> None:
    history = History(sight=SIGHT, ctime_ns=0, since=1.0, changed=1.0)
    growing = replace(SIGHT, inode=8, size=5)
    seen = remember_beside(history, growing, 50.0)
    assert seen.since == 50.0
    assert remember_beside(seen, growing, 60.0) is seen
    assert remember_beside(seen, replace(growing, size=6), 70.0).since == 70.0
    assert remember_beside(seen, None, 80.0) is seen
