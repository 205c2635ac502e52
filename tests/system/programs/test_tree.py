import contextlib
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from presqt_daemon.system.programs.tree import end_leftovers, end_tree
from presqt_daemon.workers.processes.reaper import tree_memory
from tests.system.programs.living import LONG, is_alive, wait_until

LAST_PID = Path("/proc/sys/kernel/ns_last_pid")

FAMILY = """
import os, signal, subprocess, sys, time
out = open(sys.argv[1], "a", buffering=1)
def note(): out.write(f"{os.getpid()}\\n")
os.setsid()
note()
if os.fork() == 0:
    note(); time.sleep(100)
if os.fork() == 0:
    os.setsid(); note(); time.sleep(100)
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN); note(); time.sleep(100)
if os.fork() == 0:
    if os.fork() == 0:
        note(); time.sleep(100)
    os._exit(0)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        out.write(f"{os.getpid()}\\n")
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(100)"])
    os._exit(0)
time.sleep(100)
"""


def test_a_whole_family_ends_with_orphans_sessions_and_the_deaf(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    environment = {**os.environ, "PRESQT_TICKET": "ticket-of-the-family"}
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(FAMILY), str(pids)], env=environment
    ) as leader:
        wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 6)
        members = [int(word) for word in pids.read_text().split()]
        assert all(is_alive(pid) for pid in members)
        assert tree_memory(psutil.Process(leader.pid)) > 0
        ended = end_tree(
            psutil.Process(leader.pid), ("PRESQT_TICKET", "ticket-of-the-family"), grace=0.3
        )
        assert not [pid for pid in members if is_alive(pid)]
        assert ended >= 6
        assert leader.wait(LONG) < 0


def test_a_neighbour_with_another_mark_lives_on() -> None:
    environment = {**os.environ, "PRESQT_TICKET": "other"}
    sleep = [sys.executable, "-c", "import time; time.sleep(100)"]
    with (
        subprocess.Popen(sleep, start_new_session=True, env=environment) as other,
        subprocess.Popen(sleep, start_new_session=True) as worker,
    ):
        end_tree(psutil.Process(worker.pid), ("PRESQT_TICKET", "mine"), grace=0.2)
        assert not is_alive(worker.pid)
        assert is_alive(other.pid)
        assert end_leftovers("PRESQT_TICKET", {"other"}) == 1
        assert other.wait(LONG) == -9
        worker.wait(LONG)


@pytest.mark.skipif(not os.access(LAST_PID, os.W_OK), reason="only root may choose the next pid")
def test_whoever_has_got_a_dead_workers_pid_is_left_alone() -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(100)"]
    with subprocess.Popen(sleep, start_new_session=True) as worker:
        identity = psutil.Process(worker.pid)
        born = time.monotonic()
        wait_until(lambda: time.monotonic() > born + 0.05)  # some of the clock's ticks of 10 ms
        worker.kill()
    with contextlib.ExitStack() as strangers:
        for _ in range(100):
            LAST_PID.write_text(str(worker.pid - 1))
            stranger = strangers.enter_context(subprocess.Popen(sleep, start_new_session=True))
            strangers.callback(stranger.kill)
            if stranger.pid == worker.pid:
                break
        assert stranger.pid == worker.pid
        assert tree_memory(identity) == 0
        assert end_tree(identity, ("PRESQT_TICKET", "mine"), grace=0) == 0
        assert is_alive(stranger.pid)


ORPHANS = """
import ctypes, os, subprocess, time
from presqt_daemon.system.programs.tree import reap_orphans
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # orphans come to us, as to process 1
own = subprocess.Popen(["sh", "-c", "exit 7"])
subprocess.run(["sh", "-c", "sleep 0.1 & sleep 0.1 & exit 0"])
reaped, deadline = 0, time.monotonic() + 100
while reaped < 2 and time.monotonic() < deadline:
    reaped += reap_orphans({own.pid})
    time.sleep(0.01)
print(reaped, own.wait())
"""


def test_orphans_that_come_to_process_1_are_let_go_and_its_own_children_are_not() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ORPHANS], check=True, capture_output=True, text=True, timeout=LONG
    )
    assert done.stdout == "2 7\n"
