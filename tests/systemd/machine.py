"""A really booted systemd: a Debian in a container, made once and kept, never changed."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "presqt-daemon-tests"
PACKAGES = "systemd,systemd-sysv,dbus,python3,python3-venv,procps"
PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
NEEDED = (
    "argcomplete", "bagit", "certifi", "hatchling", "isal", "psutil", "pyyaml", "requests", "rich",
    "setuptools", "urllib3", "watchdog", "wheel",
)  # fmt: skip
"""What `pip install .` asks for; the container reaches no network."""

BOOT_SECONDS = 120

ASKED_FOR_REBOOT = 133
"""systemd-nspawn's exit code under --keep-unit, where a service manager would start it again."""


@dataclass
class Machine:
    """A booted container; `init` is the process that is number 1 in it."""

    root: Path
    console: Path
    nspawn: "subprocess.Popen[bytes]"

    @property
    def init(self) -> int:
        """Its number changes with every reboot."""
        children = Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text()
        return int(children.split()[0])

    def run(
        self, script: str, user: str | None = None, *, check: bool = True, given: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        """A shell script in the container, as root or as another user; `given` is its input."""
        shell = ["bash", "-c", script] if user is None else ["su", user, "-c", script]
        ended = subprocess.run(
            ["nsenter", "-t", str(self.init), "-a", *shell],
            check=False,
            capture_output=True,
            text=True,
            input=given,
            timeout=280,
        )
        assert not check or ended.returncode == 0, f"{script}\n{ended.stdout}\n{ended.stderr}"
        return ended

    def wait_until(self, script: str, seconds: float = 120) -> None:
        """Until a script succeeds."""
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError, IndexError, subprocess.TimeoutExpired):
                ended = self.run(script, check=False)
                if ended.returncode == 0:
                    return
            assert time.monotonic() < deadline, f"waited in vain: {script}\n{self.journal()}"
            time.sleep(0.2)

    def reboot(self) -> None:
        """Return when the container has booted anew; nspawn leaves the second boot to us."""
        self.run("systemctl reboot", check=False)
        assert self.nspawn.wait(120) == ASKED_FOR_REBOOT
        self.nspawn = _boot(self.root, self.console)
        assert _has_booted(self), self.console.read_text(errors="replace")[-500:]

    def journal(self) -> str:
        """What the service has logged, with what systemd says of it."""
        return self.run("journalctl -u 'presqt-*' --no-pager | tail -50", check=False).stdout


def why_not() -> str | None:
    """Why no container can be booted here, None where one can."""
    if os.geteuid() != 0:
        return "only root may boot a container"
    for program in ("systemd-nspawn", "debootstrap", "nsenter"):
        if shutil.which(program) is None:
            return f"{program} is missing"
    return None


def made_once(release: str) -> Path:
    """The root of a Debian, out of the cache or made now. Skips where it cannot be made."""
    root, done = CACHE / release, CACHE / f"{release}.ok"
    if not done.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(root, ignore_errors=True)
        ended = subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", release, str(root)],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if ended.returncode != 0:
            pytest.skip(f"no {release} can be made: {ended.stdout[-200:]}{ended.stderr[-200:]}")
        done.touch()
    return root


def fetch_wheels(version: str, place: Path, *more: str) -> None:
    """What a container's pip installs from, for its Python. Skips where no registry is reached."""
    place.mkdir(exist_ok=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    # its only package without a wheel
    commands = [
        [*pip, "wheel", "-q", "--no-deps", "-w", str(place), "bagit"],
        [*pip, "download", "-q", "-d", str(place), "--only-binary=:all:",
         "--python-version", version, *(name for name in (*NEEDED, *more) if name != "bagit")],
    ]  # fmt: skip
    for command in commands:
        ended = subprocess.run(
            command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        if ended.returncode != 0:
            pytest.skip(f"no packages for Python {version}: {ended.stderr[-300:]}")


@contextlib.contextmanager
def booted(release: str, place: Path) -> Iterator[Machine]:
    """A container that has booted, on a root whose changes go with it."""
    reason = why_not()
    if reason is not None:
        pytest.skip(f"no systemd can be booted: {reason}")
    lower = made_once(release)
    upper, work, root = (place / name for name in ("upper", "work", "root"))
    for folder in (upper, work, root):
        folder.mkdir()
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(root)], check=True)
    machine = None
    try:
        machine = Machine(root, place / "console", _boot(root, place / "console"))
        if not _has_booted(machine):
            text = machine.console.read_text(errors="replace")
            pytest.skip(f"systemd does not boot here: {text[-300:]}")
        yield machine
    finally:
        if machine is not None:
            machine.nspawn.send_signal(signal.SIGTERM)
            try:
                machine.nspawn.wait(60)
            except subprocess.TimeoutExpired:
                machine.nspawn.kill()
                machine.nspawn.wait(10)
        subprocess.run(["umount", "-l", str(root)], check=False)


def _boot(root: Path, console: Path) -> "subprocess.Popen[bytes]":
    """Start the container; what its first process prints is added to the file."""
    with console.open("ab") as stream:
        return subprocess.Popen(
            [
                "systemd-nspawn", "-q", "-D", str(root), "--boot", "--register=no",
                "--keep-unit", f"--machine=presqt-{os.getpid()}", "--private-network",
                "--console=pipe",
            ],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
        )  # fmt: skip


def _has_booted(machine: Machine) -> bool:
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline and machine.nspawn.poll() is None:
        with contextlib.suppress(OSError, IndexError):
            state = machine.run("systemctl is-system-running", check=False).stdout.strip()
            if state in {"running", "degraded"}:
                return True
        time.sleep(0.3)
    return False
