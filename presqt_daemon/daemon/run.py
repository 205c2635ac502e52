"""The daemon from its locks to its exit code."""

from collections.abc import Callable

from presqt_daemon.config import Config
from presqt_daemon.daemon.active import ServedFolders
from presqt_daemon.daemon.arbiter import Daemon
from presqt_daemon.system.temporary import temporary_folder


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
    held = ServedFolders(config, is_standby=False).take()
    try:
        with temporary_folder(config.mediafiles):
            daemon = Daemon(
                config,
                once=once,
                max_wait=max_wait,
                load=load,
                verbosity=verbosity,
                may_act=held.lease.pass_or_leave,
            )
            return daemon.serve()
    finally:
        held.release()
