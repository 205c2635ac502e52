import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from presqt_daemon.system.programs.command import (
    OUTPUT_BYTES,
    CommandEnd,
    clean_environment,
    run_command,
)
from presqt_daemon.system.programs.tree import end_leftovers
from tests.system.programs.living import LONG, is_alive, wait_until


def python(code: str, *more: str) -> list[str]:
    return [sys.executable, "-c", code, *more]


def test_a_command_gets_its_input_and_its_output_is_kept_in_the_order_printed() -> None:
    code = (
        "import sys; t = sys.stdin.read(); print(len(t)); sys.stdout.flush(); sys.exit(t[:0] or 0)"
    )
    end = run_command(python(code), seconds=LONG, given=b"x" * 300_000)
    assert end == CommandEnd(exit_code=0, output=b"300000\n")
    both = "import os; os.write(1, b'one\\n'); os.write(2, b'two\\n'); os.write(1, b'three\\n')"
    assert run_command(python(both), seconds=LONG).output == b"one\ntwo\nthree\n"


def test_a_command_that_reads_nothing_of_a_large_input_is_not_waited_for() -> None:
    end = run_command(["true"], seconds=LONG, given=b"x" * 5_000_000)
    assert end.is_ok


def test_its_exit_code_is_told() -> None:
    end = run_command(python("raise SystemExit(3)"), seconds=LONG)
    assert (end.exit_code, end.is_ok, end.describe()) == (3, False, "ended with exit code 3")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["/no/such/program"], "could not be started: No such file or directory"),
        (["/etc"], "could not be started: Permission denied"),
        (["tr\0ue"], "could not be started: embedded null byte"),
    ],
)
def test_a_command_that_cannot_be_started_is_told_in_words(argv: list[str], words: str) -> None:
    end = run_command(argv, seconds=LONG)
    assert end.exit_code is None
    assert end.describe() == words


def test_a_command_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "out = open(sys.argv[1], 'a', buffering=1)\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    os.fork()\n"
        "out.write(f'{os.getpid()}\\n'); print('begun', flush=True)\n"
        "time.sleep(1000)\n"
    )
    end = run_command(
        python(code, str(pids)),
        seconds=LONG,
        is_stopped=lambda: pids.exists() and len(pids.read_text().split()) == 3,
    )
    assert end.exit_code is None
    assert end.output == b"begun\n" * 3
    assert not [pid for pid in map(int, pids.read_text().split()) if is_alive(pid)]


def test_the_time_limit_is_told_in_words() -> None:
    end = run_command(["sleep", "1000"], seconds=0.2)
    assert end.trouble == "did not end within 0.2 s"


def test_what_a_command_leaves_running_does_not_outlive_it(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    left = f"setsid sleep 1000 & echo $! > {pid}; echo done"
    end = run_command(["sh", "-c", left], seconds=LONG)
    assert end.is_ok
    assert end.output == b"done\n"
    assert not is_alive(int(pid.read_text()))


def test_a_flood_of_output_is_read_and_only_its_beginning_kept() -> None:
    code = "import sys\nfor _ in range(200): sys.stdout.write('y' * 100_000)"
    end = run_command(python(code), seconds=LONG)
    assert end.is_ok
    assert end.output == b"y" * OUTPUT_BYTES
    assert end.is_cut


def test_a_killed_command_is_told_with_its_signal() -> None:
    end = run_command(["sh", "-c", "kill -9 $$"], seconds=LONG)
    assert end.exit_code is None
    assert end.describe() == "was killed by signal 9 (SIGKILL)"


def test_no_secret_of_the_daemon_is_in_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSF_TOKEN", "canary")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/canary")
    monkeypatch.setenv("PRESQT_TICKET", "ticket")
    end = run_command(["env"], seconds=LONG, variables={"PRESQT_EVENT": "failed"})
    got = dict(line.split("=", 1) for line in end.output.decode().splitlines())
    assert "canary" not in end.output.decode()
    assert got["PRESQT_EVENT"] == "failed"
    assert got["PRESQT_TICKET"] == "ticket"
    assert clean_environment({})["PATH"].startswith("/usr/local/sbin:")


def test_no_file_of_the_daemon_is_open_in_it() -> None:
    with open(os.devnull) as ours:
        os.set_inheritable(ours.fileno(), True)
        end = run_command(["ls", "/proc/self/fd"], seconds=LONG)
    assert set(end.output.split()) <= {b"0", b"1", b"2", b"3"}


def test_its_output_reaches_no_terminal_as_it_is() -> None:
    end = run_command(["printf", "a\\033[2J\\n\\n b \\377\\n"], seconds=LONG)
    assert end.lines() == ["a\\x1b[2J", " b \ufffd"]


def test_a_command_ends_with_the_worker_that_started_it(tmp_path: Path) -> None:
    """The worker's mark is passed on, by which the reaper finds it in a session of its own."""
    code = (
        "from presqt_daemon.system.programs.command import run_command\n"
        "run_command(['sh', '-c', f'echo $$ > {__import__(\"sys\").argv[1]}; sleep 1000'],"
        " seconds=1000)"
    )
    pid = tmp_path / "pid"
    environment = {**os.environ, "PRESQT_TICKET": "of-the-worker"}
    with subprocess.Popen(python(code, str(pid)), env=environment) as worker:
        wait_until(lambda: pid.exists() and pid.read_text().endswith("\n"))
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert end_leftovers("PRESQT_TICKET", {"of-the-worker"}) >= 1
    wait_until(lambda: not is_alive(int(pid.read_text())))
