"""Linux's own NFS on this machine: a suite is run in a kernel that is server and clients."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.cluster import HERE

FIRST = Path(__file__).parent / "start_kernel.sh"
DISK_BYTES = 512 << 20
PROGRAMS = {
    "linux.uml": "user-mode-linux",
    "rpc.nfsd": "nfs-kernel-server",
    "mount.nfs4": "nfs-common",
    "modprobe": "kmod",
    "mkfs.ext4": "e2fsprogs",
    "ip": "iproute2",
}
PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


def missing() -> list[str]:
    return [package for name, package in PROGRAMS.items() if not shutil.which(name, path=PATH)]


def run_over_nfs(suite: str, folder: Path) -> None:
    """Run a suite of `tests/` where hosts are NFS clients; fails as it fails, or is skipped."""
    if lacking := missing():
        pytest.skip(f"needs {', '.join(lacking)}")
    disk = folder / "disk"
    with disk.open("wb") as file:
        file.truncate(DISK_BYTES)
    subprocess.run(["mkfs.ext4", "-q", str(disk)], check=True, env={"PATH": PATH})
    said = subprocess.run(
        [
            "linux.uml",
            "mem=3G",
            "rootfstype=hostfs",
            "rootflags=/",
            "ro",
            "quiet",
            f"ubda={disk}",
            f"init={FIRST}",
            f"umid=presqt-{folder.name}",
            f"TREE={HERE}",
            f"SUITE={suite}",
            f"PYTHON={sys.executable}",
            "con=null",
            "con0=null,fd:1",
        ],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=1700,
    ).stdout
    print(said)
    assert "ended: 0" in said
