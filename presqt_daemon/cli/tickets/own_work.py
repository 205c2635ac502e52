"""Progress of what a command does itself: shown on a terminal alone, gone when it is done."""

import contextlib
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

from presqt_daemon.cli.output.progress import Step, following_steps
from presqt_daemon.cli.output.show import is_terminal

TURN_SECONDS = 0.5


@contextlib.contextmanager
def reading(words: str, total: int) -> Iterator[None]:
    """Shows how much of `total` bytes this process has read since it began.

    The kernel counts them (`rchar`, proc(5)); so what reads needs to know nothing of it.
    """
    with following_steps(shows=is_terminal()) as show:
        before, is_over = _read_so_far(), threading.Event()

        def turn() -> None:
            while not is_over.wait(TURN_SECONDS):
                now = _read_so_far()
                done = 0 if now is None or before is None else min(now - before, total)
                show(Step(words=words, done=done, total=0 if now is None else total))

        thread = threading.Thread(target=turn, name="progress", daemon=True)
        if is_terminal():
            thread.start()
        try:
            yield
        finally:
            is_over.set()
            if thread.is_alive():
                thread.join()


def bytes_of(path: Path) -> int:
    """The bytes of a file, or of all below a folder as far as they can be seen; follows no link."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    total = 0
    for place, _folders, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


def _read_so_far() -> int | None:
    try:
        text = Path("/proc/self/io").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(r"^rchar: ([0-9]+)$", text, re.MULTILINE)
    return None if found is None else int(found[1])
