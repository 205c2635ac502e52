"""The same on a share of Linux's own NFS: a kernel of its own is server and clients."""

from pathlib import Path

import pytest

from tests.cluster.nfs.kernel import run_over_nfs

pytest.importorskip("distributed", reason="needs the extra dask")
pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]


def test_leases_fences_locks_and_tickets_hold_over_nfs(tmp_path: Path) -> None:
    run_over_nfs("tests/cluster/nfs", tmp_path)
