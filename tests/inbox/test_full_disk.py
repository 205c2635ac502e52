"""No room for a ticket: the drop stays whole, and is taken when there is room."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOUNT = 'mount -t tmpfs -o size=1m tmpfs "$1" && exec "$2" -m tests.inbox.full_disk "$1" "$3"'


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
@pytest.mark.parametrize("pages", range(8))
def test_a_full_disk_delays_a_drop_and_harms_it_never(tmp_path: Path, pages: int) -> None:
    command = ["unshare", "-m", "sh", "-c", MOUNT, "sh", str(tmp_path), sys.executable, str(pages)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mount here: {done.stderr}")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr.count("cannot be taken yet") <= 1
