import importlib
import re

import pytest

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
