"""What an engine of many hosts costs and adds; no gate. Figures are of one machine and its load.

`python tests/bench/engine.py [--tickets N] [--only pace,hosts,operations]` measures, in one run:
tickets a second and the time of one, here and on dask, into a folder target; what a second host
adds against a target that takes 50 ms for each file; and file operations of a 3-file ticket in
`mediafiles/`, by strace, which on a share may each be a round trip.
"""

import argparse
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bags import bag_zip
from tests.cluster.cluster import Cluster, open_cluster
from tests.house.house import House, open_house, wait_until

FILES = {"P/a": b"a" * 3000, "P/b": b"b" * 3000, "P/c": b"c" * 3000}
LONG = 600.0
CALL = re.compile(r"^\d+ +(?:[\d.]+ )?(\w+)\(")


def drop(house: House, target: str, count: int) -> None:
    for number in range(count):
        part = house.inbox / target / f".{number}.part"
        part.write_bytes(bag_zip({**FILES, "P/own": str((number, time.time())).encode()}))
        part.rename(part.with_name(f"bag-{time.monotonic_ns()}.zip"))


def wait_for(house: House, count: int) -> list[float]:
    """The seconds from drop to end of each ticket, the oldest first, once so many have finished."""

    def ended() -> bool:
        infos = house.infos()
        return len(infos) == count and all(info["status"] == "finished" for info in infos)

    wait_until(ended, LONG, every=0.05)
    return [
        (
            datetime.fromisoformat(info["finished_at"])
            - datetime.fromisoformat(info["received_at"])
        ).total_seconds()
        for info in sorted(house.infos(), key=lambda info: str(info["received_at"]))
    ]


def pace(house: House, target: str, tickets: int) -> str:
    """One ticket alone, then many: the median of a few alone, and how many a second."""
    alone = []
    for number in range(1, 6):
        drop(house, target, 1)
        alone.append(wait_for(house, number)[-1])
    begun = time.monotonic()
    drop(house, target, tickets)
    wait_for(house, tickets + 5)
    rate = tickets / (time.monotonic() - begun)
    return f"one alone {1000 * statistics.median(alone):.0f} ms, {rate:.1f} tickets a second"


@contextmanager
def local_house() -> Iterator[House]:
    with tempfile.TemporaryDirectory() as folder, open_house(Path(folder)) as house:
        house.configure(targets={"archive": {"type": "folder", "path": "archive", "workers": 4}})
        house.start()
        yield house
        house.stop()


@contextmanager
def dask_cluster(*hosts: str, is_folder: bool) -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory() as folder, open_cluster(Path(folder)) as cluster:
        if is_folder:
            targets = {"archive": {"type": "folder", "path": "archive", "workers": 4}}
            cluster.house.configure(targets=targets)
        cluster.start_hosts(*hosts)
        cluster.house.start()
        yield cluster


def measure_pace(tickets: int) -> None:
    with local_house() as house:
        print("local:", pace(house, "archive", tickets), flush=True)
    with dask_cluster("a", is_folder=True) as cluster:
        print("dask, one host:", pace(cluster.house, "archive", tickets), flush=True)


def measure_hosts(tickets: int) -> None:
    for hosts in (("a",), ("a", "b")):
        with dask_cluster(*hosts, is_folder=False) as cluster:
            cluster.slow_down(0.05)
            begun = time.monotonic()
            drop(cluster.house, "osf", tickets)
            wait_for(cluster.house, tickets)
            rate = tickets / (time.monotonic() - begun)
            print(f"50 ms a file, {len(hosts)} hosts: {rate:.2f} tickets a second", flush=True)


def measure_operations() -> None:
    """Calls that name a path in `mediafiles/`, or sync a file, of one ticket of a warm daemon."""
    with tempfile.TemporaryDirectory() as folder, open_house(Path(folder)) as house:
        trace = house.root / "trace"
        house.command = ("strace", "-f", "-y", "-qq", "-o", str(trace))
        house.command += ("-e", "trace=%file,fsync,fdatasync,getdents64")
        house.start()
        drop(house, "archive", 1)
        wait_for(house, 1)
        time.sleep(2)
        before = len(trace.read_text(errors="replace").splitlines())
        drop(house, "archive", 1)
        wait_for(house, 2)
        time.sleep(2)
        lines = trace.read_text(errors="replace").splitlines()[before:]
        # strace hands no signal on; whoever opened the house ends all of it
        ticket = max(house.tickets(), key=lambda name: house.info(name)["received_at"])
    counts = Counter(
        found[1] for line in lines if ticket in line and (found := CALL.match(line)) is not None
    )
    shown = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    print(f"operations of one ticket that name its folder: {counts.total()} ({shown})")
    of_lease = sum(".heartbeat" in line or ".epoch." in line for line in lines)
    print(f"of these for its lease: {of_lease}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tickets", type=int, default=40)
    parser.add_argument("--only", default="pace,hosts,operations")
    options = parser.parse_args()
    wanted = options.only.split(",")
    if "operations" in wanted:
        measure_operations()
    if "pace" in wanted:
        measure_pace(options.tickets)
    if "hosts" in wanted:
        measure_hosts(options.tickets)


if __name__ == "__main__":
    main()
