from datetime import timedelta
from pathlib import Path

import pytest

from presqt_daemon.notifications.delivery import Delivered
from presqt_daemon.notifications.outbox import Entry, Outbox
from presqt_daemon.notifications.pending import KEPT_FOR, Pending
from presqt_daemon.receivers import NotifyConfig, ReceiverConfig
from presqt_daemon.tickets.store import Uploads
from tests.notifications.made import NOW, notification

CONFIG = NotifyConfig(gather=30.0, every=900.0)
STAFF, HOOK = ReceiverConfig(name="staff"), ReceiverConfig(name="hook", command=("hook",))
BOTH = {"staff": STAFF, "hook": HOOK}


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    outbox = Outbox(tmp_path / "outbox", Uploads(tmp_path))
    outbox.open()
    return outbox


def entry(number: int, *names: str) -> Entry:
    return Entry(notification(number), frozenset(names))


def due(pending: Pending, now: float) -> dict[str, list[str]]:
    batches = pending.due(now, NOW)
    return {b.receiver.name: [one.about for one in b.notifications] for b in batches}


def test_one_message_tells_what_has_gathered_and_the_next_waits_for_its_time(
    outbox: Outbox,
) -> None:
    pending = Pending(outbox, BOTH, CONFIG)
    pending.add(entry(1, "staff"), 100.0)
    pending.add(entry(2, "staff"), 110.0)
    assert due(pending, 129.0) == {}
    (batch,) = pending.due(130.0, NOW)
    assert [one.about for one in batch.notifications] == ["bag1.zip", "bag2.zip"]
    pending.add(entry(3, "staff"), 131.0)
    assert due(pending, 500.0) == {}, "it is being told"
    ids = frozenset(one.id for one in batch.notifications)
    pending.take_end(batch, Delivered(ids=ids), 132.0)
    assert [one.notification.about for one in outbox.entries(BOTH)] == ["bag3.zip"]
    assert due(pending, 1031.0) == {}
    assert due(pending, 1032.0) == {"staff": ["bag3.zip"]}


def test_who_was_told_is_not_told_again_while_another_is_down(outbox: Outbox) -> None:
    pending = Pending(outbox, BOTH, CONFIG)
    pending.add(entry(1, "staff", "hook"), 0.0)
    staff, hook = pending.due(30.0, NOW)
    told = frozenset({notification(1).id})
    pending.take_end(hook, Delivered(ids=told), 31.0)
    failed = Delivered(cause="refused")
    pending.take_end(staff, failed, 31.0)
    assert [one.to for one in outbox.entries(BOTH)] == [frozenset({"staff"})]
    assert due(pending, 45.0) == {}
    assert due(pending, 46.0) == {"staff": ["bag1.zip"]}


def test_what_comes_while_a_receiver_is_down_is_told_in_the_next_try(outbox: Outbox) -> None:
    pending = Pending(outbox, BOTH, CONFIG)
    pending.add(entry(1, "staff"), 0.0)
    (batch,) = pending.due(30.0, NOW)
    pending.take_end(batch, Delivered(cause="refused"), 31.0)
    pending.add(entry(2, "staff"), 40.0)
    assert due(pending, 46.0) == {"staff": ["bag1.zip", "bag2.zip"]}


def test_a_message_that_reached_some_addresses_stays_as_it_is(outbox: Outbox) -> None:
    pending = Pending(outbox, BOTH, CONFIG)
    pending.add(entry(1, "staff"), 0.0)
    (batch,) = pending.due(30.0, NOW)
    end = Delivered(cause="x", done=frozenset({"mark"}))
    pending.take_end(batch, end, 31.0)
    pending.add(entry(2, "staff"), 40.0)
    (again,) = pending.due(46.0, NOW)
    assert [one.about for one in again.notifications] == ["bag1.zip"]
    assert again.done == {"mark"}


