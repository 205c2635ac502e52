"""Processes that let others go first."""

import subprocess
import sys
from pathlib import Path

import pytest

AUTOGROUP = Path("/proc/self/autogroup")

STEP_BACK = """
import os
from pathlib import Path
from presqt_daemon.system.precedence import step_back
step_back(7)
print(os.nice(0))
print(Path("/proc/self/autogroup").read_text().split()[-1])
"""

START_ONE_THAT_STEPS_BACK = f"""
import os, subprocess, sys
from pathlib import Path
subprocess.run([sys.executable, "-c", {STEP_BACK!r}], check=True, stdout=subprocess.DEVNULL)
print(os.nice(0))
print(Path("/proc/self/autogroup").read_text().split()[-1])
"""


def niceness_in_own_session(program: str) -> list[int]:
    """What a program that leads a session prints of itself, and of its session."""
    if not AUTOGROUP.exists():
        pytest.skip(f"no {AUTOGROUP}: this kernel does not weigh sessions")
    run = subprocess.run(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE, check=True, text=True, start_new_session=True,
    )  # fmt: skip
    return [int(line) for line in run.stdout.split()]


def test_a_process_in_a_session_of_its_own_steps_back_with_it() -> None:
    own = niceness_in_own_session("import os; print(os.nice(0))")[0]
    assert niceness_in_own_session(STEP_BACK) == [own + 7, 7]


def test_a_process_in_the_session_of_others_leaves_that_as_it_is() -> None:
    own = niceness_in_own_session("import os; print(os.nice(0))")[0]
    assert niceness_in_own_session(START_ONE_THAT_STEPS_BACK) == [own, 0]
