"""What `prepare-upgrade` costs new bags, and how long starts take with many past tickets.

Run `python tests/bench/upgrade.py`; figures are of one machine and say nothing of another.
"""

import argparse
import contextlib
import json
import operator
import os
import shutil
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bags import bag_zip
from tests.house.house import House, open_house, wait_until
from tests.upgrade.past import SCHEMA_1, presqt

LOWEST = 19
"""The niceness by which the job's process is found."""

WARM_BAGS = 20
ALLOWED_SHARE = 0.1
FIGURES: dict[str, Callable[[list[float]], float]] = {
    "median": statistics.median,
    "p95": lambda times: statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0],
    "mean": statistics.mean,
}
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


def state_of(house: House) -> dict[str, Any]:
    path = house.root / "mediafiles" / "prepare_upgrade" / "process_info.json"
    tree: dict[str, Any] = json.loads(path.read_bytes())
    return tree


def is_ready(house: House, starts: int) -> bool:
    return house.log.count("ready: ") > starts


def note_of(house: House, name: str) -> Path | None:
    return next((house.inbox / "archive").glob(f"{name}.*.ticket.json"), None)


def has_ended(house: House, ticket: str) -> bool:
    return bool(house.info(ticket)["status"] != "in_progress")


def job_process(house: House) -> psutil.Process | None:
    """The process of the job that runs beside the daemon."""
    for member in house.family()[1:]:
        with contextlib.suppress(psutil.Error):
            if member.nice() == LOWEST:
                return member
    return None


def drop_bags(house: House, label: str, is_over: Callable[[int], bool]) -> list[float]:
    """Seconds from drop to end, bag after bag until so many are enough, as a sender sees them."""
    times: list[float] = []
    while not is_over(len(times)):
        name = f"{label}-{len(times)}.zip"
        aside = house.root / "aside.zip"
        files = {f"{label}-{len(times)}/{n}": os.urandom(3000) for n in "abc"}
        aside.write_bytes(bag_zip(files))
        begun = time.perf_counter()
        os.rename(aside, house.inbox / "archive" / name)
        note = wait_until(partial(note_of, house, name), 60, every=0.002)
        ticket = json.loads(note.read_bytes())["ticket_number"]
        wait_until(partial(has_ended, house, ticket), 60, every=0.002)
        times.append(time.perf_counter() - begun)
        note.unlink()
    return times


def compare(house: House, past: list[tuple[Path, bytes]], pairs: int) -> None:
    """One run over all past tickets, in as many slices as there are pairs, bags all the way.

    Between the slices the job's process stands still, and as many bags are dropped without it;
    which of the two comes first changes from pair to pair.
    """
    take_back(past)
    drop_bags(house, "warm", partial(operator.le, WARM_BAGS))
    last = state_of(house)["run"]
    (house.control / "prepare_upgrade").write_text("force")
    job: psutil.Process = wait_until(partial(job_process, house))
    job.suspend()
    wait_until(lambda: state_of(house)["run"] != last)
    rounds: dict[bool, list[list[float]]] = {True: [], False: []}
    count, seconds = WARM_BAGS, 0.0
    for number in range(pairs):
        for with_job in (number % 2 == 0, number % 2 != 0):
            label = f"{'with' if with_job else 'no'}{number}"
            if not with_job:
                rounds[False].append(drop_bags(house, label, partial(operator.le, count)))
                continue
            until = len(past) * (number + 1) // pairs
            begun = time.perf_counter()
            job.resume()
            is_over = partial(has_come_to, house, until, is_last=number == pairs - 1)
            rounds[True].append(drop_bags(house, label, is_over))
            with contextlib.suppress(psutil.NoSuchProcess):
                job.suspend()
            seconds += time.perf_counter() - begun
            count = len(rounds[True][-1])
    done = state_of(house)
    assert done["complete"], done
    assert (done["added"], done["progress"]) == (len(past), done["total"]), done
    bags = sum(map(len, rounds[True]))
    print(f"the job took {seconds:.0f} s for {len(past)} tickets beside {bags} bags")
    report(rounds)


def has_come_to(house: House, progress: int, _bags: int, *, is_last: bool) -> bool:
    """Whether the job has looked at so many tickets, at its end whether it is over."""
    state = state_of(house)
    return bool(state["complete"] or (not is_last and state["progress"] >= progress))


