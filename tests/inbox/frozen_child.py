"""An inbox in a process of its own, frozen before its n-th change of a file: `BASE N`.

Once thawed it does that one change. As soon as BASE/taken-over is there, its fence ends it.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from presqt_daemon.inbox import Inbox
from presqt_daemon.system import files
from presqt_daemon.tickets.store import Uploads
from tests.inbox.running import make_config, until

CHANGES = frozenset({"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink"})
FENCED = 75


class Freezer:
    """Counts changes as Python tells of them, before they are made (sys.addaudithook)."""

    def __init__(self, base: Path, number: int) -> None:
        self._base, self._left = str(base), number
        self._lock = threading.Lock()

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            is_change = isinstance(flags, int) and bool(flags & os.O_CREAT)
        else:
            path, is_change = (arguments or ("",))[0], event in CHANGES
        if is_change and self._is_ours(path):
            self.count()

    def count(self) -> None:
        with self._lock:
            self._left -= 1
            is_it = self._left == 0
        if is_it:
            # to this very thread: sent to the process, it may stop when the change has been made
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)

    def _is_ours(self, path: object) -> bool:
        """Below the base; a relative one is one in an open folder of ours."""
        text = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else "/"
        return not text.startswith("/") or text.startswith(self._base)


class Libc:
    """The C library; Python does not tell of what is called through it."""

    def __init__(self, freezer: Freezer) -> None:
        self._freezer, self._real = freezer, files._libc

    def renameat2(self, *arguments: object) -> int:
        self._freezer.count()
        result: int = self._real.renameat2(*arguments)
        return result


def main(base: Path, number: int) -> None:
    os.umask(0o022)
    config = make_config(base, rescan=0.05)
    freezer = Freezer(base, number)
    uploads = Uploads(config.mediafiles)
    uploads.epoch = 1
    fence = base / "taken-over"

    def may_act() -> None:
        if fence.exists():
            os._exit(FENCED)

    uploads.may_act = may_act
    inbox = Inbox(config, uploads, lambda _event: None)
    files._libc = Libc(freezer)  # type: ignore[assignment]
    sys.addaudithook(freezer.hear)
    inbox.start()
    until(inbox.is_idle)
    inbox.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
