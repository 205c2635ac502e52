"""The installed service in a booted container: bags, statuses, users."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from tests.bags import bag_zip
from tests.house.house import wait_until
from tests.pages.pages import first_block
from tests.systemd.machine import PYTHONS, Machine, fetch_wheels

ROOT = Path(__file__).parents[2]
STATE = "/var/lib/presqt-daemon"
PROGRAM = "/opt/presqt-daemon/bin/presqt-daemon"
IN_THE_SOURCES = "set -e; cd /srv/presqt-daemon; export PIP_NO_INDEX=1 PIP_FIND_LINKS=/srv/wheels\n"


def readme_block() -> str:
    """The one block of the README that installs the service, literally."""
    return first_block("README.md", "A service")


def put_checkout(machine: Machine, release: str) -> None:
    """Our sources, and what they need, into the container."""
    source = machine.root / "srv" / "presqt-daemon"
    ignored = shutil.ignore_patterns(
        ".git", ".venv", "tests", "__pycache__", ".*_cache", ".hypothesis", "build", "dist"
    )
    shutil.copytree(ROOT, source, ignore=ignored)
    fetch_wheels(PYTHONS[release], machine.root / "srv" / "wheels")
    for path in (source, *source.rglob("*")):
        os.chmod(path, 0o755 if path.is_dir() else 0o644, follow_symlinks=False)


def put_bag(machine: Machine, name: str, megabytes: int = 0) -> str:
    """A bag of its own in the container, for everybody to read; its path there."""
    payload = {f"{name}/a.txt": name.encode()}
    if megabytes:
        payload[f"{name}/large.bin"] = os.urandom(megabytes << 20)
    path = machine.root / "srv" / f"{name}.zip"
    path.write_bytes(bag_zip(payload))
    path.chmod(0o644)
    return f"/srv/{name}.zip"


def drop(machine: Machine, name: str, *, user: str = "sender", megabytes: int = 0) -> None:
    put_bag(machine, name, megabytes)
    inner = f"{STATE}/inbox/archive/{name}.zip"
    machine.run(f"cp /srv/{name}.zip {inner}.part && mv {inner}.part {inner}", user)


def infos(machine: Machine) -> list[dict[str, Any]]:
    found = []
    for path in (machine.root / STATE[1:] / "mediafiles/uploads").glob("*/process_info.json"):
        try:
            found.append(json.loads(path.read_bytes()))
        except (OSError, ValueError):
            continue
    return found


def info_of(machine: Machine, name: str) -> dict[str, Any] | None:
    return next((i for i in infos(machine) if i.get("source_file") == f"{name}.zip"), None)


def ended(machine: Machine, name: str, seconds: float = 120) -> dict[str, Any]:
    def look() -> bool:
        info = info_of(machine, name)
        return info is not None and info["status"] != "in_progress"

    wait_until(look, seconds)
    info = info_of(machine, name)
    assert info is not None
    return info


def main_pid(machine: Machine) -> str:
    return machine.run("systemctl show -p MainPID --value presqt-daemon").stdout.strip()


def wait_for_another(machine: Machine, pid: str) -> None:
    """Until the service runs again, in another process."""
    machine.wait_until(
        "systemctl is-active -q presqt-daemon && "
        f"test $(systemctl show -p MainPID --value presqt-daemon) != {pid}"
    )


def can(machine: Machine, user: str, script: str) -> bool:
    return machine.run(script, user, check=False).returncode == 0
