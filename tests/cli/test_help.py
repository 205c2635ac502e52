import difflib
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from presqt_daemon.cli.pages import OTHER_WORDS, TOPICS
from tests.cli.program import Program
from tests.pages.pages import ROOT


def on_a_terminal(program: Program, *arguments: str, columns: int = 80, **more: str) -> str:
    """What the command shows on a terminal of its own."""
    screen, side = pty.openpty()
    environment = {**program.environment(), "TERM": "xterm", "COLUMNS": str(columns), **more}
    process = subprocess.Popen(
        program.command(*arguments), stdout=side, stderr=side, stdin=side, env=environment
    )
    os.close(side)
    content = b""
    try:
        while block := os.read(screen, 65536):
            content += block
    except OSError:
        pass  # the other side is closed
    os.close(screen)
    assert process.wait(60) == 0
    return content.decode()


@pytest.fixture
def pager(tmp_path: Path) -> Path:
    """A pager that notes that it was asked."""
    path = tmp_path / "pager"
    path.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\ncat\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_without_a_topic_all_are_listed_each_on_a_line_of_a_terminal(program: Program) -> None:
    told = program.run("help")
    assert told.returncode == 0
    for topic, (_path, about) in TOPICS.items():
        assert re.search(rf"(?m)^  {topic} +{re.escape(about)}$", told.stdout)
    pages, _, commands = told.stdout.partition("Commands:\n")
    assert all(len(line) <= 80 for line in pages.split("\n"))
    assert "prepare-upgrade" in commands


@pytest.mark.parametrize("topic", TOPICS)
def test_a_page_comes_through_a_pipe_as_it_is_written(program: Program, topic: str) -> None:
    told = program.run("help", topic)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == (ROOT / TOPICS[topic][0]).read_text(encoding="utf-8")


@pytest.mark.parametrize("word", ["README", "Targets", *OTHER_WORDS])
def test_other_words_for_a_topic_are_known(program: Program, word: str) -> None:
    assert program.run("help", word).stdout.startswith("# ")


def test_the_options_of_a_command_are_shown_under_its_name(program: Program) -> None:
    told = program.run("help", "submit")
    assert (told.returncode, told.stdout) == (0, program.run("submit", "--help").stdout)


@pytest.mark.parametrize(
    ("word", "meant"), [("targts", "targets"), ("servic", "service"), ("submitt", "submit")]
)
def test_of_an_unknown_topic_the_nearest_is_named(program: Program, word: str, meant: str) -> None:
    told = program.run("help", word)
    assert (told.returncode, told.stdout) == (64, "")
    assert told.stderr == f"presqt-daemon: there is no page about {word}; did you mean {meant}?\n"


def test_where_nothing_is_near_all_topics_are_named(program: Program) -> None:
    told = program.run("help", "\x1b]0;owned")
    assert told.returncode == 64
    assert ", ".join(TOPICS) in told.stderr
    assert "\x1b" not in told.stderr
    assert told.stderr.count("\n") == 1


def test_no_configuration_is_needed(program: Program) -> None:
    program.file.write_text("inbax: [", encoding="utf-8")
    assert program.run("help", "start").returncode == 0


@pytest.mark.parametrize("topic", TOPICS)
def test_nothing_is_cut_at_the_width_of_a_terminal(
    program: Program, pager: Path, topic: str
) -> None:
    text = on_a_terminal(program, "help", topic, PAGER=str(pager)).replace("\r", "")
    assert max(map(len, text.split("\n"))) <= 80
    assert "…" not in text


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_gets_the_page_laid_out_for_its_width_and_through_the_pager(
    program: Program, pager: Path, columns: int
) -> None:
    text = on_a_terminal(program, "help", "tickets", columns=columns, PAGER=str(pager))
    assert (pager.parent / "asked").exists()
    lines = text.replace("\r", "").split("\n")
    assert max(map(len, lines)) <= columns
    assert "| --- |" not in text
    # nothing of the page is lost in the layout
    words = set(re.findall(r"[a-z_]{6,}", (ROOT / TOPICS["tickets"][0]).read_text()))
    shown = set(re.findall(r"[a-z_]{6,}", text))
    assert words - shown == set(), difflib.unified_diff(sorted(words), sorted(shown))


def test_a_dumb_terminal_gets_no_pager_and_no_control_characters(
    program: Program, pager: Path
) -> None:
    text = on_a_terminal(program, "help", "bags", TERM="dumb", NO_COLOR="1")
    assert "\x1b" not in text
    assert "RFC 8493" in text
    assert not (pager.parent / "asked").exists()


def test_a_pipe_gets_no_pager(program: Program, pager: Path) -> None:
    told = program.run("help", "bags", environment={"PAGER": str(pager)})
    assert told.returncode == 0
    assert not (pager.parent / "asked").exists()
