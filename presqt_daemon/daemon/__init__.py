"""The daemon: joins the rooms below and decides what happens next.

A configuration comes in; an exit code goes out, when all has been brought to rest. Called by the
command `run`.
"""

from presqt_daemon.daemon.run import run_daemon

__all__ = ["run_daemon"]
