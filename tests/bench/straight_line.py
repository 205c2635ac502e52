"""How straight a deposit's way is: changes of thread, files that run, syncs, reads, time; no gate.

Run `python tests/bench/straight_line.py [--against COMMIT] [--only way,syncs,counts,pace,latency,
webdav]`. The way is traced by a profile hook in every process of a real daemon
(`line_hook/sitecustomize.py`), syncs and opens by strace in another run; both take one bag of three
files into a folder target. `--against` measures another commit of this repository in the same way,
by turns: its package comes first on the path of the daemon, the interpreter is the same. Figures
are of one machine, and of what else it does.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bags import bag_zip
from tests.bench.line_counts import count
from tests.bench.line_path import Leg, Trace
from tests.house.house import House, open_house

HERE = Path(__file__).parents[2]
NAMES = ("P/a", "P/b", "P/c")
FILE_BYTES = 3000
END_OF_TICKET = frozenset({("workers/agenda.py", "remove"), ("workers/queue/queue.py", "remove")})
"""The function by which the loop lets go of a ticket, and where it was before."""

QUIET_SECONDS = 2.0
"""After the end: what is still written then belongs to the deposit too."""

SYNC = re.compile(r"^\d+ +[\d.]+ (fsync|fdatasync|sync|syncfs)\(\d*(?:<(.*?)>)?")
OPEN = re.compile(r'^\d+ +[\d.]+ openat\([^"]*"([^"]*)", ([A-Z_|]+)')
MOMENT = re.compile(r"^\d+ +([\d.]+) ")
TICKET = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")

BASE = "ce54275"
ISSUE: Mapping[str, tuple[str, str, str]] = {
    "changes of thread or process": ("18", "10", "7"),
    "package files that run": ("149 of 260", "", "100"),
    "opens of payload.jsonl / process_info.json for reading": ("9 / 4", "3 / 2", ""),
    "fsync and fdatasync of a 3-file ticket": ("30", "16", "10"),
    "3-file tickets per second, to the other commit": ("1", "1.5", "3"),
    "code lines, to the other commit": ("1", "0.85", "0.75"),
    "class names used twice or more": ("22", "0", ""),
    "largest flat folder, files": ("40", "15", "12"),
    "1,000 x 10 KB at 50 ms, 16 connections, share of the latency limit": ("0.82", "", "0.92"),
    "the same to one WebDAV server, time to rclone copy": ("2.2", "1.5", "1"),
}
"""What was measured at ce54275 when the aim was set, what must be reached, and the aim."""


@dataclass(slots=True, kw_only=True)
class Side:
    """One commit: where it lies, and what was measured of it by row."""

    name: str
    checkout: Path
    found: dict[str, str] = field(default_factory=dict)
    rates: list[float] = field(default_factory=list)
    code_lines: int = 0

    @property
    def package(self) -> Path:
        return self.checkout / "presqt_daemon"

    @contextlib.contextmanager
    def house(self) -> Iterator[House]:
        """A house that this commit serves."""
        with tempfile.TemporaryDirectory(prefix="straight-line-") as place:
            root = Path(place)
            # a short quiet time: how long a drop is left alone is no cost of its way
            with open_house(root, intake={"settle": "100ms", "rescan": "10s"}) as house:
                house.environment["PYTHONPATH"] = str(self.checkout)
                house.environment["PYTHONDONTWRITEBYTECODE"] = ""
                house.configure()
                yield house


def drop(house: House, name: str) -> None:
    """Move one bag in, of a content that no other has."""
    aside = house.root / "aside.zip"
    aside.write_bytes(bag_zip({each: os.urandom(FILE_BYTES) for each in NAMES}))
    os.rename(aside, house.inbox / "archive" / name)


def deposit(house: House) -> tuple[int, int]:
    """One warm-up, then the deposit that counts; its begin and end, as monotonic ns."""
    house.start()
    drop(house, "first.zip")
    house.ended("first.zip", 120)
    time.sleep(QUIET_SECONDS)
    begin = time.monotonic_ns()
    drop(house, "bag.zip")
    house.ended("bag.zip", 120)
    time.sleep(QUIET_SECONDS)
    end = time.monotonic_ns()
    stop(house)
    return begin, end


def stop(house: House) -> None:
    """End the daemon itself, which may run below a tracer."""
    assert house.process is not None
    daemon = house.family()[1 if house.command else 0]
    daemon.terminate()
    house.process.wait(60)
    house.process = None


def way(sides: list[Side]) -> None:
    """Changes of thread or process on the way of one deposit, and the files that run."""
    for side in sides:
        with side.house() as house:
            trace = house.root / "trace"
            path = f"{HERE / 'tests/bench/line_hook'}{os.pathsep}{side.checkout}"
            house.environment |= {
                "PYTHONPATH": path,
                "LINE_TRACE": str(trace),
                "LINE_PACKAGE": str(side.package),
            }
            begin, end = deposit(house)
            found = Trace(trace, begin, end)
        legs = found.way(END_OF_TICKET)
        print(f"\n{side.name}: the way of one deposit")
        for leg in legs:
            print(f"  {leg.thread[0]} {leg.name:<24} {leg.first} .. {leg.last}")
        files = found.files()
        total = sum(1 for _ in side.package.rglob("*.py"))
        side.found["changes of thread or process"] = str(changes(legs))
        side.found["package files that run"] = f"{len(files)} of {total}"


def changes(legs: list[Leg]) -> int:
    """Every change of thread or process; calls to the target by a worker's threads count once."""
    calls = [leg for leg in legs if leg.name.startswith("send_")]
    print(f"  {len(legs) - 1} changes, each of {len(calls)} calls to the target counted")
    return len(legs) - 1 - 2 * max(0, len(calls) - 1)


