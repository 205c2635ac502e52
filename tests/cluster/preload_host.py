"""Loaded by a dask worker before all else: this process tree is a host of its own name and boot."""

import os

from presqt_daemon.system import host

NAME = os.environ["TEST_HOST"]
host.host_name = lambda: NAME  # type: ignore[assignment]
host.boot_id = lambda: f"boot-of-{NAME}"  # type: ignore[assignment]

if os.environ.get("TEST_NO_LEASE"):
    # the control: what happens where nobody asks whether another has the ticket
    from presqt_daemon.leases import lease, take

    lease.Lease.assert_held = lambda self: None  # type: ignore[method-assign]
    lease.Lease.keep = lambda self: None  # type: ignore[method-assign]
    lease.Lease.is_sure = property(lambda self: True)  # type: ignore[method-assign,assignment]
    lease.Lease.fence = lambda self: None  # type: ignore[method-assign]
    take._is_free = lambda beat, terms: True

if version := os.environ.get("TEST_VERSION"):
    import presqt_daemon

    presqt_daemon.__version__ = version

if moment := os.environ.get("TEST_FREEZE"):
    # the whole host freezes itself there, once
    import signal

    import psutil

    from presqt_daemon.system import failpoints

    def _freeze(name: str, left: list[str] = [moment]) -> None:  # noqa: B006
        if left and name == left[0]:
            left.clear()
            for child in psutil.Process().children(recursive=True):
                child.send_signal(signal.SIGSTOP)
            os.kill(os.getpid(), signal.SIGSTOP)

    failpoints.reach = _freeze
