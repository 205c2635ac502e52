"""The daemon: joins the rooms below and decides what happens next."""

from presqt_daemon.daemon.run import run_daemon

__all__ = ["run_daemon"]
