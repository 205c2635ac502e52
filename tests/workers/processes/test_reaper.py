import subprocess
import sys
from dataclasses import replace

import psutil
import pytest

from presqt_daemon.workers.processes.reaper import TIMED_OUT, Limits, Sample, judge, tree_memory

LIMITS = Limits(wall_seconds=3600, stall_seconds=600, memory_bytes=10**9)
FINE = Sample(elapsed_seconds=3600, quiet_seconds=600, memory_bytes=10**9)


def test_a_run_at_its_limits_goes_on() -> None:
    assert judge(FINE, LIMITS) is None


@pytest.mark.parametrize(
    ("sample", "code", "words"),
    [
        (replace(FINE, elapsed_seconds=3601), "timed-out", "1 h (limit 1 h)"),
        (replace(FINE, quiet_seconds=601), "timed-out", "Nothing moved for 10 min"),
        (replace(FINE, memory_bytes=10**9 + 1), "worker-died", "1.0 GB of memory (limit 1.0 GB)"),
    ],
)
def test_a_passed_limit_is_named_with_its_figures(sample: Sample, code: str, words: str) -> None:
    fault = judge(sample, LIMITS)
    assert fault is not None
    assert fault.code == code
    assert words in fault.message


def test_the_time_limit_speaks_in_presqts_words_and_is_a_504() -> None:
    fault = judge(replace(FINE, elapsed_seconds=4000), LIMITS)
    assert fault is not None
    assert fault.message.startswith(TIMED_OUT)
    assert fault.status_code == 504


def test_a_process_that_is_gone_holds_no_memory() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        gone = psutil.Process(process.pid)
    assert tree_memory(gone) == 0
