"""Intake never waits: everything that could hold it up goes on at once."""

import contextlib
import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bags import bag_tree, bag_zip, drop
from tests.house.house import House, open_house, wait_until
from tests.house.shelf import Fault, Shelf

SENDERS = 1000
SETTLE_SECONDS = 0.2
TICKET_SECONDS = SETTLE_SECONDS + 7.0
COPIED_TICKET_SECONDS = SETTLE_SECONDS + 10.0
"""Where the inbox lies on another disk, a small drop is copied too, and its syncs wait for those of
the long copies. These limits are ten times what is usual and show a block, not a busy machine; how
long it takes is measured by tests/bench/pipeline.py."""

END_SECONDS = 30.0
SMALL_BAGS = 10
LARGE_BAGS_AHEAD = 4
"""Two in staging, and the next two."""

MEGABYTE = 1 << 20
COPIED_MEGABYTES = 200

READER = """
import json, os, sys
uploads, end = sys.argv[1:]
seen = 0
while not os.path.exists(end):
    for ticket in os.listdir(uploads):
        if not ticket.startswith("."):
            with open(f"{uploads}/{ticket}/process_info.json", "rb") as stream:
                assert json.loads(stream.read())["status"] in {"in_progress", "failed", "finished"}
            seen += 1
print(seen)
"""
"""A program of its own, so that its tight loop does not slow down the one that measures."""


