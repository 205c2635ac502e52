"""The main line with a clock: drop to status, tickets per second, what an idle daemon costs.

Run `python tests/bench/pipeline.py`; figures are of one machine and say nothing of another. Needs
root for the rows of another owner: the daemon then runs as a service user without its powers.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bags import bag_zip
from tests.house.house import House, open_house, wait_until
from tests.house.test_nobody_waits import SETTLE_SECONDS, busy_house, small_bags
from tests.house.test_three_users import SENDER
from tests.house.users import SERVICE, python_for_all

PAYLOAD = {f"P/{name}": os.urandom(3000) for name in ("a", "b", "c")}


def time_to_ticket(house: House, name: str, place: object) -> float:
    """Seconds from the drop to its process_info.json, as a client in a loop sees it."""
    before = set(house.tickets())
    assert callable(place)
    begun = time.perf_counter()
    place(house.inbox / "archive" / name)
    while True:
        for ticket in set(os.listdir(house.uploads)) - before:
            if (
                not ticket.startswith(".")
                and (house.uploads / ticket / "process_info.json").exists()
            ):
                return time.perf_counter() - begun
        time.sleep(0.0005)


def serve_as_user(house: House) -> None:
    """Let the daemon run as the service's own user, if this is root and such a user can run it."""
    can_run = python_for_all() if os.getuid() == 0 else None
    if can_run is None:
        return
    house.python, house.environment["PYTHONPATH"] = can_run
    house.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    house.command = ("setpriv", f"--reuid={SERVICE}", f"--regid={SERVICE}", "--clear-groups")
    house.root.chmod(0o755)
    os.chown(house.root, SERVICE, SERVICE)


def latencies(house: House, rounds: int) -> None:
    """Median and 95th percentile of drop to status, for each way of dropping."""
    content = bag_zip(PAYLOAD)

    def moved(owner: int) -> object:
        def place(path: Path) -> None:
            aside = house.root / "aside.zip"
            aside.write_bytes(content)
            os.chown(aside, owner, owner)
            aside.chmod(0o644)
            os.rename(aside, path)

        return place

    def copied(owner: int) -> object:
        def place(path: Path) -> None:
            with path.open("wb") as stream:
                os.fchown(stream.fileno(), owner, owner)
                os.fchmod(stream.fileno(), 0o644)
                stream.write(content)

        return place

    own = SERVICE if house.command else os.getuid()
    ways = {"moved in, same owner": moved(own), "copied in, same owner": copied(own)}
    if house.command:
        ways["moved in, other owner"] = moved(SENDER)
        ways["copied in, other owner"] = copied(SENDER)
    for label, place in ways.items():
        times = []
        for number in range(rounds):
            name = f"{label.replace(', ', '-').replace(' ', '-')}-{number}.zip"
            times.append(time_to_ticket(house, name, place) * 1000)
            house.ended(name)
        times.sort()
        print(
            f"drop to process_info.json, {label}: median {statistics.median(times):.1f} ms, "
            f"95 % {times[int(len(times) * 0.95)]:.1f} ms ({rounds} drops)"
        )


def busy(root: Path, count: int, *, is_beside: bool) -> None:
    """Small bags beside stalled senders, a hanging target, large bags in staging, long copies."""
    with busy_house(root, 2000, 400, is_beside=is_beside) as (house, _):
        times = small_bags(house, count)
    where = "beside the tickets" if is_beside else "on another file system"
    for what, seconds in zip(("its ticket", "its end"), zip(*times, strict=True), strict=True):
        beyond = sorted((one - SETTLE_SECONDS) * 1000 for one in seconds)
        print(
            f"busy daemon, inbox {where}, drop to {what} beyond the quiet time: median "
            f"{statistics.median(beyond):.0f} ms, slowest {beyond[-1]:.0f} ms ({count} drops)"
        )


