"""A scheduler and workers as real processes, each worker's tree a host; and how hosts fail."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.bags import bag_zip
from tests.fakes.osf import OsfFake
from tests.fakes.server import Fault
from tests.house.house import PLUGINS, House, wait_until

HERE = Path(__file__).parents[2]
PRELOAD = Path(__file__).parent / "preload_host.py"
TTL = 6
WORKER_TTL = "20s"
"""Until the scheduler gives up a silent worker, which then ends: no busy machine may be so slow."""

DROPPED = re.compile(r"f\d+\.bin")
"""The names of files that a test has dropped; the daemon adds one of its own."""

LONG = 300.0


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def osf_target(fake: OsfFake, root: Path) -> dict[str, object]:
    """The settings of a target at a fake, whose token lies beside them."""
    token = root / "token"
    token.write_text(fake.token)
    return {
        "type": "osf",
        "url": fake.api,
        "token_file": str(token),
        "workers": 4,
        "connections": 1,
        "time_limit": "5m",
    }


@dataclass(frozen=True)
class Place:
    """Where a process runs: its address, and the command that brings it there."""

    address: str = "127.0.0.1"
    command: tuple[str, ...] = ()


ALL_HERE = Place()


@dataclass
class WorkerHost:
    """One host: the tree of a dask worker."""

    name: str
    process: subprocess.Popen[bytes]

    def tree(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(self.process.pid)
            return [*root.children(recursive=True), root]
        return []

    def at_work(self) -> list[psutil.Process]:
        """The processes of runs, and programs that those have started: sessions of their own.

        Those who only start them stay in the session of the host's worker.
        """
        return [one for one in self.tree()[:-1] if _leads_a_session(one)]

    def is_at_work(self) -> bool:
        return bool(self.at_work())

    def signal(self, number: int, *, whole: bool = True) -> None:
        """To every process of the host, or to the engine's worker alone."""
        members = self.tree() if whole else [psutil.Process(self.process.pid)]
        # the worker first: what it started would else be taken for dead by a living parent
        for member in reversed(members):
            with contextlib.suppress(psutil.Error):
                member.send_signal(number)

    def end(self) -> None:
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        self.process.wait(60)


def _leads_a_session(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error, OSError):
        is_dead = process.status() == psutil.STATUS_ZOMBIE
        return os.getsid(process.pid) == process.pid and not is_dead
    return False


