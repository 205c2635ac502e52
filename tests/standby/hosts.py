"""Daemons of several hosts over the same folders, as process trees, and how they fail."""

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from presqt_daemon.leases.heartbeat import Heartbeat, TornHeartbeatError, read_heartbeat
from presqt_daemon.system.host import host_of
from tests.bags import bag_zip
from tests.cluster.cluster import ALL_HERE, HERE, LONG, Place, osf_target
from tests.fakes.osf import OsfFake
from tests.fakes.server import Fault
from tests.house.house import House, wait_until

TTL = 3
FENCED = 75


@dataclass
class Hosts:
    """One inbox, one mediafiles, a target that counts, and a daemon for each host."""

    root: Path
    fake: OsfFake
    house: House = field(init=False)
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ("run", "--standby")
    places: dict[str, Place] = field(default_factory=dict)
    """Hosts that are not simply here."""

    temporary: Path | None = None
    """What lies below is a host's own; a long path is not used for sockets."""

    has_engine: bool = False
    """Whether a cluster is configured here already, for which these are the daemons."""

    def __post_init__(self) -> None:
        self.house = House(self.root)
        if self.has_engine:
            return
        self.house.configure(
            engine_options={"lease_ttl": f"{TTL}s"},
            targets={"osf": osf_target(self.fake, self.root)},
        )

    def start(self, *names: str) -> None:
        for name in names:
            temporary = (self.temporary or self.root / "tmp") / name
            temporary.mkdir(parents=True, exist_ok=True)
            with (self.root / f"{name}.log").open("ab") as log:
                self.daemons[name] = subprocess.Popen(
                    [
                        *self.places.get(name, ALL_HERE).command,
                        *(sys.executable, "-m", "tests.standby.on_host"),
                        *("--config", str(self.root / "config.yaml"), *self.command),
                    ],
                    cwd=self.root,
                    env={
                        **{k: v for k, v in os.environ.items() if k != "NOTIFY_SOCKET"},
                        "PYTHONPATH": str(HERE),
                        "TEST_HOST": name,
                        "TMPDIR": str(temporary),
                        **self.environment,
                    },
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )

    def start_ended(self) -> None:
        """As a service manager does, which knows why one has ended: fenced, or killed."""
        for name, process in list(self.daemons.items()):
            if process.poll() is not None:
                assert process.returncode in {FENCED, -signal.SIGKILL}, self.log_of(name)
                self.start(name)

    def log_of(self, name: str) -> str:
        path = self.root / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_for_log(self, name: str, text: str, count: int = 1) -> None:
        wait_until(lambda: self.log_of(name).count(text) >= count, LONG, what=f"for {name}: {text}")

    def signal(self, name: str, number: int, *, whole: bool = True) -> None:
        """To every process of a host, or to its daemon alone."""
        with contextlib.suppress(psutil.Error):
            daemon = psutil.Process(self.daemons[name].pid)
            # the daemon first: what it started would else be taken for dead by a living parent
            for member in [daemon, *(daemon.children(recursive=True) if whole else [])]:
                with contextlib.suppress(psutil.Error):
                    member.send_signal(number)

    def beat(self) -> Heartbeat | None:
        with contextlib.suppress(TornHeartbeatError, OSError):
            return read_heartbeat(self.root / "mediafiles")
        return None

    @property
    def active(self) -> str | None:
        """The host whose daemon has told last that it serves."""
        beat = self.beat()
        return None if beat is None or beat.is_released else host_of(beat.instance)

    def wait_for_active(self, *names: str) -> str:
        found: str = wait_until(
            lambda: (name := self.active) in names and name, LONG, what=f"for one of {names}"
        )
        return found

    def wait_for_code(self, name: str) -> int:
        return self.daemons[name].wait(LONG)

    def slow_down(self, seconds: float) -> None:
        """Let the target take so long for each file."""
        self.fake.faults.append(Fault(how=f"pause {seconds}", method="PUT", times=10**9))

    def drop(self, name: str, files: int = 1) -> None:
        content = {f"f{number:03}.bin": f"{name} {number}".encode() for number in range(files)}
        part = self.house.inbox / "osf" / f".{name}.part"
        part.write_bytes(bag_zip(content))
        part.rename(part.with_name(f"{name}.zip"))

    def infos(self) -> list[dict[str, Any]]:
        return self.house.infos()

    def ended(self) -> int:
        return sum(info["status"] != "in_progress" for info in self.infos())

    def puts(self) -> Counter[str]:
        """Project and name of a file -> how often it was sent whole."""
        return Counter(
            f"{request.path} {request.query.get('name')}"
            for request in list(self.fake.requests)
            if request.method == "PUT" and request.query.get("name", "").startswith("f0")
        )

    def assert_one_deposit_each(self, drops: int, files: int = 1) -> None:
        """Every drop one ticket, one receipt, one note and one deposit, and no file twice."""
        infos = self.infos()
        assert {info["status"] for info in infos} == {"finished"}, infos
        names = Counter(info["source_file"] for info in infos)
        assert len(names) == len(infos) == drops, names
        assert len(list(self.house.uploads.glob("*/receipt.json"))) == drops
        inbox = sorted(os.listdir(self.house.inbox / "osf"))
        assert [name for name in inbox if not name.endswith(".json")] == []
        assert sum(name.endswith(".ticket.json") for name in inbox) == drops
        assert [path for path, times in self.puts().items() if times > 1] == []
        assert len(self.puts()) == drops * files
        assert len(self.fake.nodes) == drops

    def end(self) -> None:
        for name, process in self.daemons.items():
            self.signal(name, signal.SIGKILL)
            process.kill()
            process.wait(60)


@contextlib.contextmanager
def open_hosts(root: Path) -> Iterator[Hosts]:
    """Hosts without a daemon yet."""
    with OsfFake() as fake:
        hosts = Hosts(root, fake)
        try:
            yield hosts
        finally:
            hosts.end()