def syncs(sides: list[Side]) -> None:
    """Syncs and opens for reading of one deposit, by strace."""
    if shutil.which("strace") is None:
        print("\nSKIPPED: syncs and opens are not counted, strace is not installed")
        return
    for side in sides:
        with side.house() as house:
            trace = house.root / "strace"
            house.command = (
                "strace", "-f", "-qq", "-ttt", "-y", "-s", "300", "-o", str(trace),
                "-e", "trace=fsync,fdatasync,sync,syncfs,openat",
            )  # fmt: skip
            offset = time.time_ns() - time.monotonic_ns()
            begin, end = deposit(house)
            lines = trace.read_text(errors="replace").splitlines()
        told: list[str] = []
        opens: Counter[str] = Counter()
        for line in lines:
            moment = MOMENT.match(line)
            if moment is None or not begin < float(moment[1]) * 1e9 - offset < end:
                continue
            if (found := SYNC.match(line)) is not None:
                told.append(f"{found[1]} {shown(found[2] or '')}")
            elif (found := OPEN.match(line)) is not None and "O_RDONLY" in found[2]:
                opens[os.path.basename(found[1])] += "resumed" not in line
        print(f"\n{side.name}: {len(told)} syncs of one deposit, in their order")
        for number, one in enumerate(told, 1):
            print(f"  {number:2} {one}")
        reads = f"{opens['payload.jsonl']} / {opens['process_info.json']}"
        side.found["opens of payload.jsonl / process_info.json for reading"] = reads
        side.found["fsync and fdatasync of a 3-file ticket"] = str(len(told))


def shown(path: str) -> str:
    """A path without what differs from run to run."""
    return TICKET.sub("<ticket>", re.sub(r"^.*straight-line-[^/]*/", "", path))


def counts(sides: list[Side]) -> None:
    """What can be counted in the source."""
    for side in sides:
        found = count(side.package)
        side.code_lines = found.code_lines
        side.found["class names used twice or more"] = str(len(found.repeated_classes))
        side.found["largest flat folder, files"] = str(found.largest_folder_files)
        print(
            f"\n{side.name}: {found.files} files, {found.code_lines} code lines, {found.classes} "
            f"class names, {found.largest_folder} is the largest flat folder"
        )
        print(f"  used twice or more: {', '.join(found.repeated_classes) or 'none'}")


