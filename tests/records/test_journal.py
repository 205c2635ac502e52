import os
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from presqt_daemon.model import FileResult, Fixity, Outcome
from presqt_daemon.records.journal import GROUP_FILES, Journal, JournalState, Packed, read_journal
from presqt_daemon.targets.base import Container

CONTAINER = Container(
    id="x/y", title="Y", link="http://y", is_new=True, added=("README.md",), state={"inode": "7"}
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def result(
    name: str, outcome: Outcome = Outcome.CREATED, fixity: Fixity = Fixity.MATCHED
) -> FileResult:
    return FileResult(path=PurePosixPath(name), outcome=outcome, fixity=fixity, size=3)


def test_without_a_journal_nothing_has_been_done(path: Path) -> None:
    assert read_journal(path) == JournalState()


def test_everything_written_is_read_again(path: Path) -> None:
    journal = Journal(path)
    journal.write_container_intent("Y")
    journal.write_container(CONTAINER)
    journal.write_verified("boot-2")
    journal.write_file_intent("/P/a", Outcome.CREATED, {"md5": "aa"})
    journal.write_file_intent("/P/b", Outcome.UPDATED, {"md5": "bb"})
    journal.write_file_result(result("/P/a"))
    journal.flush()
    assert read_journal(path) == JournalState(
        container=CONTAINER,
        was_creating=True,
        verified_boot="boot-2",
        planned={"/P/a": Outcome.CREATED, "/P/b": Outcome.UPDATED},
        sent={"/P/a"},
        stored={"/P/b": {"md5": "bb"}},
    )


def test_the_last_word_on_a_file_counts(path: Path) -> None:
    journal = Journal(path)
    for end in (
        result("/P/a", fixity=Fixity.MISMATCHED),
        result("/P/b"),
        result("/P/b", fixity=Fixity.MISMATCHED),
        result("/P/c"),
        result("/P/c", Outcome.IGNORED),
        result("/P/a"),
    ):
        journal.write_file_result(end)
    journal.flush()
    record = read_journal(path)
    assert record.sent == {"/P/a"}
    assert record.planned == {"/P/a": Outcome.CREATED, "/P/b": Outcome.CREATED}


def test_files_are_written_in_groups(path: Path) -> None:
    now = [100.0]
    journal = Journal(path, lambda: now[0])
    for number in range(GROUP_FILES - 1):
        journal.write_file_result(result(f"/P/{number}"))
    journal.tick()
    assert not path.exists()
    journal.write_file_result(result("/P/last"))
    assert len(read_journal(path).sent) == GROUP_FILES
    journal.write_file_result(result("/P/slow"))
    journal.tick()
    assert len(read_journal(path).sent) == GROUP_FILES
    now[0] += 1.0
    journal.tick()
    assert len(read_journal(path).sent) == GROUP_FILES + 1


def test_the_notes_on_a_file_are_kept_until_its_end_is_known(path: Path) -> None:
    journal = Journal(path)
    journal.write_file_result(result("/P/b"))
    for note in ("begun", "part 1"):
        journal.write_file_note("/P/a", note)
    assert read_journal(path).notes == {"/P/a": ["begun", "part 1"]}
    assert read_journal(path).sent == {"/P/b"}
    journal.write_file_result(result("/P/a"))
    journal.flush()
    assert read_journal(path).notes == {}


def test_a_packed_bag_is_known_by_its_size_and_digests(path: Path) -> None:
    journal = Journal(path)
    packed = Packed(name="/P/P.presqt.zip", size=7, digests={"md5": "0" * 32})
    journal.write_packed(packed)
    assert read_journal(path).packed == packed
    path.write_text('{"packed": "/P/P.presqt.zip"}\n')
    assert read_journal(path).packed is None


def test_a_file_that_arrived_wrong_is_known_again_by_the_targets_digest(path: Path) -> None:
    journal = Journal(path)
    wrong = replace(result("/P/a", fixity=Fixity.MISMATCHED), algorithm="md5", remote_digest="cc")
    journal.write_file_result(wrong)
    journal.flush()
    assert read_journal(path).stored == {"/P/a": {"md5": "cc"}}
    journal.write_file_result(result("/P/a"))
    journal.flush()
    assert read_journal(path).stored == {}


def test_every_torn_end_is_cut_off_and_written_over(path: Path) -> None:
    journal = Journal(path)
    journal.write_container(CONTAINER)
    journal.write_file_result(result("/P/a"))
    journal.flush()
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for end in range(first, len(whole)):
        path.write_bytes(whole[:end])
        assert read_journal(path) == JournalState(container=CONTAINER)
        assert path.stat().st_size == first
        later = Journal(path)
        later.write_file_result(result("/P/b"))
        later.flush()
        assert read_journal(path).sent == {"/P/b"}


def test_zeros_that_a_power_loss_leaves_are_cut_off(path: Path) -> None:
    journal = Journal(path)
    journal.write_container(CONTAINER)
    size = path.stat().st_size
    os.truncate(path, size + 4096)
    assert read_journal(path) == JournalState(container=CONTAINER)
    assert path.stat().st_size == size


def test_a_damaged_line_loses_nothing_that_stands_behind_it(path: Path) -> None:
    path.write_text('{"file": "/P/a"}\n{"veri\n\0\0\n{"verified": "b"}\n')
    assert read_journal(path) == JournalState(verified_boot="b")


def test_intents_of_an_earlier_version_are_read(path: Path) -> None:
    path.write_text('{"sending": {"/P/a": "created", "/P/b": "updated"}}\n')
    assert read_journal(path).planned == {"/P/a": Outcome.CREATED, "/P/b": Outcome.UPDATED}
