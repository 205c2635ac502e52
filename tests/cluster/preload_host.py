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