def report(rounds: dict[bool, list[list[float]]]) -> None:
    """Every figure with the job and without it, and whether the job costs more than it may.

    The cost is the middle one of the pairs' differences, since the machine changes between pairs.
    """
    for name, figure in FIGURES.items():
        with_it, without = (
            [figure(times) * 1000 for times in rounds[with_job]] for with_job in (True, False)
        )
        usual, spread = statistics.median(without), max(without) - min(without)
        cost = statistics.median(map(operator.sub, with_it, without))
        allowed = max(spread, usual * ALLOWED_SHARE)
        print(
            f"{name:6} {statistics.median(with_it):6.1f} ms with the job ({min(with_it):.1f} to "
            f"{max(with_it):.1f}), {usual:6.1f} without ({min(without):.1f} to "
            f"{max(without):.1f}): {cost:+.1f} ms a pair, {cost / usual:+.1%}; allowed "
            f"{allowed:.1f} ms (the spread or 10 %): {'kept' if cost <= allowed else 'EXCEEDED'}"
        )
        if spread > usual * ALLOWED_SHARE:
            print(
                f"       a cost below the spread of {spread:.1f} ms cannot be seen on this machine"
            )
    sizes = {key: sum(map(len, found)) for key, found in rounds.items()}
    print(f"{len(rounds[True])} pairs, {sizes[True]} bags with the job and {sizes[False]} without")


def start_seconds(house: House) -> float:
    starts = house.log.count("ready: ")
    begun = time.perf_counter()
    house.start(ready=False)
    wait_until(partial(is_ready, house, starts), 600)
    seconds = time.perf_counter() - begun
    assert house.stop() == 0
    return seconds


def starts_beside(house: House, count: int, what: str) -> None:
    seconds = sorted(start_seconds(house) for _ in range(count))
    middle = statistics.median(seconds)
    print(f"start: median {middle:.2f} s (highest {seconds[-1]:.2f}) beside {what}")


def measure_presqt(root: Path, tickets: int, starts: int) -> None:
    """Starts beside tickets that PresQT itself has left."""
    with open_house(root) as house:
        for _ in range(tickets):
            presqt(house.uploads)
        begun = time.perf_counter()
        ended = house.run("prepare-upgrade", "--json", timeout=900)
        assert ended.returncode == 0, ended
        seconds = time.perf_counter() - begun
        print(f"prepare-upgrade without a daemon: {seconds:.1f} s for {tickets} of PresQT's")
        starts_beside(house, starts, f"{tickets} of PresQT's that have their records")


def measure_ours(root: Path, tickets: int, pairs: int, starts: int) -> None:
    """Starts beside tickets of the older schema, then what the job costs new bags."""
    with open_house(root) as house:
        starts_beside(house, starts, "no tickets")
        past = make_past(house.uploads, tickets)
        begun = time.perf_counter()
        ended = house.run("prepare-upgrade", "--json", timeout=900)
        assert ended.returncode == 0, ended
        seconds = time.perf_counter() - begun
        print(f"prepare-upgrade without a daemon: {seconds:.1f} s for {tickets} of schema 1")
        starts_beside(house, starts, f"{tickets} that have their records")
        take_back(past)
        print(f"start that makes them first: {start_seconds(house):.1f} s")
        house.configure(intake={"settle": "200ms", "rescan": "10s"})
        # what the past tickets have deposited is not here, as behind a disk that is not mounted
        assert house.run("check", "--accept", "archive").returncode == 0
        house.start()
        compare(house, past, pairs)
        assert house.stop() == 0


def main() -> None:
    """Starts first, then the pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=10_000)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--in", dest="place", type=Path, default=None)
    options = parser.parse_args()
    print(json.dumps({"cores": os.cpu_count(), "load": os.getloadavg()[0],
                      "python": sys.version.split()[0]}))  # fmt: skip
    root = Path(tempfile.mkdtemp(prefix="upgrade-", dir=options.place))
    try:
        for name in ("presqt", "ours"):
            (root / name).mkdir()
        measure_presqt(root / "presqt", options.tickets, options.starts)
        shutil.rmtree(root / "presqt")
        measure_ours(root / "ours", options.tickets, options.pairs, options.starts)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