def pace(sides: list[Side], rounds: int, tickets: int) -> None:
    """Tickets of three files per second, from the first drop to the last receipt, by turns."""
    for number in range(rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            with side.house() as house:
                house.start()
                drop(house, "first.zip")
                house.ended("first.zip", 120)
                begun = time.perf_counter()
                for index in range(tickets):
                    drop(house, f"many{index}.zip")
                while sum(1 for _ in house.uploads.glob("*/receipt.json")) <= tickets:
                    assert time.perf_counter() < begun + 600
                    time.sleep(0.02)
                side.rates.append(tickets / (time.perf_counter() - begun))
                assert house.stop() == 0
    print(f"\n{tickets} tickets of 3 files, {rounds} rounds by turns")
    for side in sides:
        print(f"  {side.name}: {spread(side.rates)} tickets per second")


def spread(values: list[float]) -> str:
    """Median with the least and the most."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def other_bench(side: Side, part: str) -> dict[str, float]:
    """One figure of a commit's own `tests/bench/upload.py`, measured by that commit's code."""
    words = [sys.executable, __file__, "--inside", part]
    environment = {
        **os.environ,
        "PYTHONPATH": str(side.checkout),
        "LINE_CHECKOUT": str(side.checkout),
    }
    ended = subprocess.run(
        words, capture_output=True, text=True, check=False, env=environment, cwd=side.checkout
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return found


def inside(part: str) -> None:
    """What `other_bench` runs in a process of its own, with that commit's code first."""
    sys.path.insert(0, os.environ["LINE_CHECKOUT"])
    for name in [name for name in sys.modules if name.split(".")[0] in {"tests", "presqt_daemon"}]:
        del sys.modules[name]
    from tests.bench import upload  # noqa: PLC0415  (of the other commit)
    from tests.upload.tickets import staged  # noqa: PLC0415

    payload = {f"P/{number:04d}.bin": os.urandom(upload.SMALL_BYTES) for number in range(1000)}
    with tempfile.TemporaryDirectory(prefix="straight-line-") as place:
        if part == "latency":
            folder = staged(Path(place), payload, extra=("sha256",))
            with upload.running("osf") as url:
                ours = upload.measure("upload_ours", url, upload.fresh(folder))["wall"]
            print(json.dumps({"share": 1000 * upload.DELAY_SECONDS / upload.CONNECTIONS / ours}))
            return
        folder = staged(Path(place), payload)
        rclone = upload.find_rclone()
        assert rclone is not None
        walls = {}
        for name in ("ours", "rclone"):
            store = Path(place, name)
            store.mkdir()
            with upload.serving_webdav(rclone, store) as url:
                if name == "ours":
                    walls[name] = upload.measure("put_webdav", url, folder)["wall"]
                else:
                    source = folder / "bag" / "data" / "P"
                    walls[name] = upload.copy_by_rclone(rclone, source, url)["wall"]
        print(json.dumps({"factor": walls["ours"] / walls["rclone"]}))


def latency(sides: list[Side], rounds: int) -> None:
    """Small files against 50 ms before every answer."""
    row = "1,000 x 10 KB at 50 ms, 16 connections, share of the latency limit"
    measured_in_turns(sides, rounds, "latency", "share", row)


def webdav(sides: list[Side], rounds: int) -> None:
    """Small files to a WebDAV server, against `rclone copy`."""
    has_rclone = shutil.which("rclone") or Path(sys.executable).with_name("rclone").exists()
    if not has_rclone:
        print("\nSKIPPED: no comparison with rclone, it is not installed (extra `bench`)")
        return
    row = "the same to one WebDAV server, time to rclone copy"
    measured_in_turns(sides, rounds, "webdav", "factor", row)


def measured_in_turns(sides: list[Side], rounds: int, part: str, key: str, row: str) -> None:
    """The median of a figure of each side, with its spread printed."""
    figures: dict[str, list[float]] = {side.name: [] for side in sides}
    for number in range(rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            figures[side.name].append(other_bench(side, part)[key])
    print(f"\n{row}, {rounds} rounds by turns")
    for side in sides:
        print(f"  {side.name}: {spread(figures[side.name])}")
        side.found[row] = f"{statistics.median(figures[side.name]):.2f}"


@contextlib.contextmanager
def checkout_of(commit: str) -> Iterator[Path]:
    """A work tree of another commit, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="straight-line-") as place:
        path = Path(place) / "checkout"
        git = ["git", "-C", str(HERE), "worktree"]
        subprocess.run([*git, "add", "-q", "--detach", str(path), commit], check=True)
        try:
            yield path
        finally:
            subprocess.run([*git, "remove", "--force", str(path)], check=True)


def table(now: Side, other: Side | None) -> None:
    """What was found beside what was asked for."""
    if other is not None and other.rates:
        pairs = zip(now.rates, other.rates, strict=True)
        factor = statistics.median(mine / theirs for mine, theirs in pairs)
        now.found["3-file tickets per second, to the other commit"] = f"{factor:.2f}"
    if other is not None and other.code_lines:
        share = now.code_lines / other.code_lines
        now.found["code lines, to the other commit"] = f"{share:.2f}"
    head = BASE if other is None else f"{other.name} (told)"
    print(f"\n| | {head} | now | must | aim |\n|---|---|---|---|---|")
    for row, (base, must, aim) in ISSUE.items():
        before = base
        if other is not None:
            before = f"{other.found.get(row, '-')} ({base})"
        print(f"| {row} | {before} | {now.found.get(row, '-')} | {must} | {aim} |")


def main() -> None:
    """Print every figure that is asked for."""
    parts: Mapping[str, Callable[[list[Side]], None]] = {
        "counts": counts,
        "way": way,
        "syncs": syncs,
        "pace": lambda sides: pace(sides, options.rounds, options.tickets),
        "latency": lambda sides: latency(sides, options.rounds),
        "webdav": lambda sides: webdav(sides, options.rounds),
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", metavar="COMMIT", help=f"measured beside this, as {BASE}")
    parser.add_argument("--only", default=",".join(parts), help="some of the parts")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tickets", type=int, default=100)
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        inside(options.inside)
        return
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, at the start")
    now = Side(name="now", checkout=HERE)
    with contextlib.ExitStack() as stack:
        sides, other = [now], None
        if options.against:
            place = stack.enter_context(checkout_of(options.against))
            other = Side(name=options.against, checkout=place)
            sides.append(other)
        for name in options.only.split(","):
            parts[name](sides)
    table(now, other)


if __name__ == "__main__":
    main()
