import os
import socket
from pathlib import Path

import pytest

from presqt_daemon.system.systemd import Notifier


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_systemd_hears_every_state(tmp_path: Path, kind: str) -> None:
    name = str(tmp_path / "notify") if kind == "path" else f"@presqt-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name.replace("@", "\0"))
        systemd.settimeout(5)
        Notifier({"NOTIFY_SOCKET": name}).send(READY="1", STATUS="3 tickets open")
        assert systemd.recv(4096) == b"READY=1\nSTATUS=3 tickets open"


def test_without_systemd_nothing_happens(tmp_path: Path) -> None:
    Notifier({}).send(READY="1")
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).send(READY="1")


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_only_when_it_is_ours(
    environment: dict[str, str], seconds: float | None
) -> None:
    assert Notifier(environment).watchdog_seconds == seconds