def large_bag(path: Path, megabytes: int) -> None:
    """A valid bag that packs well, so that its staging takes longer than bringing the next."""
    block = os.urandom(MEGABYTE // 64) * 64
    digest = hashlib.sha512()
    for _ in range(megabytes):
        digest.update(block)
    name = f"data/{path.stem}/large.bin"
    tree = bag_tree({}, oxum=False, tag_manifest=False)
    tree["manifest-sha512.txt"] = f"{digest.hexdigest()}  {name}\n".encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for tag_file, body in tree.items():
            archive.writestr(f"bag/{tag_file}", body)
        with archive.open(f"bag/{name}", "w", force_zip64=True) as stream:
            for _ in range(megabytes):
                stream.write(block)


def no_bag(path: Path, megabytes: int) -> None:
    """A zip that does not pack and takes no time to refuse."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive,
        archive.open("data.bin", "w", force_zip64=True) as stream,
    ):
        block = os.urandom(MEGABYTE)
        for _ in range(megabytes):
            stream.write(block)


def ticket_of(house: House, name: str) -> str | None:
    for path in (house.inbox / "archive").glob(f"{name}.*.ticket.json"):
        ticket: str = json.loads(path.read_bytes())["ticket_number"]
        return ticket
    return None


def times_of(house: House, name: str) -> tuple[float, float]:
    """Seconds until a small bag that is moved in has its ticket, and until it is finished."""
    drop(bag_zip({"Small/a.txt": b"1"}), house.inbox / "archive" / name)
    dropped = time.monotonic()
    ticket = wait_until(lambda: ticket_of(house, name), every=0.002)
    had_ticket = time.monotonic() - dropped
    wait_until(lambda: house.info(ticket)["status"] != "in_progress")
    had_end = time.monotonic() - dropped
    assert house.info(ticket)["status"] == "finished"
    return had_ticket, had_end


@contextlib.contextmanager
def other_disk(beside: Path, need: int) -> Iterator[Path]:
    """A folder on another file system than `beside`."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == beside.stat().st_dev:
        pytest.skip("there is no second file system to copy from")
    if shutil.disk_usage(memory).free < need:
        pytest.skip(f"{memory} has no room for {need} bytes")
    with tempfile.TemporaryDirectory(prefix="presqt-", dir=memory) as folder:
        yield Path(folder)


@contextlib.contextmanager
def stalled_senders(folder: Path) -> Iterator[None]:
    """Files whose writers have stopped in the middle and hold them open."""
    with contextlib.ExitStack() as stack:
        for number in range(SENDERS):
            handle = stack.enter_context((folder / f"stalled{number}.zip").open("wb"))
            handle.write(bag_zip()[:200])
            handle.flush()
        yield


@contextlib.contextmanager
def copying(source: Path, destination: Path) -> Iterator[threading.Thread]:
    """A sender copies a file again and again, so that a copy is under way at every moment.

    The last of it never comes, or each round would be one more drop for the disk to hold.
    """
    ended = threading.Event()
    most = source.stat().st_size // MEGABYTE - 1

    def copy() -> None:
        while not ended.is_set():
            with source.open("rb") as reader, destination.open("wb") as writer:
                for _ in range(most):
                    if ended.is_set():
                        break
                    writer.write(reader.read(MEGABYTE))

    thread = threading.Thread(target=copy)
    thread.start()
    try:
        wait_until(destination.exists)
        yield thread
    finally:
        ended.set()
        thread.join()


@contextlib.contextmanager
def fed(folder: Path, source: Path, is_enough: Callable[[], bool]) -> Iterator[threading.Thread]:
    """Whenever it is not enough, one more drop of a file that keeps its first name.

    The daemon has to copy it, on one file system too.
    """
    ended = threading.Event()

    def feed() -> None:
        for number in itertools.count():
            while is_enough():
                if ended.wait(0.02):
                    return
            path = folder / f"{source.stem}-{number}.zip"
            path.hardlink_to(source)
            wait_until(lambda path=path: not path.exists())  # type: ignore[misc]

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield thread
    finally:
        ended.set()
        thread.join()


def is_copied_by_daemon(folder: Path) -> bool:
    """Whether the daemon copies a drop right now."""
    return any(folder.glob(".claimed-*-copied-*.zip"))


def large_bags(house: House) -> list[dict[str, Any]]:
    """The status of each large bag that is not staged yet."""
    return [
        info
        for info in house.infos()
        if info["source_file"].startswith("large") and info["stage"] == "received"
    ]


def are_staged(house: House) -> bool:
    """Whether two large bags are being staged right now."""
    return sum(info["function_process_id"] is not None for info in large_bags(house)) >= 2


@contextlib.contextmanager
def reading(house: House) -> Iterator[None]:
    """A reader in a tight loop over every status; fails for one that is torn, empty or missing."""
    end = house.root / "enough"
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(house.uploads), str(end)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield
    finally:
        end.touch()
        seen, faults = reader.communicate(timeout=60)
    assert reader.returncode == 0, faults
    assert int(seen) > 100


@contextlib.contextmanager
def busy_house(
    root: Path, slow: int, large: int, *, is_beside: bool
) -> Iterator[tuple[House, tuple[threading.Thread, ...]]]:
    """A daemon under all of this, and the threads that bring it; sizes in megabytes."""
    with (
        Shelf() as shelf,
        other_disk(root, (slow + large + COPIED_MEGABYTES + 500) * MEGABYTE) as elsewhere,
        open_house(root) as house,
        contextlib.ExitStack() as load,
    ):
        load.callback(shutil.rmtree, house.root, ignore_errors=True)
        shelf.faults.append(Fault("hang", method="*", times=10**6))
        near, far = (root, elsewhere) if is_beside else (elsewhere, root)
        house.configure(
            inbox=str(near / "inbox"),
            targets={
                "archive": {"type": "folder", "path": "archive"},
                "hanging": shelf.target(timeout="3000"),
            },
            # one worker is kept for small bags
            staging={"small": "1 MB", "min_free_bytes": 0, "workers": 3},
            intake={"settle": f"{SETTLE_SECONDS}s", "incomplete_after": "10m"},
        )
        archive = house.inbox / "archive"
        archive.mkdir(parents=True)
        large_bag(near / "large.zip", large)
        no_bag(far / "slow.zip", slow)
        no_bag(near / "copied.zip", COPIED_MEGABYTES)
        house.start()
        load.enter_context(stalled_senders(archive))
        for number in range(4):
            drop(bag_zip(), house.inbox / "hanging" / f"hung{number}.zip")
        wait_until(lambda: len(shelf.requests) > 1, what="for the hanging target")
        load.enter_context(reading(house))
        threads = (
            load.enter_context(copying(far / "slow.zip", archive / "slow.zip")),
            load.enter_context(
                # into another target, whose uploads hang, since two at a time go to the archive
                fed(
                    house.inbox / "hanging",
                    near / "large.zip",
                    lambda: len(large_bags(house)) >= LARGE_BAGS_AHEAD,
                )
            ),
            load.enter_context(
                fed(archive, near / "copied.zip", lambda: is_copied_by_daemon(archive))
            ),
        )
        yield house, threads


def small_bags(house: House, count: int) -> list[tuple[float, float]]:
    """Seconds to a ticket and to its end of small bags, each dropped while all of it goes on."""
    times = []
    for number in range(count):
        wait_until(
            lambda: are_staged(house) and is_copied_by_daemon(house.inbox / "archive"),
            what="for the load",
        )
        times.append(times_of(house, f"small{number}.zip"))
    return times


@pytest.mark.parametrize(
    "inbox_lies",
    ["beside the tickets", pytest.param("on another file system", marks=pytest.mark.full)],
)
def test_a_small_bag_passes_stalled_senders_a_hanging_target_large_bags_and_a_long_copy(
    tmp_path: Path, full: bool, inbox_lies: str
) -> None:
    slow, large = (2000, 400) if full else (300, 200)
    is_beside = inbox_lies == "beside the tickets"
    with busy_house(tmp_path, slow, large, is_beside=is_beside) as (house, threads):
        times = small_bags(house, SMALL_BAGS)
        assert all(thread.is_alive() for thread in threads)
        tickets = [ticket for ticket, _ in times]
        limit = TICKET_SECONDS if is_beside else COPIED_TICKET_SECONDS
        assert max(tickets) <= limit, times
        assert max(end for _, end in times) <= END_SECONDS, f"finished after {times} s"
        assert not any(str(info["source_file"]).startswith("stalled") for info in house.infos())
