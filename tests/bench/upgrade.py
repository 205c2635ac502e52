"""What `prepare-upgrade` costs new bags, and how long starts take with many past tickets.

Run `python tests/bench/upgrade.py`; figures are of one machine and say nothing of another.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
import uuid
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bags import bag_zip
from tests.house.house import House, open_house, wait_until
from tests.upgrade.past import SCHEMA_1

FILES = ("process_info.json", "payload.jsonl", "journal.jsonl", "receipt.json", "claim.json")


def make_past(uploads: Path, count: int) -> list[tuple[Path, bytes]]:
    """So many tickets of the time of schema 1; their folders and their records of then."""
    source = SCHEMA_1 / "finished"
    texts = {name: (source / name).read_text() for name in FILES}
    old = json.loads(texts["process_info.json"])["ticket_number"]
    made = []
    for _ in range(count):
        ticket = str(uuid.uuid4())
        folder = uploads / ticket
        folder.mkdir(parents=True)
        for name, text in texts.items():
            (folder / name).write_text(text.replace(old, ticket))
        made.append((folder, texts["receipt.json"].replace(old, ticket).encode()))
    return made


def take_back(past: list[tuple[Path, bytes]]) -> None:
    """Let every past ticket have its old record again."""
    for folder, content in past:
        (folder / "receipt.json").write_bytes(content)
    os.sync()


def state_of(house: House) -> dict[str, object]:
    path = house.root / "mediafiles" / "prepare_upgrade" / "process_info.json"
    tree: dict[str, object] = json.loads(path.read_bytes())
    return tree


def has_begun(house: House, last: object) -> bool:
    return state_of(house)["run"] != last and bool(state_of(house)["progress"])


def is_ready(house: House, starts: int) -> bool:
    return house.log.count("ready: ") > starts


def note_of(house: House, name: str) -> Path | None:
    return next((house.inbox / "archive").glob(f"{name}.*.ticket.json"), None)


def has_ended(house: House, ticket: str) -> bool:
    return bool(house.info(ticket)["status"] != "in_progress")


def drop_bags(house: House, label: str, count: int) -> list[float]:
    """Seconds from drop to end, bag after bag, as the sender's note and status tell."""
    times = []
    for number in range(count):
        name = f"{label}-{number}.zip"
        aside = house.root / "aside.zip"
        aside.write_bytes(bag_zip({f"{label}{number}/{n}": os.urandom(3000) for n in "abc"}))
        begun = time.perf_counter()
        os.rename(aside, house.inbox / "archive" / name)
        note = wait_until(partial(note_of, house, name), 60, every=0.002)
        ticket = json.loads(note.read_bytes())["ticket_number"]
        wait_until(partial(has_ended, house, ticket), 60, every=0.002)
        times.append(time.perf_counter() - begun)
    return times


def compare(house: House, past: list[tuple[Path, bytes]], pairs: int, bags: int) -> None:
    """Interleaved rounds with the job and without it."""
    medians: dict[bool, list[float]] = {True: [], False: []}
    for number in range(pairs):
        for with_job in (number % 2 == 0, number % 2 != 0):
            take_back(past)
            if with_job:
                run = state_of(house)["run"]
                (house.control / "prepare_upgrade").write_text("force")
                wait_until(partial(has_begun, house, run))
            times = drop_bags(house, f"{'with' if with_job else 'no'}{number}", bags)
            medians[with_job].append(statistics.median(times) * 1000)
            if with_job:
                done = state_of(house)
                print(
                    f"pair {number}: at its end {done['progress']} of {done['total']} looked at"
                    f"{' (the job was over before the bags)' if done['complete'] else ''}"
                )
                if number:
                    # the start makes the rest, much quicker than beside other work
                    assert house.stop() == 0
                    starts = house.log.count("ready: ")
                    house.start(ready=False)
                    wait_until(partial(is_ready, house, starts), 600, every=0.1)
                wait_until(lambda: state_of(house)["complete"], 1200, every=0.1)
                print(f"  all {len(past)} have their records")
                done = state_of(house)
                assert done["added"] == len(past), done
                assert done["progress"] == done["total"], done
    for with_job, values in medians.items():
        values.sort()
        print(
            f"{'with' if with_job else 'without'} the job: median {statistics.median(values):.1f} "
            f"ms a bag, lowest {values[0]:.1f}, highest {values[-1]:.1f} "
            f"({pairs} rounds of {bags} bags)"
        )
    with_it, without = (statistics.median(medians[key]) for key in (True, False))
    spread = max(medians[False]) - min(medians[False])
    print(f"the job costs {with_it - without:+.1f} ms ({with_it / without - 1:+.1%}); "
          f"spread without it {spread:.1f} ms")  # fmt: skip


def start_seconds(house: House) -> float:
    starts = house.log.count("ready: ")
    begun = time.perf_counter()
    house.start(ready=False)
    wait_until(partial(is_ready, house, starts), 600)
    seconds = time.perf_counter() - begun
    assert house.stop() == 0
    return seconds


def main() -> None:
    """Starts first, then the pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=10_000)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--bags", type=int, default=8)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--in", dest="place", type=Path, default=None)
    options = parser.parse_args()
    print(json.dumps({"cores": os.cpu_count(), "load": os.getloadavg()[0],
                      "python": sys.version.split()[0]}))  # fmt: skip
    root = Path(tempfile.mkdtemp(prefix="upgrade-", dir=options.place))
    try:
        with open_house(root) as house:
            empty = start_seconds(house)
            past = make_past(house.uploads, options.tickets)
            take_back(past)
            begun = time.perf_counter()
            ended = house.run("prepare-upgrade", "--json", timeout=900)
            assert ended.returncode == 0, ended
            seconds = time.perf_counter() - begun
            print(f"prepare-upgrade without a daemon: {seconds:.1f} s for {len(past)} tickets")
            starts = sorted(start_seconds(house) for _ in range(options.starts))
            print(
                f"start: {empty:.2f} s with no tickets, median {statistics.median(starts):.2f} s "
                f"(highest {starts[-1]:.2f}) with {len(past)} that have their records"
            )
            take_back(past)
            print(f"start that makes them first: {start_seconds(house):.1f} s")
            house.configure(intake={"settle": "200ms", "rescan": "10s"})
            house.start()
            drop_bags(house, "warm", 3)
            compare(house, past, options.pairs, options.bags)
            assert house.stop() == 0
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
