import pytest

from tests.cli.program import Program
from tests.cli.terminal import Terminal, on_terminal
from tests.tickets.infos import failed_info, finished_info, sending_info


def test_a_terminal_gets_a_coloured_table_with_short_tickets(program: Program) -> None:
    good = finished_info()
    bad = failed_info(source_file="x\x1b]0;owned\x07.zip")
    program.add(good)
    program.add(bad, content=None)
    text = Terminal(program, "status", columns=160).end()
    assert good.ticket_number[:8] in text
    assert good.ticket_number not in text
    assert "\x1b[32mfinished" in text
    assert "\x1b]0;" not in text


def test_a_terminal_gets_a_bar_that_follows_the_ticket(program: Program) -> None:
    info = sending_info(source_file="[red]brackets[bold].zip")
    program.add(info, content=None)
    with on_terminal(program, "status", info.ticket_number, "--watch") as terminal:
        terminal.shows("1 of 4 files  1.0 of 3.0 MB")
        ended = finished_info(ticket_number=info.ticket_number, source_file=info.source_file)
        program.add(ended, content=None)
        text = terminal.end()
        assert terminal.process.returncode == 0
    assert "Upload successful." in text
    assert "[red]brackets[bold].zip" in text


def test_the_cursor_comes_back_after_an_interruption(program: Program) -> None:
    program.add(sending_info(), content=None)
    with on_terminal(program, "status", "--watch") as terminal:
        terminal.shows("sending 50%")
        terminal.interrupt()
        text = terminal.end()
    assert terminal.process.returncode == 130
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


@pytest.mark.parametrize("command", ["check", "prune"])
def test_the_other_commands_know_terminals_too(program: Program, command: str) -> None:
    terminal = Terminal(program, command)
    terminal.end()
    assert terminal.process.returncode == 0
