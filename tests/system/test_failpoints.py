import os
import signal
import subprocess
import sys

import pytest

from presqt_daemon.system.failpoints import VARIABLE

SCRIPT = (
    "from presqt_daemon.system.failpoints import reach\n"
    "for turn in range(3):\n"
    "    reach('other'); reach('here'); print(turn, flush=True)\n"
)


@pytest.mark.parametrize(
    ("armed", "turns"),
    [("", 3), ("elsewhere", 3), ("here", 0), ("here:1", 0), ("here:3", 2), ("here:4", 3)],
)
def test_a_process_dies_at_the_armed_point_and_only_there(armed: str, turns: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        env={**os.environ, VARIABLE: armed},
        check=False,
    )
    assert ended.stdout.count(b"\n") == turns
    assert ended.returncode == (0 if turns == 3 else -signal.SIGKILL)
