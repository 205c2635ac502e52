"""Intake never waits: everything that could hold it up goes on at once."""

import json
import os
import shutil
import statistics
import threading
import time
import zipfile
from pathlib import Path

import pytest

from tests.bags import bag_tree, bag_zip, drop
from tests.house.house import House, open_house, wait_until
from tests.house.shelf import Fault, Shelf

SENDERS = 1000
TICKET_SECONDS = 0.2
END_SECONDS = 3.0
SMALL_BAGS = 5


def large_bag(path: Path, megabytes: int) -> None:
    """A valid bag of one incompressible file, written beside the inbox."""
    content = os.urandom(1 << 20) * megabytes
    tree = bag_tree({f"{path.stem}/large.bin": content}, algorithms=("sha512", "sha256"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, body in tree.items():
            archive.writestr(f"bag/{name}", body)


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


def test_a_small_bag_passes_stalled_senders_a_hanging_target_large_bags_and_a_long_copy(
    tmp_path: Path, full: bool
) -> None:
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system to copy from")
    copied_bytes = (2000 if full else 300) << 20
    with Shelf() as shelf, open_house(tmp_path) as house:
        shelf.faults.append(Fault("hang", method="*", times=10**6))
        house.configure(
            targets={
                "archive": {"type": "folder", "path": "archive"},
                "hanging": shelf.target(timeout="3000"),
            },
            staging={"small": "10 MB", "min_free_bytes": 0},
            intake={"incomplete_after": "10m"},
        )
        for number in range(2):
            large_bag(tmp_path / f"large{number}.zip", 400 if full else 150)
        house.start()
        stalled = []
        for number in range(SENDERS):
            handle = (house.inbox / "archive" / f"stalled{number}.zip").open("wb")
            handle.write(bag_zip()[:200])
            handle.flush()
            stalled.append(handle)
        for number in range(4):
            drop(bag_zip(), house.inbox / "hanging" / f"hung{number}.zip")
        wait_until(lambda: len(shelf.requests) > 1, what="for the hanging target")
        for number in range(2):
            (tmp_path / f"large{number}.zip").rename(house.inbox / "archive" / f"large{number}.zip")
        source = elsewhere / f"presqt-{os.getpid()}.zip"
        with source.open("wb") as stream:
            stream.truncate(copied_bytes)
        copy = threading.Thread(
            target=shutil.copyfile, args=(source, house.inbox / "archive" / "slow.zip")
        )
        copy.start()
        try:
            wait_until((house.inbox / "archive" / "slow.zip").exists)
            times = [times_of(house, f"small{number}.zip") for number in range(SMALL_BAGS)]
            assert copy.is_alive() or not full, "the copy ended too early to prove anything"
        finally:
            copy.join()
            source.unlink()
            for handle in stalled:
                handle.close()
        had_ticket = statistics.median(ticket for ticket, _ in times)
        assert had_ticket <= TICKET_SECONDS, f"tickets after {times} s"
        assert max(end for _, end in times) <= END_SECONDS, f"finished after {times} s"
        assert not any(name.startswith("stalled") for name in _dropped(house))


def _dropped(house: House) -> list[str]:
    return [str(info["source_file"]) for info in house.infos()]
