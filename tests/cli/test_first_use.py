"""What a new user meets before anything has happened: each answer says how it is, or what to do."""

import shutil

from tests.cli.program import Program


def test_commands_with_nothing_to_show_say_so(program: Program) -> None:
    workers = program.run("status", "--workers").stdout.splitlines()
    assert workers[0] == "no ticket is being worked on"
    assert workers[-1].split(maxsplit=2) == ["ok", "daemon", "is not running now"]
    assert program.run("verify", "--all").stdout == "there is no deposit to ask for\n"
    shutil.rmtree(program.mediafiles)
    held = program.run("hold")
    assert held.returncode == 74
    assert "no daemon has run here yet. Start it once" in held.stderr
    lost = program.run("--config", "lost.yaml", "status")
    assert lost.returncode == 78
    assert "config example > lost.yaml writes one to begin with" in lost.stderr
