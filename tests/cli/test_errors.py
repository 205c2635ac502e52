import signal
import subprocess
import sys
from pathlib import Path

import pytest

from presqt_daemon import __version__
from tests.cli.program import Program
from tests.tickets.infos import finished_info, sending_info

COMMANDS = ("run", "submit", "status", "wait", "cancel", "retry", "validate", "check", "prune")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["jump"],
        ["status", "--nonsense"],
        ["wait"],
        ["run", "--max-wait", "1m"],
        ["status", "--set", "inbox"],
        ["stat"],
    ],
)
def test_wrong_usage_is_64_and_one_line(program: Program, arguments: list[str]) -> None:
    ended = program.run(*arguments)
    assert ended.returncode == 64
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1


def test_help_and_version_are_0(program: Program) -> None:
    assert program.run("--version").stdout == f"presqt-daemon {__version__}\n"
    for command in COMMANDS:
        ended = program.run(command, "--help")
        assert ended.returncode == 0
        assert "--config" in ended.stdout


@pytest.mark.parametrize("arguments", [["status"], ["run"], ["check"], ["prune"]])
def test_a_missing_configuration_is_78(tmp_path: Path, arguments: list[str]) -> None:
    program = Program(tmp_path)
    program.file.unlink()
    ended = program.run(*arguments)
    assert ended.returncode == 78
    assert str(program.file) in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_the_configuration_lies_in_the_working_folder_unless_named(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "presqt_daemon", "status"]
    without = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if not Path("/etc/presqt-daemon/config.yaml").exists():
        assert without.returncode == 78
        assert "give --config FILE" in without.stderr
    Program(tmp_path)
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0


def test_options_may_stand_before_and_after_the_command(tmp_path: Path) -> None:
    program = Program(tmp_path)
    base = [sys.executable, "-m", "presqt_daemon"]
    for words in (
        ["--config", str(program.file), "status"],
        ["status", "--config", str(program.file), "-v"],
        ["--set", "stop_grace=1s", "status", "--config", str(program.file)],
    ):
        ended = subprocess.run([*base, *words], cwd="/", capture_output=True, check=False)
        assert ended.returncode == 0


def test_the_command_line_wins_over_the_environment_over_the_file(program: Program) -> None:
    program.file.write_text("permissions: {group: from-the-file}\n", encoding="utf-8")
    environment = {"PRESQT_DAEMON__PERMISSIONS__GROUP": "from-the-environment"}
    assert "from-the-file" in program.run("check").stdout
    assert "from-the-environment" in program.run("check", environment=environment).stdout
    words = ("--set", "permissions.group=from-the-line", "check")
    assert "from-the-line" in program.run(*words, environment=environment).stdout


def test_a_reader_that_goes_away_is_no_traceback(program: Program) -> None:
    for _ in range(300):
        program.add(finished_info(), content=None)
    command = " ".join(f"'{word}'" for word in program.command("status"))
    ended = subprocess.run(
        ["bash", "-c", f"{command} | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.strip() in {"0", "141"}
    assert ended.stderr == ""


def test_a_full_standard_output_is_said(program: Program) -> None:
    program.add(finished_info())
    with open("/dev/full", "w", encoding="utf-8") as full:
        ended = subprocess.run(
            program.command("status"), stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            env=program.environment({"PYTHONUNBUFFERED": ""}),
        )  # fmt: skip
    assert ended.returncode == 74
    assert ended.stderr == "presqt-daemon: standard output: No space left on device\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("wait", "thesis.zip"), "goes on. Look on: "), (("status", "--watch"), "")],
    ids=["wait", "status --watch"],
)
def test_interrupted_is_130_and_at_most_one_line(
    program: Program, arguments: tuple[str, ...], said: str
) -> None:
    program.add(sending_info())
    lock = program.hold()
    with program.start(*arguments) as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.send_signal(signal.SIGINT)
        _out, err = running.communicate(timeout=60)
    lock.release()
    assert running.returncode == 130
    assert said in err
    assert err.count("\n") == bool(said)


def test_a_folder_that_cannot_be_read_is_74(program: Program) -> None:
    program.uploads.root.chmod(0)
    ended = program.run_without_power("status")
    program.uploads.root.chmod(0o755)
    assert ended.returncode == 74
    assert ended.stderr == f"presqt-daemon: {program.uploads.root}: Permission denied\n"


def test_uploads_that_is_a_file_is_74_and_one_line(program: Program) -> None:
    program.uploads.root.rmdir()
    program.uploads.root.write_bytes(b"")
    ended = program.run("status")
    assert ended.returncode == 74
    assert ended.stderr == f"presqt-daemon: {program.uploads.root}: Not a directory\n"
    assert "Traceback" in program.run("-v", "status").stderr


def test_interrupted_while_the_program_loads_is_130_without_a_traceback() -> None:
    script = (
        "import os, signal, sys\n"
        "class Interrupter:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'presqt_daemon.cli.output.show':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupter())\n"
        "from presqt_daemon.__main__ import main\n"
        "sys.exit(main(['status']))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")
