"""Daemons that stand by over Linux's own NFS: a kernel of its own is server and clients."""

from pathlib import Path

import pytest

from tests.cluster.nfs.kernel import run_over_nfs

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]


def test_daemons_follow_one_another_over_nfs(tmp_path: Path) -> None:
    run_over_nfs("tests/standby/nfs", tmp_path)