def throughput(house: House, count: int) -> None:
    """Tickets per second from the first drop to the last end."""
    content = bag_zip(PAYLOAD)
    before = len(house.tickets())
    begun = time.perf_counter()
    for number in range(count):
        aside = house.root / "aside.zip"
        aside.write_bytes(content)
        os.rename(aside, house.inbox / "archive" / f"many{number}.zip")
    receipts = 0
    while receipts < count + before:
        time.sleep(0.02)
        receipts = sum(1 for _ in house.uploads.glob("*/receipt.json"))
    seconds = time.perf_counter() - begun
    wait_until(lambda: all(info["status"] == "finished" for info in house.infos()))
    print(f"{count} bags of 3 files: {count / seconds:.1f} tickets per second")


def idle(house: House, seconds: float) -> None:
    """Share of a core and PSS of the whole process tree, once the workers have gone."""
    wait_until(lambda: len(house.family()) <= 3, 60)
    family = house.family()
    before = sum(sum(member.cpu_times()[:2]) for member in family)
    time.sleep(seconds)
    after = sum(sum(member.cpu_times()[:2]) for member in family)
    pss = sum(member.memory_full_info().pss for member in family)
    print(
        f"idle: {(after - before) / seconds * 100:.2f} % of a core over {seconds:.0f} s, "
        f"PSS {pss / 1e6:.1f} MB in {len(family)} processes"
    )


def count_fsyncs(root: Path) -> None:
    """fsync and fdatasync calls of one ticket, by strace of the whole tree."""
    if shutil.which("strace") is None:
        print("fsyncs per ticket: not counted, strace is not installed")
        return
    with open_house(root) as house:
        house.command = ("strace", "-f", "-qq", "-c", "-e", "trace=fsync,fdatasync", "-o",
                         str(root / "trace"))  # fmt: skip
        house.configure()
        (house.inbox / "archive").mkdir(parents=True)
        rows = []
        for count in (0, 10):
            for number in range(count):
                (house.inbox / "archive" / f"{number}.zip").write_bytes(bag_zip(PAYLOAD))
            ended = house.run("run", "--once")
            assert ended.returncode == 0, ended.stderr
            trace = (root / "trace").read_text()
            rows.append(sum(int(line.split()[3]) for line in trace.splitlines() if "sync" in line))
        print(f"fsyncs per ticket: {(rows[1] - rows[0]) / 10:.1f}")


def main() -> None:
    """Every figure, one after another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--tickets", type=int, default=300)
    parser.add_argument("--idle", type=float, default=30.0)
    parser.add_argument("--busy", type=int, default=20)
    parser.add_argument("--in", dest="place", type=Path, default=None)
    options = parser.parse_args()
    model = subprocess.run(
        ["sh", "-c", "grep -m1 'model name' /proc/cpuinfo | cut -d: -f2"],
        capture_output=True, text=True, check=False,
    ).stdout.strip()  # fmt: skip
    print(json.dumps({"cores": os.cpu_count(), "cpu": model, "python": sys.version.split()[0],
                      "load": os.getloadavg()[0]}))  # fmt: skip
    print(f"memory: {psutil.virtual_memory().total / 1e9:.0f} GB")
    for work in (latencies, throughput, idle):
        root = Path(tempfile.mkdtemp(prefix="pipeline-", dir=options.place))
        try:
            with open_house(root, intake={"settle": "1s", "rescan": "10s"}) as house:
                if work is latencies:
                    serve_as_user(house)
                house.start()
                amount = {
                    latencies: options.rounds,
                    throughput: options.tickets,
                    idle: options.idle,
                }
                if work is idle:
                    (house.inbox / "archive" / "one.zip").write_bytes(bag_zip(PAYLOAD))
                    house.ended("one.zip")
                work(house, amount[work])
                assert house.stop() == 0
        finally:
            shutil.rmtree(root, ignore_errors=True)
    for is_beside in (True, False):
        root = Path(tempfile.mkdtemp(prefix="pipeline-", dir=options.place))
        try:
            busy(root, options.busy, is_beside=is_beside)
        finally:
            shutil.rmtree(root, ignore_errors=True)
    root = Path(tempfile.mkdtemp(prefix="pipeline-", dir=options.place))
    try:
        count_fsyncs(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
