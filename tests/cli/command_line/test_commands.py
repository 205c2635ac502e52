import argparse
import importlib
import re
from datetime import UTC, datetime, timedelta

import pytest

from presqt_daemon.cli.command_line.command import since
from presqt_daemon.cli.command_line.commands import COMMANDS
from presqt_daemon.cli.command_line.exits import Exit
from presqt_daemon.cli.command_line.parser import PROGRAM
from tests.cli.program import Program
from tests.pages.commands import calls_in, complaint
from tests.pages.pages import text_of


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_of_a_command_is_taken_by_its_parser(name: str) -> None:
    command = COMMANDS[name]
    assert command.examples
    for line, purpose in command.examples:
        (arguments,) = calls_in(f"{PROGRAM} {line}")
        assert name in arguments
        assert complaint(arguments) is None
        assert purpose


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_done_by_a_module_with_a_main(name: str) -> None:
    assert callable(importlib.import_module(f"presqt_daemon.cli.{COMMANDS[name].module}").main)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_examples_and_exit_codes_within_80_columns(program: Program, name: str) -> None:
    told = program.run(name, "--help", environment={"COLUMNS": "80", "NO_COLOR": "1"})
    assert (told.returncode, told.stderr) == (0, "")
    lines = told.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    for line, purpose in COMMANDS[name].examples:
        at = lines.index(f"  {PROGRAM} {line}".rstrip())
        assert lines[at + 1].strip() == purpose
    listed = lines[lines.index("exit codes:") + 1 : -1]
    assert [int(line.split()[0]) for line in listed] == sorted(map(int, COMMANDS[name].exits))


def test_every_exit_code_of_a_command_stands_on_the_page() -> None:
    page = text_of("presqt_daemon/cli/README.md")
    on_page = {int(code) for code in re.findall(r"^\| ([0-9]+) \|", page, re.MULTILINE)}
    assert {int(code) for command in COMMANDS.values() for code in command.exits} <= on_page
    assert on_page <= set(map(int, Exit))


def test_every_command_stands_on_the_page() -> None:
    page = text_of("presqt_daemon/cli/README.md")
    assert {name for name in COMMANDS if f"`{name}" not in page} == set()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T10:00:00+02:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31).astimezone(UTC)),
        ("2d", datetime.now(UTC) - timedelta(days=2)),
        ("12h", datetime.now(UTC) - timedelta(hours=12)),
    ],
)
def test_a_moment_is_a_date_or_a_time_before_now(text: str, moment: datetime) -> None:
    assert abs(since(text) - moment) < timedelta(minutes=10)
    assert since(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["yesterday", "", "99999999999d", "-2d", "2026-02-30"])
def test_what_is_no_moment_is_wrong_usage(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="nor a date such as"):
        since(text)
