"""What a daemon that stands by tells, and when it goes on."""

import os
import queue
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.config import Config
from presqt_daemon.daemon.active import HeldFolders, ServedFolders
from presqt_daemon.daemon.events import Event, StopAsked
from presqt_daemon.daemon.standby import newest, stand_by
from presqt_daemon.errors import ConfigError
from presqt_daemon.leases.heartbeat import HEARTBEAT_NAME
from tests.daemon.test_active import config_in, left_by

LONG = 60.0


class Systemd:
    """Hears what is told by sd_notify(3)."""

    def __init__(self, path: Path) -> None:
        self.heard: list[dict[str, str]] = []
        self._channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._channel.bind(str(path))
        self._channel.settimeout(LONG)

    def hear(self) -> dict[str, str]:
        lines = self._channel.recv(4096).decode().split("\n")
        self.heard.append(dict(line.split("=", 1) for line in lines))
        return self.heard[-1]

    def close(self) -> None:
        self._channel.close()


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Whoever stands by on the main thread takes the signals."""
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    path = tmp_path / "notify"
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    return Systemd(path)


def lasting(base: Path) -> Config:
    """A lease that nobody loses to a busy machine."""
    config = config_in(base)
    return replace(config, engine_options=replace(config.engine_options, lease_ttl=3600.0))


def begin(
    config: Config,
) -> "tuple[queue.SimpleQueue[Event], queue.SimpleQueue[HeldFolders | None]]":
    """One that stands by on a thread of its own: what it hears, and what it comes back with."""
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    found: queue.SimpleQueue[HeldFolders | None] = queue.SimpleQueue()
    served = ServedFolders(config, is_standby=True)
    threading.Thread(target=lambda: found.put(stand_by(served, events)), daemon=True).start()
    return events, found


def test_a_standby_tells_systemd_that_all_is_well_and_who_is_active_until_it_takes_over(
    tmp_path: Path, systemd: Systemd
) -> None:
    left_by(tmp_path)
    _, found = begin(config_in(tmp_path))
    first = systemd.hear()
    assert (first["READY"], first["WATCHDOG"]) == ("1", "1")
    assert first["STATUS"].startswith("standing by: ")
    assert "pid 77 on other" in first["STATUS"]
    held = found.get(timeout=LONG)
    assert held is not None
    while systemd.hear()["STATUS"] != "taking over":
        assert "READY" in systemd.heard[-1]
    # a start may last, and the watchdog counts from READY on
    assert int(systemd.heard[-1]["WATCHDOG_USEC"]) >= 600e6
    held.release()
    systemd.close()


def test_where_nobody_serves_a_standby_serves_at_once_and_has_told_nothing(
    tmp_path: Path, systemd: Systemd
) -> None:
    held = stand_by(ServedFolders(config_in(tmp_path), is_standby=True), queue.SimpleQueue())
    assert held is not None
    held.release()
    systemd._channel.settimeout(0)
    with pytest.raises(BlockingIOError):
        systemd.hear()
    systemd.close()


def test_a_standby_that_is_told_to_stop_comes_back_with_nothing(
    tmp_path: Path, systemd: Systemd
) -> None:
    active = ServedFolders(lasting(tmp_path), is_standby=True).take()
    events, found = begin(lasting(tmp_path))
    systemd.hear()
    events.put(StopAsked())
    assert found.get(timeout=LONG) is None
    active.release()
    systemd.close()


def test_a_standby_goes_on_as_soon_as_the_active_one_lets_go(tmp_path: Path) -> None:
    config = lasting(tmp_path)
    active = ServedFolders(config, is_standby=True).take()
    _, found = begin(config)
    active.release()
    held = found.get(timeout=LONG)
    assert held is not None
    held.release()


def test_a_share_that_is_away_for_a_while_ends_no_standby(
    tmp_path: Path, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    mediafiles = left_by(tmp_path)
    is_away = threading.Event()
    read = ServedFolders.last_holder

    def read_or_fail(self: ServedFolders) -> object:
        if is_away.is_set():
            raise OSError(5, "Input/output error")
        return read(self)

    monkeypatch.setattr(ServedFolders, "last_holder", read_or_fail)
    _, found = begin(config_in(tmp_path))
    systemd.hear()
    is_away.set()
    while "Input/output error" not in systemd.hear()["STATUS"]:
        pass
    is_away.clear()
    held = found.get(timeout=LONG)
    assert held is not None
    held.release()
    assert (mediafiles / HEARTBEAT_NAME).exists()
    systemd.close()


def test_a_standby_that_takes_over_serves_by_the_configuration_of_now(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    later = replace(config, stop_grace=1.0)
    assert newest(config, lambda: later) is later
    assert newest(config, None) is config
    assert newest(config, lambda: replace(config, inbox=tmp_path / "other")) is config

    def fail() -> Config:
        raise ConfigError(("staging.worker: no such key",))

    assert newest(config, fail) is config


def test_signals_reach_the_loop_of_who_takes_over(tmp_path: Path) -> None:
    """The handlers stay those of the queue that the daemon goes on with."""
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    held = stand_by(ServedFolders(config_in(tmp_path), is_standby=True), events)
    assert held is not None
    os.kill(os.getpid(), signal.SIGTERM)
    assert events.get(timeout=LONG) == StopAsked()
    held.release()
