from datetime import datetime, timedelta

from presqt_daemon.notifications.conditions import (
    DiskFigures,
    HeldTarget,
    Observation,
    Told,
    disk_changes,
    new_waits,
    target_changes,
)
from presqt_daemon.notifications.events import NotificationKind
from presqt_daemon.receivers import NotifyConfig
from tests.notifications.made import NOW

CONFIG = NotifyConfig(down_after=120.0)
MINUTE = timedelta(minutes=1)


def held(**given: bool) -> Observation:
    target = HeldTarget(since=NOW, cause="no answer", waiting=3, **given)
    return Observation(held_targets={"osf": target})


def served(at: datetime) -> Observation:
    return Observation(served={"osf": at})


def kinds(seen: Observation, told: Told, now: datetime) -> tuple[list[str], Told]:
    changes, after = target_changes(seen, told, CONFIG, now)
    return [str(one.kind) for one in changes], after


def test_an_outage_is_told_when_it_has_lasted_and_only_once() -> None:
    assert kinds(held(), Told(), NOW + MINUTE) == ([], Told())
    told, after = kinds(held(), Told(), NOW + 2 * MINUTE)
    assert told == ["target-down"]
    assert kinds(held(), after, NOW + 60 * MINUTE) == ([], after)


def test_what_only_a_person_mends_is_told_at_once_and_a_rate_limit_never() -> None:
    assert kinds(held(needs_person=True), Told(), NOW)[0] == ["target-down"]
    assert kinds(held(is_limited=True), Told(), NOW + 600 * MINUTE)[0] == []


def test_back_is_told_only_of_what_was_told_as_down() -> None:
    assert kinds(served(NOW + MINUTE), Told(), NOW + MINUTE)[0] == []
    _, after = kinds(held(), Told(), NOW + 5 * MINUTE)
    told, end = kinds(served(NOW + 9 * MINUTE), after, NOW + 9 * MINUTE)
    assert (told, end) == (["target-back"], Told())


def test_a_target_that_is_only_asked_no_more_is_not_told_as_back() -> None:
    """After a restart, or when no ticket waits, nobody knows: it is back when it took something."""
    _, after = kinds(held(), Told(), NOW + 5 * MINUTE)
    assert kinds(Observation(), after, NOW + 9 * MINUTE) == ([], after)
    assert kinds(served(NOW - MINUTE), after, NOW + 9 * MINUTE) == ([], after)


def test_down_and_back_and_down_again_have_ids_of_their_own() -> None:
    first, after = target_changes(held(), Told(), CONFIG, NOW + 5 * MINUTE)
    back, after = target_changes(served(NOW + 6 * MINUTE), after, CONFIG, NOW + 6 * MINUTE)
    later = HeldTarget(since=NOW + 9 * MINUTE, cause="no answer")
    seen = Observation(held_targets={"osf": later}, served={"osf": NOW + 6 * MINUTE})
    second, _ = target_changes(seen, after, CONFIG, NOW + 20 * MINUTE)
    assert len({one.id for one in (*first, *back, *second)}) == 3


def disk(free: int) -> DiskFigures:
    return DiskFigures(folder="/srv/mediafiles", free=free, keep=100, total=1000)


def test_a_short_disk_is_told_once_and_well_again_only_with_room_to_spare() -> None:
    nothing = Observation()
    assert disk_changes(nothing, disk(100), Told(), NOW) == ([], Told())
    (short,), told = disk_changes(nothing, disk(99), Told(), NOW)
    assert short.kind is NotificationKind.DISK_SHORT
    assert disk_changes(nothing, disk(10), told, NOW)[0] == []
    assert disk_changes(nothing, disk(109), told, NOW)[0] == []
    (back,), told = disk_changes(nothing, disk(120), told, NOW + MINUTE)
    assert back.kind is NotificationKind.DISK_BACK
    assert "1 min" in back.message
    assert told == Told()


def test_a_bag_that_waits_for_room_makes_a_disk_short_however_much_is_free() -> None:
    (short,), told = disk_changes(Observation(waiting_for_disk=2), disk(900), Told(), NOW)
    assert short.count == 2
    assert disk_changes(Observation(waiting_for_disk=1), disk(900), told, NOW)[0] == []
    assert len(disk_changes(Observation(), disk(900), told, NOW)[0]) == 1


def test_a_long_wait_is_told_once_until_the_ticket_ends() -> None:
    seen = Observation(open_tickets=frozenset("abc"), long_waits=frozenset("ab"))
    new, told = new_waits(seen, Told())
    assert new == ["a", "b"]
    assert new_waits(seen, told) == ([], told)
    pause = Observation(open_tickets=frozenset("abc"))
    assert new_waits(pause, told) == ([], told)
    _, told = new_waits(Observation(open_tickets=frozenset("c")), told)
    assert new_waits(seen, told)[0] == ["a", "b"], "reopened, it may wait for long again"
