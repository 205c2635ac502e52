"""What the forkserver imports once, so that a new worker has it in a few milliseconds."""

import sys
from types import TracebackType

import presqt_daemon.staging.stage
import presqt_daemon.targets.folder.target
import presqt_daemon.upload.send

PRELOADED = (
    presqt_daemon.staging.stage,
    presqt_daemon.targets.folder.target,
    presqt_daemon.upload.send,
)


def _say_briefly(
    _kind: type[BaseException], error: BaseException, _trace: TracebackType | None
) -> None:
    """The forkserver ends where it cannot fork; the daemon starts another, and knows why."""
    sys.stderr.write(f"the process that starts workers has ended: {error}\n")


if any("multiprocessing.forkserver" in word for word in sys.orig_argv):
    sys.excepthook = _say_briefly
