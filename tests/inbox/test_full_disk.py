"""No room for a ticket: the drop stays whole, and is taken when there is room."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOUNT = 'mount -t tmpfs -o "size=$1" tmpfs "$5" && shift && exec "$@"'

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")


def run_on_small_disk(size: str, folder: Path, module: str, *arguments: str) -> str:
    """What a program said that ended well with this folder as a disk of its own."""
    program = [sys.executable, "-m", module, str(folder), *arguments]
    command = ["unshare", "-m", "sh", "-c", MOUNT, "sh", size, *program]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mount here: {done.stderr}")
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


@pytest.mark.parametrize("pages", range(8))
def test_a_full_disk_delays_a_drop_and_harms_it_never(tmp_path: Path, pages: int) -> None:
    said = run_on_small_disk("1m", tmp_path, "tests.inbox.full_disk", str(pages))
    assert said.count("cannot be taken yet") <= 1


def test_a_claim_lost_with_the_power_is_made_again_on_a_full_disk(tmp_path: Path) -> None:
    said = run_on_small_disk("4m", tmp_path, "tests.inbox.lost_claim")
    assert "its claim was lost with the power and is made again" in said
