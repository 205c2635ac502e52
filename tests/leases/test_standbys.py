"""Those that stand by are listed while they live, and leave nothing for ever."""

import os
from pathlib import Path

from presqt_daemon.leases.standbys import STANDBYS_NAME, WaitingFile, find_standbys
from presqt_daemon.system.host import boot_id, host_name

TTL = 60.0
MAX_PID = 1 << 22


def instance(name: str, boot: str = "boot", pid: int = 7, mark: str = "") -> str:
    return f"{name}:{boot}:{pid}-{mark or name * 4}"


def age(mediafiles: Path, seconds: float) -> None:
    """As if so long ago each had told last."""
    for path in (mediafiles / STANDBYS_NAME).iterdir():
        moment = path.stat().st_mtime - seconds
        os.utime(path, (moment, moment))


def test_who_waits_is_listed_until_it_says_that_it_does_not(tmp_path: Path) -> None:
    assert find_standbys(tmp_path, TTL) == []
    ours, theirs = (WaitingFile(tmp_path, TTL, instance=instance(name)) for name in ("b", "a"))
    ours.tell()
    theirs.tell()
    assert find_standbys(tmp_path, TTL) == [instance("a"), instance("b")]
    ours.forget()
    ours.forget()
    assert find_standbys(tmp_path, TTL) == [instance("a")]


def test_one_that_is_silent_is_not_listed_and_is_again_once_it_tells(tmp_path: Path) -> None:
    now = 0.0
    waiting = WaitingFile(tmp_path, TTL, instance=instance("a"), clock=lambda: now)
    waiting.tell()
    age(tmp_path, TTL + 1)
    waiting.tell()  # not its time yet: nothing is written
    assert find_standbys(tmp_path, TTL) == []
    now = TTL / 2
    waiting.tell()
    assert find_standbys(tmp_path, TTL) == [instance("a")]


def test_what_a_dead_one_of_this_host_left_goes_with_the_next_and_no_other_hosts(
    tmp_path: Path,
) -> None:
    dead = instance(host_name(), boot_id(), MAX_PID + 1, "dead")
    other = instance("elsewhere", mark="other")
    for one in (dead, other):
        WaitingFile(tmp_path, TTL, instance=one).tell()
        age(tmp_path, TTL + 1)
    WaitingFile(tmp_path, TTL, instance=instance("a")).tell()
    assert set(os.listdir(tmp_path / STANDBYS_NAME)) == {"other", "aaaa"}


def test_a_share_that_is_away_or_full_keeps_nobody_from_waiting(tmp_path: Path) -> None:
    waiting = WaitingFile(tmp_path / "away", TTL, instance=instance("a"))
    waiting.tell()
    waiting.forget()
    (tmp_path / STANDBYS_NAME).write_text("no folder")
    WaitingFile(tmp_path, TTL, instance=instance("a")).tell()
