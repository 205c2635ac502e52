"""The daemon as a real process, and what a person would do with its folders."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

PLUGINS = Path(__file__).parent / "plugins"
QUICK = {
    "intake": {"settle": "200ms", "rescan": "1s", "incomplete_after": "1s"},
    "staging": {"min_free_bytes": 0},
    "stop_grace": "5s",
}


def wait_until(
    predicate: Callable[[], Any], seconds: float = 30.0, *, what: str = "", every: float = 0.01
) -> Any:
    """What the predicate gives once it holds; fails loudly after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = predicate()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {seconds} s in vain {what}"
        time.sleep(every)


@dataclass
class House:
    """One configuration, its folders, and the daemon that serves them when it runs."""

    root: Path
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    command: tuple[str, ...] = ()
    python: str = sys.executable

    @property
    def program(self) -> tuple[str, ...]:
        return (*self.command, self.python, "-m", "presqt_daemon")

    @property
    def inbox(self) -> Path:
        return self.root / str(self.settings.get("inbox", "inbox"))

    @property
    def uploads(self) -> Path:
        return self.root / "mediafiles" / "uploads"

    @property
    def control(self) -> Path:
        return self.root / "mediafiles" / "control"

    @property
    def archive(self) -> Path:
        return self.root / "archive"

    @property
    def log(self) -> str:
        path = self.root / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def configure(self, **changes: Any) -> None:
        """Write config.yaml: quick defaults, then the house's settings, then the changes."""
        self.settings = merged(self.settings, changes)
        tree = merged(
            {"targets": {"archive": {"type": "folder", "path": "archive"}}},
            merged(QUICK, self.settings),
        )
        (self.root / "config.yaml").write_text(yaml.safe_dump(tree))

    def start(self, *, failpoint: str | None = None, ready: bool = True) -> None:
        """Start the daemon and wait until it has said that it is ready."""
        if not (self.root / "config.yaml").exists():
            self.configure()
        before = self.log.count("ready: ")
        with (self.root / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.program, "--config", str(self.root / "config.yaml"), "run"],
                cwd=self.root,
                env=self._environment(failpoint),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if ready:
            process = self.process
            wait_until(
                lambda: self.log.count("ready: ") > before or process.poll() is not None,
                300,
                what="for the daemon to say that it is ready",
            )
            tree = yaml.safe_load((self.root / "config.yaml").read_text())
            folders = [self.inbox / name for name in tree["targets"]]
            wait_until(
                lambda: all(map(Path.is_dir, folders)) or process.poll() is not None,
                300,
                what="for the targets' folders",
            )

    def run(
        self, *arguments: str, failpoint: str | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run one command with this house's configuration to its end."""
        if not (self.root / "config.yaml").exists():
            self.configure()
        return subprocess.run(
            [*self.program, "--config", str(self.root / "config.yaml"), *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.root,
            env=self._environment(failpoint),
            stdin=subprocess.DEVNULL,
            timeout=timeout,
        )

    def stop(self, number: signal.Signals = signal.SIGTERM, *, seconds: float = 40) -> int:
        """End the daemon by a signal; its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(seconds)
        self.process = None
        return code

    def tickets(self) -> list[str]:
        """Every ticket number there is."""
        with contextlib.suppress(FileNotFoundError):
            return sorted(name for name in os.listdir(self.uploads) if not name.startswith("."))
        return []

    def info(self, ticket: str) -> dict[str, Any]:
        """A ticket's status as any reader would take it."""
        tree: dict[str, Any] = json.loads(
            (self.uploads / ticket / "process_info.json").read_bytes()
        )
        return tree

    def receipt(self, ticket: str) -> dict[str, Any]:
        """A ticket's record."""
        tree: dict[str, Any] = json.loads((self.uploads / ticket / "receipt.json").read_bytes())
        return tree

    def infos(self) -> list[dict[str, Any]]:
        """The status of every ticket."""
        return [self.info(ticket) for ticket in self.tickets()]

    def of(self, source_file: str) -> dict[str, Any] | None:
        """The status of the ticket that a drop became, None while there is none."""
        return next((i for i in self.infos() if i.get("source_file") == source_file), None)

    def ended(self, source_file: str, seconds: float = 30) -> dict[str, Any]:
        """The status of a drop's ticket once it has ended."""

        def look() -> dict[str, Any] | None:
            found = self.of(source_file)
            return found if found is not None and found["status"] != "in_progress" else None

        try:
            found: dict[str, Any] = wait_until(look, seconds, every=0.02)
        except AssertionError as error:
            raise AssertionError(
                f"{error} for {source_file}; {self.of(source_file)}\n{self.stacks()}"
            ) from None
        return found

    def stacks(self) -> str:
        """The log of a daemon that hangs, and where its threads are; ends it."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(10)
        return self.log

    def deposited(self, folder: str = "") -> dict[str, bytes]:
        """What lies in the archive: relative path -> content."""
        base = self.archive / folder
        return {
            str(path.relative_to(base)): path.read_bytes()
            for path in sorted(base.rglob("*"))
            if path.is_file()
        }

    def family(self) -> list[psutil.Process]:
        """The daemon and every process below it."""
        assert self.process is not None
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def _environment(self, failpoint: str | None) -> dict[str, str]:
        environment = {k: v for k, v in os.environ.items() if k != "NOTIFY_SOCKET"}
        environment["PYTHONFAULTHANDLER"] = "1"
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(PLUGINS), *filter(None, [environment.get("PYTHONPATH")])]
        )
        if failpoint is not None:
            environment["PRESQT_DAEMON_FAILPOINT"] = failpoint
        return {**environment, **self.environment}


@contextlib.contextmanager
def open_house(root: Path, **settings: Any) -> Iterator[House]:
    """A house whose daemon is ended, however the test goes."""
    house = House(root, settings)
    try:
        yield house
    finally:
        if house.process is not None:
            family = []
            with contextlib.suppress(psutil.Error):
                family = house.family()
            house.process.kill()
            house.process.wait(10)
            for member in family:
                with contextlib.suppress(psutil.Error):
                    member.kill()


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The base with changes laid over it, section by section."""
    tree = dict(base)
    for key, value in changes.items():
        old = tree.get(key)
        both = isinstance(old, dict) and isinstance(value, dict) and key != "targets"
        tree[key] = merged(old, value) if both and old is not None else value
    return tree
