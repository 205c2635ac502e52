"""TAB in the shells themselves, with what `completion` prints and with what `install` writes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from presqt_daemon.cli.command_line.completing import PLACES, SHELLS, script
from presqt_daemon.cli.install import parts
from tests.cli.program import Program
from tests.cli.terminal import Terminal, on_terminal
from tests.tickets.infos import finished_info

BIN = Path(sys.executable).parent
TICKET = "abcd1111-0000-4000-8000-000000000001"


def needs(shell: str) -> str:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is missing: its completion is not tested")
    if not (BIN / "presqt-daemon").exists():
        pytest.skip("presqt-daemon is not installed beside this Python")
    return found


@pytest.fixture
def room(program: Program) -> Program:
    """A configuration with two targets, and a ticket."""
    program.file.write_text(
        "inbox: inbox\ntargets:\n  archive: {type: folder, path: archive}\n"
        "  zenodo-lab: {type: zenodo, token_file: token}\n",
        encoding="utf-8",
    )
    program.add(finished_info(ticket_number=TICKET))
    return program


def environment(program: Program) -> dict[str, str]:
    return {"HOME": str(program.folder), "PATH": f"{BIN}:{os.environ['PATH']}", "PS1": "$ "}


def expect(terminal: Terminal, typed: str, shown: str) -> None:
    """Type on a clean line, and see what stands there afterwards."""
    terminal.type(typed)
    terminal.shows(shown)
    terminal.type("\x15")  # ^U: away with the line


CASES = [
    ("presqt-daemon prepare\t", "presqt-daemon prepare-upgrade"),
    ("presqt-daemon status --targe\t", "presqt-daemon status --target"),
    ("presqt-daemon submit x.zip --target zen\t", "--target zenodo-lab"),
    ("presqt-daemon wait abcd\t", f"presqt-daemon wait {TICKET}"),
    ("presqt-daemon hold zen\t", "presqt-daemon hold zenodo-lab"),
]


def test_in_bash_commands_options_targets_and_tickets_are_completed(room: Program) -> None:
    command = [needs("bash"), "--norc", "--noprofile", "-i"]
    with on_terminal(room, command=command, columns=120, **environment(room)) as terminal:
        terminal.type('eval "$(presqt-daemon completion bash)"; echo rea""dy\n')
        terminal.shows("\nready")
        for typed, shown in CASES:
            expect(terminal, typed, shown)
        terminal.type("exit\n")
        terminal.end()


def test_in_zsh_commands_options_targets_and_tickets_are_completed(room: Program) -> None:
    command = [needs("zsh"), "-f", "-i"]
    with on_terminal(room, command=command, columns=120, **environment(room)) as terminal:
        terminal.type("autoload -U compinit && compinit -u -D; bindkey '^U' kill-whole-line\n")
        terminal.type('eval "$(presqt-daemon completion zsh)"; echo rea""dy\n')
        terminal.shows("\nready")
        for typed, shown in CASES:
            expect(terminal, typed, shown)
        terminal.type("exit\n")
        terminal.end()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("presqt-daemon prepare", "prepare-upgrade"),
        ("presqt-daemon status --targe", "--targets"),
        ("presqt-daemon submit x.zip --target zen", "zenodo-lab"),
        ("presqt-daemon wait abcd", f"{TICKET}\tfinished thesis.zip"),
    ],
)
def test_in_fish_commands_options_targets_and_tickets_are_completed(
    room: Program, line: str, offered: str
) -> None:
    code = f"presqt-daemon completion fish | source; complete -C {line!r}"
    ended = subprocess.run(
        [needs("fish"), "--no-config", "-c", code],
        capture_output=True,
        text=True,
        cwd=room.folder,
        env={**room.environment(), **environment(room)},
        check=True,
    )
    assert any(row.startswith(offered) for row in ended.stdout.splitlines()), ended.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_install_writes_a_script_that_runs_the_installed_program(shell: str) -> None:
    files = {str(part.path): part.content.decode() for part in parts(Path("/opt/presqt-daemon"))}
    text = files[PLACES[shell]]
    assert "/opt/presqt-daemon/bin/presqt-daemon" in text
    name = "bash" if shell == "zsh" else shell
    checked = subprocess.run(
        [needs(shell), "-n"], input=text, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, ""), name


def test_bash_finds_what_install_has_written_where_it_looks(room: Program) -> None:
    shell = needs("bash")
    loader = Path("/usr/share/bash-completion/bash_completion")
    if not loader.exists():
        pytest.skip("bash-completion is missing: where bash looks is not tested")
    place = room.folder / "share/bash-completion/completions/presqt-daemon"
    assert PLACES["bash"].endswith(str(place.relative_to(room.folder)))
    place.parent.mkdir(parents=True)
    place.write_text(script("bash", BIN / "presqt-daemon"))
    more = {**environment(room), "XDG_DATA_DIRS": str(room.folder / "share")}
    command = [shell, "--norc", "--noprofile", "-i"]
    with on_terminal(room, command=command, columns=120, **more) as terminal:
        terminal.type(f'. {loader}; echo rea""dy\n')
        terminal.shows("\nready")
        expect(terminal, *CASES[0])
        expect(terminal, *CASES[2])
        terminal.type("exit\n")
        terminal.end()


def test_a_configuration_that_cannot_be_read_offers_nothing_and_says_nothing(
    room: Program,
) -> None:
    room.file.write_text("inbax: [", encoding="utf-8")
    code = "presqt-daemon completion fish | source; complete -C 'presqt-daemon wait abcd'"
    ended = subprocess.run(
        [needs("fish"), "--no-config", "-c", code],
        capture_output=True,
        text=True,
        cwd=room.folder,
        env={**room.environment(), **environment(room)},
        check=False,
    )
    assert (ended.stdout, ended.stderr) == ("", "")
