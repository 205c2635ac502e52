"""File systems made for one test and always taken away again; tests without the rights skip."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.house import wait_until


def need_root(*programs: str) -> None:
    """Skip, saying why, where mounting is not possible."""
    missing = [name for name in programs if shutil.which(name) is None]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"needs root{''.join(f' and the program {name}' for name in missing)}")


def call(*command: str | Path) -> None:
    """Run a program that must succeed."""
    subprocess.run(list(map(str, command)), check=True, capture_output=True)


@contextlib.contextmanager
def mounted(place: Path, *arguments: str | Path) -> Iterator[Path]:
    """`mount ARGUMENTS place`, for as long as the block lasts."""
    need_root("mount", "umount")
    place.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        ["mount", *map(str, arguments), str(place)], check=False, capture_output=True, text=True
    )
    if made.returncode != 0:
        pytest.skip(f"no mount here: {made.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=False, capture_output=True)


def small_disk(place: Path, size: str) -> contextlib.AbstractContextManager[Path]:
    """A file system in memory of so many bytes (`8m`)."""
    return mounted(place, "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs")


def layered(place: Path, upper: Path, work: Path, lower: Path) -> (
    contextlib.AbstractContextManager[Path]
):  # fmt: skip
    """`upper` seen through an overlay: what is written into it directly raises no event above."""
    for folder in (upper, work, lower):
        folder.mkdir(parents=True)
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    return mounted(place, "-t", "overlay", "-o", options, "overlay")


@contextlib.contextmanager
def loop_disk(place: Path, image: Path, size: int) -> Iterator[Path]:
    """An ext4 of its own in a file."""
    need_root("mkfs.ext4", "mount")
    with image.open("wb") as stream:
        stream.truncate(size)
    call("mkfs.ext4", "-q", image)
    with mounted(place, "-o", "loop", image) as disk:
        yield disk


@contextlib.contextmanager
def frozen(disk: Path) -> Iterator[None]:
    """Whoever writes to this disk hangs, and cannot even be killed, until the block ends."""
    need_root("fsfreeze")
    call("fsfreeze", "--freeze", disk)
    try:
        yield
    finally:
        wait_until(
            lambda: subprocess.run(
                ["fsfreeze", "--unfreeze", str(disk)], check=False, capture_output=True
            ).returncode == 0,
            10,
        )  # fmt: skip


def fill(disk: Path, leave: int = 0, name: str = "ballast") -> Path:
    """A file that takes all of a disk but so many bytes; remove it to make room."""
    ballast = disk / name
    block = bytes(4096)
    figures = os.statvfs(disk)
    blocks = max(0, figures.f_bavail * figures.f_frsize - leave) // len(block)
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as stream:
        for _ in range(blocks):
            stream.write(block)
    return ballast
