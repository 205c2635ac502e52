from dataclasses import replace
from datetime import timedelta

from presqt_daemon.notifications.outbox import Entry
from presqt_daemon.notifications.pending import (
    KEPT_FOR,
    LONGEST_RETRY_SECONDS,
    MOST_KEPT,
    Turn,
    after_failure,
    after_success,
    given_up,
    next_moment,
)
from presqt_daemon.receivers import NotifyConfig, ReceiverConfig
from tests.notifications.made import NOW, notification

MAIL = ReceiverConfig(name="staff")
HOOK = ReceiverConfig(name="hook", command=("hook",))
CONFIG = NotifyConfig(gather=30.0, every=900.0)


def test_the_first_message_waits_for_more_and_the_next_until_its_time_has_come() -> None:
    assert next_moment(Turn(), MAIL, CONFIG) is None
    assert next_moment(Turn(since=100.0), MAIL, CONFIG) == 130.0
    turn = after_success(130.0, is_more=False)
    assert next_moment(turn, MAIL, CONFIG) is None
    assert next_moment(replace(turn, since=200.0), MAIL, CONFIG) == 1030.0


def test_a_command_is_run_at_once_for_each_event() -> None:
    assert next_moment(Turn(since=100.0), HOOK, CONFIG) == 100.0
    turn = after_success(100.0, is_more=True)
    assert next_moment(turn, HOOK, CONFIG) == 100.0


def test_failures_are_tried_again_after_longer_and_longer_to_a_quarter_of_an_hour() -> None:
    turn, waits = Turn(since=0.0), []
    for _ in range(12):
        turn = after_failure(turn, 0.0)
        waits.append(next_moment(turn, MAIL, CONFIG))
    assert waits[:4] == [15.0, 30.0, 60.0, 120.0]
    assert waits[-1] == LONGEST_RETRY_SECONDS


def test_who_is_being_told_is_not_told_twice() -> None:
    assert next_moment(Turn(since=0.0, is_busy=True), MAIL, CONFIG) is None


def test_what_is_too_old_or_too_much_is_given_up_the_oldest_first() -> None:
    entries = [Entry(notification(n), frozenset({"staff"})) for n in range(5)]
    assert given_up(entries, NOW) == []
    assert given_up(entries, NOW + KEPT_FOR + timedelta(seconds=2.5)) == entries[:3]
    many = [Entry(notification(n), frozenset({"staff"})) for n in range(MOST_KEPT + 3)]
    assert given_up(many, NOW) == many[:3]
    assert given_up(many, NOW + KEPT_FOR + timedelta(seconds=4.5)) == many[:5]
