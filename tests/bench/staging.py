"""Staging against `ZipFile.extractall` + `bagit.Bag.validate` + whole files for the target's md5.

Run `python tests/bench/staging.py --scale 0.1 --rounds 3 --place DIR`. Every measurement is a
process of its own; the variants take turns, so that a busy machine is busy for all of them. The
figures are of one machine: its limits are printed beside them.
"""

import argparse
import contextlib
import hashlib
import os
import random
import resource
import shutil
import statistics
import string
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PIECE = 1 << 20


Work = Callable[[Path, Path], None]
"""Takes a zip, and the folder to work in."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A bag to measure: how many files of which size, and the factors to reach (must, aim)."""

    files: int
    size: int
    is_text: bool
    method: int
    must: float
    aim: float


KINDS = {
    "20,000 x 4 kB": Kind(
        files=20_000, size=4096, is_text=True, method=zipfile.ZIP_DEFLATED, must=4, aim=8
    ),
    "100,000 x 1 kB": Kind(
        files=100_000, size=1024, is_text=True, method=zipfile.ZIP_DEFLATED, must=3, aim=6
    ),
    "2 GB stored": Kind(
        files=1, size=2000 << 20, is_text=False, method=zipfile.ZIP_STORED, must=2.5, aim=3.4
    ),
    "2 GB deflated": Kind(
        files=1, size=2000 << 20, is_text=True, method=zipfile.ZIP_DEFLATED, must=1.7, aim=2.8
    ),
    "10 x 200 MB text": Kind(
        files=10, size=200 << 20, is_text=True, method=zipfile.ZIP_DEFLATED, must=1.5, aim=3
    ),
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """One measurement: seconds of wall clock and of CPU, peak of memory in MB."""

    wall: float
    cpu: float
    memory: float


def make_zip(kind: Kind, scale: float, path: Path) -> None:
    """A bag zip; large bags shrink in the size of their files, the others in their number."""
    many = kind.files > 100
    files = max(1, round(kind.files * scale)) if many else kind.files
    size = kind.size if many else max(PIECE, round(kind.size * scale))
    generator = random.Random(5)
    words = ["".join(generator.choices(string.ascii_lowercase, k=6)) for _ in range(5000)]
    length = min(size, PIECE)
    pool = [
        " ".join(generator.choices(words, k=length // 6 + 1)).encode()[:length]
        for _ in range(200 if many else 16)
    ]
    rows = []
    with zipfile.ZipFile(path, "w", kind.method, compresslevel=6) as archive:
        for number in range(files):
            name = f"data/P/d{number // 200:04}/f{number:06}"
            digest = hashlib.sha512()
            with archive.open(f"bag/{name}", "w", force_zip64=True) as stream:
                for index in range(max(1, size // PIECE)):
                    piece = (
                        pool[(number + index) % len(pool)]
                        if kind.is_text
                        else (generator.randbytes(length))
                    )
                    piece = b"%08d" % number + piece[8:]
                    digest.update(piece)
                    stream.write(piece)
            rows.append(f"{digest.hexdigest()}  {name}\n")
        total = files * max(1, size // PIECE) * length
        tags = {
            "bagit.txt": "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
            "bag-info.txt": f"Payload-Oxum: {total}.{files}\n",
            "manifest-sha512.txt": "".join(rows),
        }
        sums = (f"{hashlib.sha512(text.encode()).hexdigest()}  {n}\n" for n, text in tags.items())
        for name, text in {**tags, "tagmanifest-sha512.txt": "".join(sums)}.items():
            archive.writestr(f"bag/{name}", text)


def stage_as_here() -> Work:
    """What a worker does with a ticket."""
    from presqt_daemon.config import StagingConfig  # noqa: PLC0415  (each pays its own imports)
    from presqt_daemon.reports import Go  # noqa: PLC0415
    from presqt_daemon.staging.stage import StageJob, stage  # noqa: PLC0415

    def work(path: Path, place: Path) -> None:
        job = StageJob(
            folder=place,
            zip_name=path.name,
            config=StagingConfig(max_files=10**7),
            payload_mode=0o600,
            boot_id="",
        )
        stage(job, lambda _: Go(target="x", algorithms=("md5",)), lambda _: None)

    return work


def stage_as_presqt() -> Work:
    """PresQT's way, without its web part: three reads of every byte."""
    import bagit  # noqa: PLC0415

    def work(path: Path, place: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(place)
        bag = bagit.Bag(str(place / "bag"))
        bag.validate()
        for name in bag.payload_files():
            hashlib.md5((place / "bag" / name).read_bytes()).hexdigest()

    return work


def stage_as_a_person() -> Work:
    """`unzip`, then `bagit.py --validate`; takes no digest for the target."""

    def work(path: Path, place: Path) -> None:
        subprocess.run(["unzip", "-q", path.name], cwd=place, check=True)
        command = [sys.executable, "-m", "bagit", "--quiet", "--validate", str(place / "bag")]
        subprocess.run(command, check=True)

    return work


VARIANTS: dict[str, Callable[[], Work]] = {
    "here": stage_as_here,
    "PresQT": stage_as_presqt,
    "unzip + bagit.py": stage_as_a_person,
}


def measure(variant: str, source: Path, place: Path) -> Run:
    """One variant in a process of its own; its start is not counted, since workers are warm."""
    ticket = Path(tempfile.mkdtemp(dir=place, prefix="ticket-"))
    path = ticket / source.name
    os.link(source, path)
    with source.open("rb") as stream:
        while stream.read(PIECE):
            pass
    command = [sys.executable, __file__, "--child", variant, str(path), str(ticket)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    wall, cpu, memory = map(float, told.split())
    return Run(wall=wall, cpu=cpu, memory=memory)


def measure_here(variant: str, path: Path, place: Path) -> None:
    """Do the work in this process and print seconds, CPU seconds and the peak of memory in MB."""
    work = VARIANTS[variant]()
    started, before = time.perf_counter(), sum(os.times()[:4])
    work(path, place)
    wall, cpu = time.perf_counter() - started, sum(os.times()[:4]) - before
    status = Path("/proc/self/status").read_text(encoding="ascii")
    own = int(status.partition("VmHWM:")[2].split()[0])
    helpers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(wall, cpu, max(own, helpers) / 1024)


def limits() -> Iterator[str]:
    """What one core of this machine does, in MB a second."""
    block = random.Random(1).randbytes(4 << 20)
    for name in ("md5", "sha256", "sha512"):
        yield f"{name} {rate(block, lambda: hashlib.new(name, block)):.0f}"  # noqa: B023
    text = b"some words of a text that deflates " * (1 << 17)
    packed = zlib.compress(text, 6)
    yield f"inflate, zlib {rate(text, lambda: zlib.decompress(packed)):.0f}"
    with contextlib.suppress(ImportError):
        from isal import isal_zlib  # noqa: PLC0415  (may be missing)

        yield f"inflate, isal {rate(text, lambda: isal_zlib.decompress(packed)):.0f}"
    yield f"crc-32 {rate(block, lambda: zlib.crc32(block)):.0f}"
    with tempfile.TemporaryFile() as stream:
        yield f"write {rate(block, lambda: stream.write(block)):.0f}"


def rate(block: bytes, work: Callable[[], object]) -> float:
    """MB a second of the best of three."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return len(block) / min(times) / 1e6


def spread(values: Iterable[float]) -> str:
    """Median, least and most."""
    known = list(values)
    return f"{statistics.median(known):7.2f} ({min(known):.2f} to {max(known):.2f})"


def compare(name: str, kind: Kind, options: argparse.Namespace, place: Path) -> None:
    """Print one kind's table."""
    source = place / "source.zip"
    make_zip(kind, options.scale, source)
    runs: dict[str, list[Run]] = {variant: [] for variant in options.variants}
    for _ in range(options.rounds):
        for variant, found in runs.items():
            found.append(measure(variant, source, place))
        if options.delete:
            for left in place.glob("ticket-*"):
                shutil.rmtree(left)
    print(f"\n{name}, scale {options.scale:g}, {source.stat().st_size / 1e6:.0f} MB zip")
    print(f"  {'':18} {'wall s':24} {'CPU s':24} {'peak MB':>8}  {'x wall':>7} {'x CPU':>6}")
    base = runs["here"]
    for variant, found in runs.items():
        factors = [
            statistics.median(getattr(run, figure) for run in found)
            / statistics.median(getattr(run, figure) for run in base)
            for figure in ("wall", "cpu")
        ]
        print(
            f"  {variant:18} {spread(r.wall for r in found):24} {spread(r.cpu for r in found):24} "
            f"{max(run.memory for run in found):8.0f}  {factors[0]:7.2f} {factors[1]:6.2f}"
        )
    print(f"  against PresQT: must {kind.must:g}, aim {kind.aim:g}", flush=True)
    source.unlink()
    for left in place.glob("ticket-*"):
        shutil.rmtree(left)


def main() -> None:
    """Compare all kinds, or those whose name holds one of the words."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.1, help="1 is the whole size")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--place", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS))
    parser.add_argument(
        "--delete", action="store_true", help="delete what was written after each round"
    )
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; MB/s: {', '.join(limits())}")
    with tempfile.TemporaryDirectory(dir=options.place, prefix="bench-") as place:
        for name, kind in KINDS.items():
            if any(word in name for word in options.kinds):
                compare(name, kind, options, Path(place))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        sys.path.insert(0, str(ROOT))
        measure_here(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        main()
