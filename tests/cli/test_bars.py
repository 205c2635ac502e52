"""Bars of what commands do or wait for, on a terminal, with real zips and a real daemon."""

import os
import re
from pathlib import Path

import pytest

from tests.bags import bag_zip
from tests.cli.program import Program
from tests.cli.terminal import on_terminal

CONFIGURATION = "inbox: inbox\ntargets:\n  archive: {type: folder, path: archive}\n"
FIGURES = re.compile(r"[━╸╺]+ +\d+%  [0-9.]+ (?:[kMG]?B )?of [0-9.]+ [kMG]?B")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A bag's zip of 48 MB that nothing can make smaller."""
    path = tmp_path / "large.zip"
    path.write_bytes(bag_zip({f"P/{n}.bin": os.urandom(2_000_000) for n in range(24)}))
    return path


@pytest.fixture
def depot(tmp_path: Path) -> Program:
    (tmp_path / "depot").mkdir()
    (tmp_path / "depot" / "archive").mkdir()
    return Program(tmp_path / "depot", CONFIGURATION)


def test_from_submit_to_verify_a_terminal_shows_bars_that_end_with_the_result(
    depot: Program, large: Path
) -> None:
    with on_terminal(depot, "run") as daemon:
        daemon.shows("ready: drop zips into")
        daemon.shows("no tickets")
        with on_terminal(depot, "submit", large, "--target", "archive", "--wait") as submit:
            text = submit.end()
            assert submit.process.returncode == 0, text
            lines = submit.lines()
        # what was shown while it was copied is gone, the ticket's bar stays at its end
        assert "copying large.zip into the inbox" in text
        assert not any("copying" in line for line in lines)
        assert re.fullmatch(r"[0-9a-f-]{36}", lines[0])
        assert lines[1] == "finished"
        assert re.fullmatch(r"━+  100%  24 of 24 files  48\.0 of 48\.0 MB", lines[2])
        assert lines[4] == "Upload successful."
        daemon.shows("1 ticket: 1 finished (48.0 MB)")
        daemon.interrupt()
        daemon.end()
        assert daemon.process.returncode == 0
        # below the log nothing is left, and the log is whole
        shown = " ".join("".join(daemon.lines()).split())
        assert shown.endswith("stopped")
        assert "1 ticket" not in shown
    with on_terminal(depot, "verify", "--all") as verify:
        text = verify.end()
        assert verify.process.returncode == 0
        assert "asking the targets again" in text
        assert not any("asking" in line for line in verify.lines())


def test_validate_shows_how_far_it_is_and_then_only_the_verdict(
    depot: Program, large: Path
) -> None:
    with on_terminal(depot, "validate", large) as terminal:
        text = terminal.end()
        assert "checking large.zip" in text
        assert terminal.lines()[0] == "large.zip: valid"
    told = depot.run("validate", large)
    assert "checking" not in told.stdout + told.stderr


def test_a_folder_that_is_bagged_shows_how_much_was_read(depot: Program, tmp_path: Path) -> None:
    folder = tmp_path / "Field notes"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number}.bin").write_bytes(os.urandom(4_000_000))
    with on_terminal(depot, "submit", folder, "--target", "archive") as terminal:
        text = terminal.end()
        assert terminal.process.returncode == 0
    assert "bagging and zipping Field notes" in text
    assert FIGURES.search(re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text))


def test_interrupting_a_submit_drops_nothing_and_says_so(depot: Program, tmp_path: Path) -> None:
    folder = tmp_path / "Much"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number}.bin").write_bytes(os.urandom(4_000_000))
    with on_terminal(depot, "submit", folder, "--target", "archive") as terminal:
        terminal.shows("bagging and zipping Much")
        terminal.interrupt()
        terminal.end()
        assert terminal.process.returncode == 130
        assert "interrupted: nothing was dropped" in terminal.text()
    assert os.listdir(depot.inbox / "archive") == []
    assert sorted(os.listdir(tmp_path)) == ["Much", "depot"]


@pytest.mark.parametrize("word", ["status", "wait"])
def test_a_pipe_gets_no_bar_and_no_control_sequence(depot: Program, large: Path, word: str) -> None:
    depot.run("submit", large, "--target", "archive")
    assert depot.run("run", "--once").returncode == 0
    told = depot.run(word, "large.zip")
    assert told.returncode == 0
    assert not {"\x1b", "━"} & set(told.stdout)
