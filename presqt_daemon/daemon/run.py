"""The daemon from its locks to its exit code."""

import logging
from collections.abc import Callable
from contextlib import ExitStack

from presqt_daemon.config import Config
from presqt_daemon.daemon.arbiter import Daemon
from presqt_daemon.system.files import make_folder
from presqt_daemon.system.temporary import temporary_folder
from presqt_daemon.tickets.locks import FolderLock

INBOX_MODE = 0o2775
"""Of an inbox that the daemon makes itself: its group drops, and hands that right on."""

_log = logging.getLogger(__name__)


def run_daemon(
    config: Config,
    *,
    once: bool = False,
    max_wait: float | None = None,
    load: Callable[[], Config] | None = None,
    verbosity: int = 0,
) -> int:
    """Serve until told to stop, or until all is done (`once`); the exit code.

    Raises HeldError when another instance has these folders, NewerInfoError when a later version
    has been here, GateError when past tickets cannot get their records, OSError when the folders
    cannot be made.
    """
    with ExitStack() as stack:
        for folder, mode in ((config.mediafiles, 0o755), (config.inbox, INBOX_MODE)):
            make_folder(folder, mode)
            lock = FolderLock(folder)
            stack.callback(lock.release)
            if lock.has_cleared:
                _log.warning("%s was made by somebody else and is removed", lock.path)
        stack.enter_context(temporary_folder(config.mediafiles))
        daemon = Daemon(config, once=once, max_wait=max_wait, load=load, verbosity=verbosity)
        return daemon.serve()
