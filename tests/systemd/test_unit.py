import re
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNIT = SYSTEMD / "presqt-daemon.service"
PROGRAM = "opt/presqt-daemon/bin/presqt-daemon"
HOST_UNITS = Path("/usr/lib/systemd/system")
MAX_EXPOSURE = 1.2

analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A system on which the service is installed, as far as systemd-analyze looks at it."""
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    shutil.copy(UNIT, units)
    known = tmp_path / "usr/lib/systemd/system"
    known.mkdir(parents=True)
    for target in HOST_UNITS.glob("*.target"):
        shutil.copy(target, known)
    for program in (PROGRAM, "bin/kill"):
        path = tmp_path / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n", encoding="utf-8")
        path.chmod(0o755)
    return tmp_path


@analyze
@pytest.mark.skipif(not HOST_UNITS.is_dir(), reason="systemd is not installed")
def test_systemd_finds_nothing_to_say_about_the_unit(root: Path) -> None:
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={root}", UNIT.name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


@analyze
def test_the_sandbox_is_tight(root: Path) -> None:
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--root={root}", UNIT.name],
        capture_output=True,
        text=True,
        check=False,
    )
    if "--offline" in said.stderr:
        pytest.skip("this systemd-analyze knows no --offline")
    found = re.search(r"exposure level for \S+: ([0-9.]+)", said.stdout)
    assert found is not None, said.stderr
    assert float(found.group(1)) <= MAX_EXPOSURE


def test_every_sandbox_line_has_its_reason() -> None:
    text = UNIT.read_text(encoding="utf-8")
    sandbox = text.partition("# Nothing it starts")[2].partition("[Install]")[0]
    unexplained = 0
    for line in f"# Nothing it starts{sandbox}".splitlines():
        unexplained = 0 if line.startswith("#") or not line else unexplained + 1
        assert unexplained <= 1 or line.startswith(("SystemCall", "AmbientCapabilities")), line


def test_nothing_is_given_back_of_what_is_privileged() -> None:
    allowed: set[str] = set()
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        if name == "SystemCallFilter" and not value.startswith("~"):
            allowed |= set(value.split())
        elif name == "SystemCallFilter":
            # what is taken away here can only be given back further down
            allowed &= {"@system-service"}
    assert allowed == {"@system-service"}


def test_the_service_is_told_apart_from_its_workers_and_given_time() -> None:
    text = UNIT.read_text(encoding="utf-8")
    for line in (
        "Type=notify",
        "NotifyAccess=main",
        "WatchdogSec=30",
        "KillMode=mixed",
        "TimeoutStopSec=120",
        "RestartPreventExitStatus=78",
        f"ExecStart=/{PROGRAM} --config /etc/presqt-daemon/config.yaml run",
    ):
        assert f"\n{line}\n" in text


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="no systemd-sysusers")
def test_the_user_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    place = tmp_path / "usr/lib/sysusers.d"
    place.mkdir(parents=True)
    shutil.copy(SYSTEMD / "presqt-daemon.sysusers.conf", place / "presqt-daemon.conf")
    subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", "presqt-daemon.conf"],
        capture_output=True,
        check=True,
    )
    made = (tmp_path / "etc/passwd").read_text(encoding="utf-8")
    assert made.startswith("presqt-daemon:x:")
    assert "/usr/sbin/nologin" in made