def test_an_event_that_a_command_does_not_take_lets_the_others_pass(outbox: Outbox) -> None:
    pending = Pending(outbox, BOTH, CONFIG)
    for number in range(3):
        pending.add(entry(number, "hook"), 0.0)
    (batch,) = pending.due(0.0, NOW)
    failed = frozenset({notification(0).id})
    end = Delivered(cause="x", failed=failed)
    pending.take_end(batch, end, 0.0)
    assert due(pending, 15.0) == {"hook": ["bag1.zip", "bag2.zip", "bag0.zip"]}


def test_what_is_too_old_is_given_up_aloud_and_counted_in_the_next_message(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    pending = Pending(outbox, BOTH, CONFIG)
    pending.add(entry(1, "staff"), 0.0)
    pending.add(entry(900, "staff"), 0.0)
    wall = NOW + KEPT_FOR + timedelta(seconds=60)
    (batch,) = pending.due(30.0, wall)
    assert batch.lost == 1
    assert [one.about for one in batch.notifications] == ["bag900.zip"]
    assert "1 notifications for too long" in caplog.text
    pending.take_end(batch, Delivered(cause="x"), 31.0)
    (again,) = pending.due(46.0, wall)
    assert again.lost == 1, "until somebody has read it"


def test_where_all_is_given_up_the_next_message_says_so_too(outbox: Outbox) -> None:
    pending = Pending(outbox, BOTH, CONFIG)
    pending.add(entry(1, "staff"), 0.0)
    pending.add(entry(2, "staff"), 0.0)
    wall = NOW + KEPT_FOR + timedelta(seconds=60)
    assert pending.due(30.0, wall) == []
    pending.add(entry(900, "staff"), 40.0)
    (batch,) = pending.due(70.0, wall)
    assert batch.lost == 2
    told = frozenset(one.id for one in batch.notifications)
    pending.take_end(batch, Delivered(ids=told), 71.0)
    pending.add(entry(901, "staff"), 72.0)
    (after,) = pending.due(2000.0, wall)
    assert after.lost == 0


def test_a_failure_is_logged_once_a_minute_at_most(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    pending = Pending(outbox, BOTH, CONFIG)
    pending.add(entry(1, "staff"), 0.0)
    now = 30.0
    for _ in range(3):
        (batch,) = pending.due(now, NOW)
        end = Delivered(cause="refused")
        pending.take_end(batch, end, now)
        now += 15 * 4
    assert caplog.text.count("could not be told") == 3
    caplog.clear()
    pending = Pending(outbox, BOTH, CONFIG)
    pending.add(entry(1, "staff"), 0.0)
    for moment in (30.0, 45.0, 75.0):
        (batch,) = pending.due(moment, NOW)
        end = Delivered(cause="refused")
        pending.take_end(batch, end, moment)
    assert caplog.text.count("could not be told") == 1


def test_a_receiver_that_is_taken_out_is_waited_for_no_more(outbox: Outbox) -> None:
    pending = Pending(outbox, BOTH, CONFIG)
    pending.add(entry(1, "staff", "hook"), 0.0)
    pending.use({"hook": HOOK}, CONFIG)
    assert [one.to for one in outbox.entries(BOTH)] == [frozenset({"hook"})]
    pending.use({}, CONFIG)
    assert list(outbox.entries(BOTH)) == []
    assert pending.is_quiet()


def test_an_outbox_that_cannot_be_written_keeps_nobody_from_being_told(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That a disk is short must be told above all when nothing can be written there."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("presqt_daemon.notifications.outbox.replace_file", full)
    pending = Pending(outbox, BOTH, CONFIG)
    pending.add(entry(1, "staff"), 0.0)
    assert due(pending, 30.0) == {"staff": ["bag1.zip"]}


def test_before_the_end_nobody_waits_for_more(outbox: Outbox) -> None:
    pending = Pending(outbox, BOTH, CONFIG)
    pending.add(entry(1, "staff"), 0.0)
    assert not pending.is_quiet()
    pending.hurries = True
    assert due(pending, 0.0) == {"staff": ["bag1.zip"]}
    assert not pending.is_quiet()