@dataclass
class Cluster:
    """One inbox, one mediafiles, a scheduler, hosts, and a fake target that counts.

    `main` is where daemon and scheduler are, and every host that is not given another place.
    """

    root: Path
    fake: OsfFake
    main: Place = ALL_HERE
    house: House = field(init=False)
    port: int = field(default_factory=free_port)
    scheduler: subprocess.Popen[bytes] | None = None
    hosts: dict[str, WorkerHost] = field(default_factory=dict)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.house = House(self.root, command=self.main.command)
        self.house.configure(
            engine="dask",
            engine_options={"address": self.address, "lease_ttl": f"{TTL}s"},
            targets={"osf": osf_target(self.fake, self.root)},
        )

    @property
    def address(self) -> str:
        return f"tcp://{self.main.address}:{self.port}"

    def slow_down(self, seconds: float) -> None:
        """Let the target take so long for each file."""
        self.fake.faults.append(Fault(how=f"pause {seconds}", method="PUT", times=10**9))

    def holder(self) -> dict[str, Any] | None:
        """The status of the one ticket while a host has it and has sent three files."""
        found = [info for info in self.infos() if info["host"] and len(self.puts()) >= 3]
        return found[0] if found else None

    def wait_for_holder(self) -> str:
        """The host that is in the middle of an upload."""
        name: str = wait_until(self.holder, LONG, what="for an upload")["host"]
        assert self.hosts[name].is_at_work()
        return name

    def start_scheduler(self) -> None:
        self.scheduler = self._start(
            self.main,
            "distributed.cli.dask_scheduler",
            f"--port={self.port}",
            f"--host={self.main.address}",
            "--no-dashboard",
            "--no-show",
            environment={},
        )

    def kill_scheduler(self) -> None:
        assert self.scheduler is not None
        self.scheduler.kill()
        self.scheduler.wait(60)

    def start_hosts(self, *names: str) -> None:
        for name in names:
            self.start_host(name)

    def start_host(
        self,
        name: str,
        *,
        threads: int = 2,
        place: Place | None = None,
        nanny: bool = False,
        **environment: str,
    ) -> WorkerHost:
        """A host with a worker for so many tickets at a time, once the scheduler knows it."""
        place = place or self.main
        process = self._start(
            place,
            "distributed.cli.dask_worker",
            self.address,
            "--nanny" if nanny else "--no-nanny",
            f"--nthreads={threads}",
            f"--host={place.address}",
            "--no-dashboard",
            "--preload",
            str(PRELOAD),
            f"--name={name}",
            f"--local-directory={self.root / 'dask' / name}",
            environment={
                "TEST_HOST": name,
                "PRESQT_DAEMON_CONFIG": str(self.root / "config.yaml"),
                **environment,
            },
        )
        host = self.hosts[name] = WorkerHost(name, process)
        wait_until(
            lambda: "Registered to" in self.log_of(process) or process.poll() is not None,
            LONG,
            what="for the worker to join",
        )
        return host

    def log_of(self, process: subprocess.Popen[bytes]) -> str:
        return (self.root / f"process-{self.started.index(process)}.log").read_text(
            errors="replace"
        )

    def _start(
        self, place: Place, module: str, *arguments: str, environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        with (self.root / f"process-{len(self.started)}.log").open("wb") as log:
            process = subprocess.Popen(
                [*place.command, sys.executable, "-m", module, *arguments],
                cwd=self.root,
                env={
                    **os.environ,
                    "PYTHONPATH": f"{HERE}:{PLUGINS}",
                    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": WORKER_TTL,
                    **self.environment,
                    **environment,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.started.append(process)
        return process

    def drop(self, name: str, files: int = 3, size: int = 2000) -> None:
        content = {f"f{number:03}.bin": os.urandom(size) for number in range(files)}
        part = self.house.inbox / "osf" / f".{name}.part"
        part.write_bytes(bag_zip(content))
        part.rename(part.with_name(f"{name}.zip"))

    def infos(self) -> list[dict[str, Any]]:
        return self.house.infos()

    def wait_for_end(self, count: int, seconds: float = LONG) -> list[dict[str, Any]]:
        """The statuses once so many tickets have ended."""
        wait_until(
            lambda: sum(info["status"] != "in_progress" for info in self.infos()) >= count,
            seconds,
            what=f"for {count} ends: {[info['message'] for info in self.infos()]}",
            every=0.1,
        )
        return self.infos()

    def puts(self) -> Counter[str]:
        """Project and name of a file -> how often it was sent whole."""
        return Counter(
            f"{request.path} {request.query.get('name')}"
            for request in list(self.fake.requests)
            if request.method == "PUT" and DROPPED.fullmatch(request.query.get("name", ""))
        )

    def stored(self) -> int:
        """How many of them the target has."""
        with self.fake.lock:
            return sum(bool(DROPPED.fullmatch(one.name)) for one in self.fake.entities.values())

    def creations(self) -> int:
        """How many projects were made; a request that died before its body made none."""
        return len(self.fake.nodes)

    def end(self) -> None:
        with contextlib.suppress(Exception):
            self.house.stop()
        for host in self.hosts.values():
            host.end()
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait(60)


@contextlib.contextmanager
def open_cluster(
    root: Path, main: Place = ALL_HERE, fake: OsfFake | None = None
) -> Iterator[Cluster]:
    """A cluster whose scheduler is there; hosts and daemon are not started yet."""
    with contextlib.nullcontext(fake) if fake is not None else OsfFake() as target:
        cluster = Cluster(root, target, main)
        try:
            cluster.start_scheduler()
            yield cluster
        finally:
            cluster.end()
