import threading
from pathlib import Path

import pytest

from presqt_daemon.leases.heartbeat import HEARTBEAT_NAME, read_heartbeat
from presqt_daemon.leases.kept import KeptLease
from presqt_daemon.leases.lease import Lease, LeaseTerms
from presqt_daemon.leases.take import take_lease
from tests.leases.test_lease import Host

TTL = 0.4
LONG = 60.0


def taken(folder: Path, name: str = "a", *, is_alone: bool = False) -> Lease:
    terms = LeaseTerms(ttl=TTL, instance=f"{name}:boot:1-x", is_alone=is_alone)
    return take_lease(folder, terms)


def test_a_kept_lease_is_told_again_and_again_without_anybody_asking(tmp_path: Path) -> None:
    kept = KeptLease(taken(tmp_path), TTL, lambda: None)
    kept.start()
    try:
        for _ in range(3):
            first = read_heartbeat(tmp_path)
            assert first is not None
            tick = threading.Event()
            while (beat := read_heartbeat(tmp_path)) is not None and beat.count == first.count:
                tick.wait(0.005)
            assert beat is not None
            assert beat.count > first.count
            kept.pass_or_leave()
    finally:
        kept.stop()


def test_one_that_is_alone_is_told_once_and_costs_no_thread(tmp_path: Path) -> None:
    kept = KeptLease(taken(tmp_path, is_alone=True), TTL, lambda: None)
    kept.start()
    assert kept._thread is None
    (tmp_path / HEARTBEAT_NAME).unlink()
    kept.pass_or_leave()
    kept.stop()


def test_who_was_silent_while_another_took_over_leaves_and_lets_nobody_pass(
    tmp_path: Path,
) -> None:
    left, passed = threading.Event(), threading.Event()
    mine = taken(tmp_path)
    take_lease(tmp_path, LeaseTerms(ttl=TTL, instance="b:boot:1-y", is_alone=False))
    kept = KeptLease(mine, TTL, left.set)
    assert not mine.is_sure

    def act() -> None:
        kept.pass_or_leave()
        passed.set()

    threading.Thread(target=act, daemon=True).start()
    kept.start()
    assert left.wait(LONG)
    assert not passed.is_set()
    beat = read_heartbeat(tmp_path)
    assert beat is not None
    assert beat.instance == "b:boot:1-y"


def test_who_was_silent_and_nobody_came_goes_on_under_the_next_number(tmp_path: Path) -> None:
    host = Host("a")
    mine = take_lease(tmp_path, host.terms())
    host.now += 100
    assert not mine.is_sure
    kept = KeptLease(mine, TTL, lambda: None)
    kept.start()
    try:
        kept.pass_or_leave()
    finally:
        kept.stop()
    assert mine.epoch == 2


def test_while_the_share_is_away_nobody_passes_and_nobody_leaves(tmp_path: Path) -> None:
    folder, away = tmp_path / "here", tmp_path / "away"
    folder.mkdir()
    mine = taken(folder)
    folder.rename(away)
    passed = threading.Event()
    kept = KeptLease(mine, TTL, lambda: pytest.fail("nobody has taken over"))
    kept.start()
    try:
        tick = threading.Event()
        while mine.is_sure:
            tick.wait(0.01)

        def act() -> None:
            kept.pass_or_leave()
            passed.set()

        threading.Thread(target=act, daemon=True).start()
        assert not passed.is_set()
        away.rename(folder)
        assert passed.wait(LONG)
    finally:
        kept.stop()
