"""What a piece of work holds at most, weighed where nothing else runs."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

_WEIGH = """
import pickle, sys, tracemalloc
work, arguments = pickle.load(sys.stdin.buffer)
tracemalloc.start()
work(*arguments)
print(tracemalloc.get_traced_memory()[1])
"""


def traced_peak_bytes(work: Callable[..., object], *arguments: Any) -> int:
    """The most that Python's allocator holds at once for `work`, a function of a module.

    In a process of its own: a trace sees what every thread of a process allocates, and a test
    run has servers of earlier tests that are still closing.
    """
    weighed = subprocess.run(
        [sys.executable, "-c", _WEIGH],
        input=pickle.dumps((work, arguments)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    return int(weighed.stdout)
