import os
import pty
import subprocess
import threading
from pathlib import Path

import pytest

from tests.cli.program import Program, eventually
from tests.tickets.infos import failed_info, finished_info, sending_info


class Terminal:
    """What a command shows on a terminal of its own, as text with its control sequences."""

    def __init__(self, program: Program, *arguments: str | Path) -> None:
        screen, side = pty.openpty()
        environment = {**program.environment(), "TERM": "xterm", "COLUMNS": "160", "LINES": "40"}
        self.process = subprocess.Popen(
            program.command(*arguments), stdout=side, stderr=side, stdin=side, env=environment
        )
        os.close(side)
        self.content = b""
        self._screen = screen
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        try:
            while block := os.read(self._screen, 65536):
                self.content += block
        except OSError:
            return  # the other side is closed

    def end(self) -> str:
        """All that was shown, when the command has ended."""
        self.process.wait(60)
        self._reader.join(60)
        os.close(self._screen)
        return self.content.decode()


def test_a_terminal_gets_a_coloured_table_with_short_tickets(program: Program) -> None:
    good = finished_info()
    bad = failed_info(source_file="x\x1b]0;owned\x07.zip")
    program.add(good)
    program.add(bad, content=None)
    text = Terminal(program, "status").end()
    assert good.ticket_number[:8] in text
    assert good.ticket_number not in text
    assert "\x1b[32mfinished" in text
    assert "\x1b]0;" not in text


def test_a_terminal_gets_a_bar_that_follows_the_ticket(program: Program) -> None:
    info = sending_info(source_file="[red]brackets[bold].zip")
    program.add(info, content=None)
    terminal = Terminal(program, "status", info.ticket_number, "--watch")
    eventually(lambda: b"1 of 4 files" in terminal.content, "the first figures")
    ended = finished_info(ticket_number=info.ticket_number, source_file=info.source_file)
    program.add(ended, content=None)
    text = terminal.end()
    assert terminal.process.returncode == 0
    assert "Upload successful." in text
    assert "[red]brackets[bold].zip" in text


def test_the_cursor_comes_back_after_an_interruption(program: Program) -> None:
    program.add(sending_info(), content=None)
    terminal = Terminal(program, "status", "--watch")
    eventually(lambda: b"in_progress" in terminal.content, "the table")
    terminal.process.send_signal(2)
    text = terminal.end()
    assert terminal.process.returncode == 130
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


@pytest.mark.parametrize("command", ["check", "prune"])
def test_the_other_commands_know_terminals_too(program: Program, command: str) -> None:
    terminal = Terminal(program, command)
    terminal.end()
    assert terminal.process.returncode == 0
