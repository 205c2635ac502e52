"""Who may serve a folder: by the lock on this host, by the lease among hosts."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from presqt_daemon.config import Config, EngineOptions
from presqt_daemon.daemon import active
from presqt_daemon.daemon.active import HeldFolders, ServedFolders
from presqt_daemon.leases.heartbeat import HEARTBEAT_NAME, Heartbeat, read_heartbeat
from presqt_daemon.leases.lease import LeaseTerms
from presqt_daemon.leases.take import take_lease
from presqt_daemon.system import host
from presqt_daemon.tickets.locks import FolderLock, HeldError, is_held

TTL = 2.0
OTHER = "other:another-boot:77-abc"
HOLDER = """
import sys, time
from pathlib import Path
from presqt_daemon.config import Config, EngineOptions
from presqt_daemon.daemon.active import ServedFolders
base = Path(sys.argv[1])
config = Config(inbox=base / "inbox", mediafiles=base / "mediafiles",
                engine_options=EngineOptions(lease_ttl=float(sys.argv[2])))
held = ServedFolders(config, is_standby=sys.argv[3] == "standby").take()
print("held", flush=True)
time.sleep(600)
"""


@dataclass
class Clock:
    """Time goes on only while somebody waits."""

    now: float = 1000.0
    waited: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.waited.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()

    def terms(**given: object) -> LeaseTerms:
        return LeaseTerms(**given, clock=lambda: clock.now, sleep=clock.sleep)  # type: ignore[arg-type]

    monkeypatch.setattr(active, "LeaseTerms", terms)
    return clock


def config_in(base: Path) -> Config:
    return Config(
        inbox=base / "inbox",
        mediafiles=base / "mediafiles",
        engine_options=EngineOptions(lease_ttl=TTL),
    )


def left_by(base: Path, instance: str = OTHER, *, is_alone: bool = False) -> Path:
    """What a daemon has left in mediafiles that told last that it lives."""
    mediafiles = base / "mediafiles"
    mediafiles.mkdir(exist_ok=True)
    take_lease(mediafiles, LeaseTerms(ttl=TTL, instance=instance, is_alone=is_alone))
    return mediafiles


def serve(base: Path, *, is_standby: bool = False) -> HeldFolders:
    return ServedFolders(config_in(base), is_standby=is_standby).take()


def beat_in(base: Path) -> Heartbeat | None:
    return read_heartbeat(base / "mediafiles")


def test_a_daemon_without_a_standby_tells_once_that_it_serves_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    held = serve(tmp_path)
    beat = beat_in(tmp_path)
    assert beat is not None
    assert (beat.is_alone, beat.count) == (True, 1)
    held.release()
    assert not [name for name in os.listdir(tmp_path / "mediafiles") if "lock" not in name]


@pytest.mark.parametrize("is_standby", [False, True])
def test_a_second_one_of_this_host_is_refused_in_the_words_of_ever(
    tmp_path: Path, *, is_standby: bool
) -> None:
    held = serve(tmp_path, is_standby=is_standby)
    with pytest.raises(HeldError) as refused:
        serve(tmp_path)
    mediafiles = tmp_path / "mediafiles"
    me = f"another presqt-daemon (pid {os.getpid()} on {host.host_name()})"
    assert str(refused.value) == f"{mediafiles} is held by {me}"
    held.release()


def test_what_a_killed_one_of_this_very_boot_has_left_is_taken_without_any_wait(
    tmp_path: Path, clock: Clock
) -> None:
    for how in ("standby", "alone"):
        with subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path), "3600", how], stdout=subprocess.PIPE
        ) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            holder.send_signal(signal.SIGKILL)
        served = ServedFolders(config_in(tmp_path), is_standby=True)
        served.take_if_free().release()
        assert clock.waited == []


def test_a_dead_holder_of_another_host_is_waited_for_and_then_followed(
    tmp_path: Path, clock: Clock
) -> None:
    left_by(tmp_path)
    held = serve(tmp_path)
    assert sum(clock.waited) >= TTL
    beat = beat_in(tmp_path)
    assert beat is not None
    assert beat.epoch == 2
    held.release()


def test_a_living_holder_of_another_host_refuses_a_second_daemon(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    mediafiles = left_by(tmp_path)
    path, sleep = mediafiles / HEARTBEAT_NAME, clock.sleep

    def beat_and_sleep(seconds: float) -> None:
        path.write_bytes(path.read_bytes().replace(b'"count": 1', b'"count": 2'))
        sleep(seconds)

    monkeypatch.setattr(clock, "sleep", beat_and_sleep)
    with pytest.raises(HeldError, match=r"pid 77 on other"):
        serve(tmp_path)
    assert not is_held(tmp_path / "inbox")
    FolderLock(mediafiles).release()


def test_a_holder_that_is_alone_on_another_host_is_never_followed_by_a_standby(
    tmp_path: Path, clock: Clock
) -> None:
    left_by(tmp_path, is_alone=True)
    served = ServedFolders(config_in(tmp_path), is_standby=True)
    for _ in range(3):
        with pytest.raises(HeldError, match=r"pid 77 on other"):
            served.take_if_free()
        clock.now += 10 * TTL
    # but by a daemon that is told to be the only one, as ever
    serve(tmp_path).release()


def test_a_standby_follows_a_silent_holder_after_the_time_to_live_and_not_before(
    tmp_path: Path, clock: Clock
) -> None:
    left_by(tmp_path)
    served = ServedFolders(config_in(tmp_path), is_standby=True)
    for _ in range(2):
        with pytest.raises(HeldError):
            served.take_if_free()
        clock.now += TTL * 0.6
    served.take_if_free().release()


def test_a_standby_takes_the_lock_from_a_frozen_holder_that_keeps_it_for_ever(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), str(TTL), "standby"], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        holder.send_signal(signal.SIGSTOP)
        served = ServedFolders(config_in(tmp_path), is_standby=True)
        held = None
        while held is None:
            try:
                held = served.take_if_free()
            except HeldError:
                continue
        with pytest.raises(HeldError, match=f"pid {os.getpid()} "):
            serve(tmp_path)
        holder.send_signal(signal.SIGCONT)
        assert holder.wait(60) == 75
        assert is_held(tmp_path / "mediafiles")
        held.release()


def test_the_lock_of_another_mediafiles_over_the_same_inbox_is_never_taken(
    tmp_path: Path, clock: Clock
) -> None:
    config = config_in(tmp_path)
    other = replace(config, mediafiles=tmp_path / "others")
    held = ServedFolders(other, is_standby=True).take()
    left_by(tmp_path)
    served = ServedFolders(config, is_standby=True)
    for _ in range(4):
        with pytest.raises(HeldError):
            served.take_if_free()
        clock.now += 2 * TTL
    beat = beat_in(tmp_path)
    assert beat is not None
    assert beat.is_released
    held.release()


def test_of_a_daemon_of_another_host_is_known_that_it_runs_by_what_it_told_lately(
    tmp_path: Path,
) -> None:
    mediafiles = left_by(tmp_path)
    assert is_held(mediafiles)
    os.utime(mediafiles / HEARTBEAT_NAME, (0, 0))
    assert not is_held(mediafiles)
