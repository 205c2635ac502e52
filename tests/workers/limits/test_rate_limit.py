from dataclasses import replace
from itertools import pairwise

import pytest

from presqt_daemon.config import Config, TargetConfig
from presqt_daemon.workers.limits.accounts import account_of
from presqt_daemon.workers.limits.permits import Permits
from presqt_daemon.workers.limits.rate_limit import Waits, book

LAB = TargetConfig(name="lab", type="figshare", url="https://figshare.example/v2")


def turns_of(requests_per_minute: int, asked_at: list[float]) -> list[float]:
    """When each of these requests may be made."""
    due, turns = 0.0, []
    for now in asked_at:
        seconds, due = book(due, requests_per_minute, now)
        turns.append(now + seconds)
    return turns


@pytest.mark.parametrize("limit", [1, 7, 60, 80, 600, 6000])
def test_no_minute_has_more_requests_than_may_come_in_one(limit: int) -> None:
    turns = turns_of(limit, [1000.0] * (3 * limit))
    assert all(
        later - first >= 60 - 1e-6 for first, later in zip(turns, turns[limit:], strict=False)
    )
    assert turns[-1] - turns[0] < 190


def test_an_account_that_was_quiet_may_make_a_few_requests_at_once() -> None:
    turns = turns_of(60, [1000.0] * 5 + [2000.0] * 4)
    assert turns[:3] == [1000.0] * 3
    assert turns[3] > 1000.9
    assert turns[5:8] == [2000.0] * 3
    assert turns[8] > 2000.9


def test_who_asks_in_time_waits_for_nothing() -> None:
    asked = [1000.0 + 2 * number for number in range(50)]
    assert turns_of(60, asked) == asked


def test_two_tickets_of_one_account_share_its_turns_and_another_account_has_its_own() -> None:
    permits, now = Permits(Config()), 1000.0
    same = replace(LAB, name="lab-b", visibility="public")
    accounts = [account_of(LAB, "mark"), account_of(same, "mark")]
    waits = [permits.book_turn(accounts[number % 2], 60, now) for number in range(10)]
    assert all(later - first > 1 for first, later in pairwise(waits[2:]))
    assert permits.book_turn(account_of(LAB, "another"), 60, now) == 0


def test_waits_at_the_same_time_count_once() -> None:
    waits = Waits()
    waits.begin(0.0, 100.0)
    assert waits.spent(100.0) == 0
    waits.begin(10.0, 100.0)
    waits.begin(12.0, 105.0)
    waits.begin(3.0, 106.0)
    assert waits.spent(106.0) == 6
    assert waits.last(106.0) == 106
    assert waits.spent(200.0) == 17
    assert waits.last(200.0) == 117
    waits.begin(5.0, 200.0)
    assert waits.spent(203.0) == 20
