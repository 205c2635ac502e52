"""The daemon in odd surroundings: a locale that is not UTF-8, closed streams, a closed terminal."""

import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from presqt_daemon.tickets.locks import is_held
from tests.bags import bag_zip
from tests.cli.program import Program, eventually

# no UTF-8 for names: what an old LANG=de_DE gives, without a locale that must be installed
NO_UTF8 = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
NAMES = ("plain.txt", "Übung/é.txt", "日本.txt")


def test_names_are_utf8_whatever_the_locale_says(program: Program) -> None:
    files = {f"Proj/{name}": b"x" for name in NAMES}
    (program.inbox / "archive" / "Größe.zip").write_bytes(bag_zip(files))
    end = program.run("run", "--once", environment=NO_UTF8)
    assert end.returncode == 0, end.stderr
    root = os.fsencode(program.folder / "archive" / "Proj")
    found = {
        os.path.relpath(os.path.join(place, file), root)
        for place, _folders, files_there in os.walk(root)
        for file in files_there
    }
    assert {name.encode() for name in NAMES} <= found
    shown = program.run("status", environment=NO_UTF8)
    assert shown.returncode == 0, shown.stderr
    [ticket] = program.uploads.tickets()
    assert '"source_file": "Größe.zip"' in (
        program.uploads.root / ticket / "process_info.json"
    ).read_text(encoding="utf-8")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_daemon_without_standard_streams_works_and_writes_into_no_file_of_its_own(
    closed: str, program: Program
) -> None:
    (program.inbox / "archive" / "one.zip").write_bytes(bag_zip())
    command = ["bash", "-c", f'exec "$@" {closed}', "bash", *program.command("run", "--once")]
    end = subprocess.run(command, env=program.environment(), check=False, timeout=120)
    assert end.returncode == 0
    [ticket] = program.uploads.tickets()
    folder = program.uploads.root / ticket
    assert b"finished" in (folder / "process_info.json").read_bytes()
    for file in program.mediafiles.rglob("*"):
        if file.is_file() and not file.name.endswith(".zip"):
            assert b"INFO" not in file.read_bytes(), file


def _on_terminal(program: Program, before: str) -> tuple[int, int]:
    """The daemon's process on a terminal of its own, and the end that a person sits at."""
    pid, master = pty.fork()
    if pid == 0:
        words = program.command("run")
        os.execvpe(
            "bash",
            ["bash", "-c", f'{before} exec "$@"', "bash", *words],
            program.environment(),
        )
    eventually(lambda: is_held(program.mediafiles), "the daemon's lock")
    return pid, master


def _log_into(program: Program, file: Path) -> str:
    return f'exec 2>"{file}";'


def test_a_closed_terminal_ends_the_daemon_and_a_hangup_before_that_reloads(
    program: Program,
) -> None:
    log = program.folder / "log"
    pid, master = _on_terminal(program, _log_into(program, log))
    eventually(lambda: "ready" in log.read_text("utf-8"), "readiness")
    os.kill(pid, signal.SIGHUP)
    eventually(lambda: "was read again" in log.read_text("utf-8"), "a reload")
    os.close(master)
    eventually(lambda: os.waitpid(pid, os.WNOHANG) == (pid, 0), "a clean end")
    assert "stopped" in log.read_text("utf-8")


def test_under_nohup_a_closed_terminal_means_nothing(program: Program) -> None:
    log = program.folder / "log"
    pid, master = _on_terminal(program, f"trap '' HUP; {_log_into(program, log)}")
    eventually(lambda: "ready" in log.read_text("utf-8"), "readiness")
    os.close(master)
    os.kill(pid, signal.SIGHUP)
    (program.inbox / "archive" / "one.zip").write_bytes(bag_zip())
    eventually(lambda: "finished" in log.read_text("utf-8"), "a drop's end")
    assert "was read again" not in log.read_text("utf-8")
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: os.waitpid(pid, os.WNOHANG) == (pid, 0), "a clean end")


def test_a_configuration_that_stops_the_start_is_an_error_in_the_journal(
    program: Program,
) -> None:
    program.file.write_text("inbax: x\n", "utf-8")
    log = program.folder / "journal"
    with log.open("wb") as stream:
        status = os.fstat(stream.fileno())
        environment = program.environment({"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        end = subprocess.run(
            program.command("run"), stderr=stream, env=environment, check=False, timeout=60
        )
    assert end.returncode == 78
    assert log.read_text("utf-8").startswith("<3>presqt-daemon: ")
    # a variable that was inherited says nothing of another stream
    shown = program.run("run", environment={"JOURNAL_STREAM": "1:1"})
    assert shown.stderr.startswith("presqt-daemon: ")
