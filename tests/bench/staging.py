"""Staging against PresQT's way and a person's way, beside what the machine can do with the bytes.

Run `python tests/bench/staging.py --place DIR` (an hour and 20 GB); `--scale 0.1 --rounds 3` for a
glance. Every measurement is a process of its own. The ways take turns, in another order each round
and after a `sync`, so that what the machine does besides falls on all of them.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.staging_bags import KINDS, Kind, make_and_delete, write_payload, write_zip
from tests.bench.staging_ways import PEERS, PIECE, WAYS


@dataclass(frozen=True, kw_only=True)
class Run:
    """One measurement: seconds of wall clock and of CPU, peak of memory in MB.

    Memory is the sum of the peaks of the process and of all that it started, shared pages counted
    in each: never less than what was used at once.
    """

    wall: float
    cpu: float
    memory: float


def measure(way: str, source: Path, place: Path, deleted: int) -> Run:
    """One way in a process of its own, with the zip in the page cache and nothing to write back."""
    if deleted:
        make_and_delete(deleted, place)
    ticket = Path(tempfile.mkdtemp(dir=place, prefix="ticket-"))
    for name in (source.name, "payload"):
        os.link(source.with_name(name), ticket / name)
        with (ticket / name).open("rb", buffering=0) as stream:
            while stream.read(PIECE):
                pass
    if not deleted:
        os.sync()
    command = [sys.executable, __file__, "--child", way, str(ticket / source.name), str(ticket)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        helpers = _watch(child.pid)
        told = child.stdout.read() if child.stdout is not None else ""
    if child.returncode:
        raise SystemExit(f"{way} failed")
    wall, cpu, memory = map(float, told.split())
    return Run(wall=wall, cpu=cpu, memory=memory + helpers)


def _watch(pid: int) -> float:
    """Follow what a process starts until it has nothing more to say; MB of their peaks, summed."""
    peaks: dict[int, int] = {}
    while True:
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                break
            for member in process.children(recursive=True):
                peaks[member.pid] = max(peaks.get(member.pid, 0), _peak_kilobytes(member.pid))
        except psutil.Error:
            break
        time.sleep(0.05)
    return sum(peaks.values()) / 1024


def _peak_kilobytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    _, found, rest = status.partition("VmHWM:")
    return int(rest.split()[0]) if found else 0


def measure_here(way: str, path: Path, place: Path) -> None:
    """Do the work in this process and print seconds, CPU seconds and its own peak in MB."""
    work = WAYS[way]()
    started, before = time.perf_counter(), sum(os.times()[:4])
    work(path, place)
    wall, cpu = time.perf_counter() - started, sum(os.times()[:4]) - before
    print(wall, cpu, _peak_kilobytes(os.getpid()) / 1024)


def spread(values: Iterable[float]) -> str:
    """Median, least and most."""
    known = list(values)
    return f"{statistics.median(known):7.2f} ({min(known):.2f} to {max(known):.2f})"


def factor(runs: Sequence[Run], peer: Sequence[Run], figure: str) -> float:
    """How many times as much the peer takes, by the medians."""
    ours, theirs = (
        statistics.median(float(getattr(run, figure)) for run in one) for one in (runs, peer)
    )
    return theirs / ours


def ways_for(kind: Kind, chosen: Sequence[str]) -> list[str]:
    """What says something of a kind of bag: spreading matters after deletions only."""
    ways = [way for way in WAYS if way in chosen]
    if kind.deleted:
        return [way for way in ways if "sha256" not in way and "disk" not in way]
    return [way for way in ways if "spread" not in way]


def compare(name: str, kind: Kind, options: argparse.Namespace, place: Path) -> None:
    """Print one kind's table."""
    source = place / "source.zip"
    write_payload(kind, place / "payload")
    write_zip(kind, place / "payload", source)
    runs: dict[str, list[Run]] = {way: [] for way in ways_for(kind, options.ways)}
    order = list(runs)
    for _ in range(options.rounds):
        for way in order:
            runs[way].append(measure(way, source, place, kind.deleted))
            if not kind.is_many:
                remove_tickets(place)
        order.append(order.pop(0))
    print(f"\n{name}, {source.stat().st_size / 1e6:.0f} MB zip, {options.rounds} rounds")
    print(f"  {'':30} {'wall s':23} {'CPU s':23} {'peak MB':>8}  against PresQT: wall, CPU")
    for way, found in runs.items():
        peer = runs.get(PEERS.get(way, ""))
        factors = (
            f"  {factor(found, peer, 'wall'):5.2f}x {factor(found, peer, 'cpu'):5.2f}x"
            if peer
            else ""
        )
        peak = max(run.memory for run in found)
        print(
            f"  {way:30} {spread(run.wall for run in found):23} "
            f"{spread(run.cpu for run in found):23} {peak:8.0f}{factors}"
        )
    ours, theirs = runs.get("here, md5"), runs.get("PresQT, md5")
    if ours and theirs:
        reached = factor(ours, theirs, "wall")
        verdict = "aim" if reached >= kind.aim else "must" if reached >= kind.must else "NOT"
        print(f"  must {kind.must:g}x, aim {kind.aim:g}x: {verdict} reached", flush=True)
    source.unlink()
    (place / "payload").unlink()
    remove_tickets(place)


def remove_tickets(place: Path) -> None:
    """Make room. Many small files stay until the end: their deletion would slow what follows."""
    for left in place.glob("ticket-*"):
        shutil.rmtree(left)


def main() -> None:
    """Compare all kinds, or those whose name holds one of the words."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1, help="1 is the whole size")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--place", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS))
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory(dir=options.place, prefix="bench-") as place:
        for name, kind in KINDS.items():
            if any(word == name or (word in name and not kind.deleted) for word in options.kinds):
                compare(name, kind.scaled(options.scale), options, Path(place))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        measure_here(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        main()
