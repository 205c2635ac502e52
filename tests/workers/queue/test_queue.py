from dataclasses import replace
from datetime import UTC, datetime

import pytest

from presqt_daemon.config import Config, StagingConfig, TargetConfig
from presqt_daemon.model import PauseKind
from presqt_daemon.workers.limits.permits import Permits
from presqt_daemon.workers.queue.open_ticket import OpenTicket
from presqt_daemon.workers.queue.queue import TicketQueue
from presqt_daemon.workers.runs.pauses import Held, Pause
from presqt_daemon.workers.runs.run import Work

GB = 10**9


def permits(lanes: int = 2) -> Permits:
    return Permits(
        Config(
            staging=StagingConfig(workers=2, small=GB),
            targets={name: TargetConfig(name=name, workers=lanes) for name in ("archive", "other")},
        )
    )


def bag(name: str, size: int = 1) -> OpenTicket:
    return OpenTicket(ticket=name, work=Work.STAGE, zip_bytes=size)


def deposit(
    name: str, target: str = "archive", resource_id: str | None = None, size: int = 1
) -> OpenTicket:
    return OpenTicket(
        ticket=name, work=Work.UPLOAD, target=target, resource_id=resource_id, zip_bytes=size
    )


def names(agenda: TicketQueue, allowed: Permits, now: float = 0.0) -> list[str]:
    return [run.ticket for run in agenda.runs(allowed, now)]


def test_bags_are_staged_in_the_order_they_came() -> None:
    agenda, allowed = TicketQueue(), permits()
    for name in ("one", "two", "three"):
        agenda.add(bag(name))
    assert names(agenda, allowed) == ["one", "two"]
    allowed.end_staging("one")
    assert names(agenda, allowed) == ["three"]


def test_a_small_bag_passes_large_ones() -> None:
    agenda, allowed = TicketQueue(), permits()
    for name in ("large", "larger"):
        agenda.add(bag(name, 50 * GB))
    agenda.add(bag("small"))
    assert names(agenda, allowed) == ["large", "small"]


def test_small_bags_do_not_starve_a_large_one() -> None:
    agenda, allowed = TicketQueue(), permits()
    agenda.add(bag("small 1"))
    agenda.add(bag("large", 50 * GB))
    agenda.add(bag("small 2"))
    assert names(agenda, allowed) == ["small 1", "large"]
    allowed.end_staging("small 1")
    assert names(agenda, allowed) == ["small 2"]


def test_a_full_lane_of_one_target_does_not_hold_another() -> None:
    agenda, allowed = TicketQueue(), permits(lanes=1)
    agenda.add(deposit("a1"))
    agenda.add(deposit("a2"))
    agenda.add(deposit("o1", target="other"))
    assert names(agenda, allowed) == ["a1", "o1"]
    allowed.end_sending("a1")
    assert names(agenda, allowed) == ["a2"]


def test_a_small_deposit_passes_large_ones_and_neither_starves_the_other() -> None:
    agenda, allowed = TicketQueue(), permits()
    for name in ("large 1", "large 2"):
        agenda.add(deposit(name, size=50 * GB))
    for name in ("small 1", "small 2", "small 3"):
        agenda.add(deposit(name))
    assert names(agenda, allowed) == ["large 1", "small 1"]
    allowed.end_sending("large 1")
    assert names(agenda, allowed) == ["large 2"]
    allowed.end_sending("small 1")
    assert names(agenda, allowed) == ["small 2"]
    allowed.end_sending("small 2")
    assert names(agenda, allowed) == ["small 3"]


def test_containers_take_turns() -> None:
    agenda, allowed = TicketQueue(), permits(lanes=1)
    for number in range(3):
        agenda.add(deposit(f"busy {number}", resource_id="busy"))
    agenda.add(deposit("quiet", resource_id="quiet"))
    assert names(agenda, allowed) == ["busy 0"]
    allowed.end_sending("busy 0")
    assert names(agenda, allowed) == ["quiet"]
    allowed.end_sending("quiet")
    assert names(agenda, allowed) == ["busy 1"]


def test_two_tickets_for_one_container_never_run_at_once() -> None:
    agenda, allowed = TicketQueue(), permits()
    agenda.add(deposit("one", resource_id="project"))
    agenda.add(deposit("two", resource_id="project"))
    assert names(agenda, allowed) == ["one"]
    assert names(agenda, allowed) == []


def test_a_parked_ticket_comes_back_in_front_when_its_time_has_come() -> None:
    agenda, allowed = TicketQueue(), permits()
    agenda.park(bag("parked"), 30.0)
    agenda.add(bag("one"))
    agenda.add(bag("two"))
    agenda.wake(29.0)
    assert agenda.next_moment(29.0) == 30.0
    agenda.wake(30.0)
    assert names(agenda, allowed) == ["parked", "one"]


def test_a_cancelled_ticket_never_runs_wherever_it_waited() -> None:
    agenda, allowed = TicketQueue(), permits()
    agenda.add(bag("staging"))
    agenda.add(deposit("sending"))
    agenda.park(bag("parked"), 1.0)
    for name in ("staging", "sending", "parked"):
        assert agenda.remove(name) is not None
    agenda.wake(2.0)
    assert names(agenda, allowed) == []
    assert agenda.remove("staging") is None


WALL = datetime(2030, 1, 1, tzinfo=UTC)
DOWN = Held(kind=PauseKind.OUTAGE, cause="connection refused", waiting_for="the target")
SLOW = Held(
    kind=PauseKind.LIMIT, cause="too many", waiting_for="the target's rate limit", seconds=45.0
)


def pause(agenda: TicketQueue, held: Held = DOWN, *, by: str = "x", now: float = 0.0) -> bool:
    return agenda.pause("archive", held, asked_by=by, now=now, wall=WALL)


def end(agenda: TicketQueue, allowed: Permits, name: str) -> OpenTicket:
    """A run has ended; its ticket stays open."""
    allowed.end_sending(name)
    ticket = agenda.tickets[name]
    agenda.end_run(ticket)
    return ticket


def over(agenda: TicketQueue, allowed: Permits, name: str) -> None:
    end(agenda, allowed, name)
    agenda.remove(name)


def held_lane(count: int = 3) -> tuple[TicketQueue, Permits]:
    """Tickets for a target that is down, and is asked again at 15.0."""
    agenda, allowed = TicketQueue(), permits()
    for number in range(count):
        agenda.add(deposit(f"a{number}"))
    pause(agenda)
    return agenda, allowed


def test_a_paused_target_is_asked_by_one_ticket_and_after_a_success_all_go() -> None:
    agenda, allowed = held_lane()
    agenda.add(deposit("o", target="other"))
    assert names(agenda, allowed, now=14.0) == ["o"]
    assert agenda.next_moment(14.0) == 15.0
    (asking,) = agenda.runs(allowed, 15.0)
    assert (asking.ticket, asking.is_asking) == ("a0", True)
    assert names(agenda, allowed, now=16.0) == []
    over(agenda, allowed, "a0")
    assert agenda.resume("archive", 17.0) is not None
    assert names(agenda, allowed, now=17.0) == ["a1", "a2"]


def test_when_the_one_that_asks_ends_by_its_own_fault_the_next_one_asks() -> None:
    agenda, allowed = held_lane()
    assert names(agenda, allowed, now=15.0) == ["a0"]
    over(agenda, allowed, "a0")
    assert names(agenda, allowed, now=16.0) == ["a1"]
    assert names(agenda, allowed, now=16.0) == []


def test_one_that_asks_and_whose_worker_died_goes_again_itself() -> None:
    agenda, allowed = held_lane(1)
    assert names(agenda, allowed, now=15.0) == ["a0"]
    agenda.park(end(agenda, allowed, "a0"), 15.2)
    agenda.wake(15.2)
    assert names(agenda, allowed, now=15.2) == ["a0"]


def test_asked_in_vain_the_target_is_asked_again_after_twice_the_time() -> None:
    agenda, allowed = held_lane()
    now, waited = 15.0, []
    for _ in range(7):
        (name,) = names(agenda, allowed, now=now)
        assert not pause(agenda, by=name, now=now), "a pause that goes on does not begin"
        agenda.hold(end(agenda, allowed, name), now)
        assert names(agenda, allowed, now=now) == []
        again = agenda.next_moment(now)
        assert again is not None
        waited.append(again - now)
        now = again
    assert waited == [30.0, 60.0, 120.0, 240.0, 300.0, 300.0, 300.0]


def test_others_that_meet_the_same_outage_do_not_double_the_pause() -> None:
    agenda, _allowed = held_lane()
    for _ in range(5):
        assert not pause(agenda, by="another", now=3.0)
    assert agenda.next_moment(3.0) == 15.0


def test_a_success_of_anybodys_ends_a_pause() -> None:
    agenda, allowed = TicketQueue(), permits()
    agenda.add(deposit("from before"))
    assert names(agenda, allowed) == ["from before"]
    agenda.add(deposit("a0"))
    assert pause(agenda)
    assert names(agenda, allowed, now=1.0) == []
    agenda.resume("archive", 2.0)
    assert names(agenda, allowed, now=2.0) == ["a0"]


def test_nothing_is_due_while_the_target_is_asked() -> None:
    agenda, allowed = held_lane()
    assert names(agenda, allowed, now=15.0) == ["a0"]
    assert agenda.next_moment(15.0) is None
    assert agenda.next_moment(99.0) is None


def test_a_pause_ends_when_its_only_ticket_was_cancelled() -> None:
    agenda, allowed = held_lane(1)
    agenda.remove("a0")
    assert agenda.next_moment(0.0) is None
    assert [one.target for one in agenda.wake(16.0)] == ["archive"]
    for number in range(2):
        agenda.add(deposit(f"new {number}"))
    assert names(agenda, allowed, now=16.0) == ["new 0", "new 1"], "the pause was not dropped"


def test_a_rate_limit_holds_the_whole_target_until_its_time_and_nobody_shortens_it() -> None:
    agenda, allowed = TicketQueue(), permits()
    for number in range(3):
        agenda.add(deposit(f"a{number}"))
    assert pause(agenda, SLOW, now=100.0)
    agenda.ask_at_once("archive", 101.0)
    agenda.wake(144.0)
    assert names(agenda, allowed, now=144.0) == []
    assert agenda.next_moment(144.0) == 145.0
    assert names(agenda, allowed, now=145.0) == ["a0"]


def test_a_later_time_of_a_rate_limit_counts_whoever_meets_it() -> None:
    agenda, _allowed = held_lane()
    pause(agenda, replace(SLOW, seconds=99999.0), now=10.0)
    assert agenda.next_moment(10.0) == 3610.0, "believed for an hour at most"


def test_a_person_may_have_a_paused_target_asked_at_once() -> None:
    agenda, allowed = held_lane()
    agenda.ask_at_once("archive", 3.0)
    assert names(agenda, allowed, now=3.0) == ["a0"]
    assert names(agenda, allowed, now=3.0) == []


def told(agenda: TicketQueue, allowed: Permits, now: float) -> list[tuple[str, bool]]:
    """The tickets that are written on now, and whether a moment is written that is to come."""
    found = []
    while (note := agenda.take_note(now)) is not None:
        ticket, pause = note
        assert isinstance(pause, Pause)
        found.append((ticket.ticket, pause.until > now))
        agenda.end_note(ticket.ticket, 10_000.0)
    return found


def test_every_held_ticket_is_told_of_each_new_moment_and_never_of_one_that_is_over() -> None:
    agenda, allowed = held_lane(2)
    assert told(agenda, allowed, 1.0) == [("a0", True), ("a1", True)]
    assert told(agenda, allowed, 2.0) == []
    agenda.wake(15.0)
    assert names(agenda, allowed, now=15.0) == ["a0"]
    assert told(agenda, allowed, 15.0) == [("a1", False)]
    pause(agenda, by="a0", now=16.0)
    agenda.hold(end(agenda, allowed, "a0"), 16.0)
    assert told(agenda, allowed, 16.0) == [("a1", True), ("a0", True)]
    assert agenda.next_note() == 10_000.0
    assert [agenda.tickets[name].waited_until(17.0) for name in ("a0", "a1")] == [15.0, 16.0]


def test_a_run_is_told_how_long_its_ticket_has_waited_and_running_is_no_wait() -> None:
    agenda, allowed = held_lane(1)
    agenda.tickets["a0"].waited = 100.0
    assert agenda.take_note(4.0) is not None
    agenda.end_note("a0", 3604.0)
    (run,) = agenda.runs(allowed, 15.0)
    assert run.waited_seconds == 111.0
    assert agenda.tickets["a0"].waited_until(99.0) == 111.0
    agenda.hold(end(agenda, allowed, "a0"), 100.0)
    assert agenda.tickets["a0"].waited_until(101.0) == 112.0


@pytest.mark.parametrize("work", list(Work))
def test_a_ticket_that_another_party_has_comes_later_in_its_place(work: Work) -> None:
    agenda, allowed = TicketQueue(), permits(1)
    for name in ("a0", "a1"):
        agenda.add(OpenTicket(ticket=name, work=work, target="archive", zip_bytes=1))
    taken = {"a0"}
    assert list(agenda.runs(allowed, 1.0, taken.__contains__)) == []
    taken.clear()
    assert next(agenda.runs(allowed, 2.0, taken.__contains__)).ticket == "a0"


def test_what_is_let_go_is_not_written_on_and_told_anew_when_held_anew() -> None:
    agenda, _allowed = held_lane(1)
    assert agenda.take_note(1.0) is not None
    agenda.resume("archive", 2.0)
    agenda.end_note("a0", 3.0)
    assert agenda.next_note() is None
    assert agenda.take_note(4.0) is None
    pause(agenda, now=4.0)
    assert agenda.take_note(5.0) is not None


def test_what_runs_is_known() -> None:
    agenda, allowed = TicketQueue(), permits()
    agenda.add(bag("one"))
    assert agenda.running() == []
    assert names(agenda, allowed) == ["one"]
    assert [ticket.ticket for ticket in agenda.running()] == ["one"]


def test_a_folder_that_floods_the_queue_leaves_each_other_folder_its_turn() -> None:
    agenda, allowed = TicketQueue(), permits()
    for number in range(50):
        agenda.add(OpenTicket(ticket=f"a{number}", work=Work.STAGE, folder="a"))
    agenda.add(OpenTicket(ticket="b0", work=Work.STAGE, folder="b"))
    first = [run.ticket for run in agenda.runs(allowed, 0.0)]
    assert "b0" in first, "it does not stand behind the fifty"
    allowed.end_staging("b0")
    agenda.add(OpenTicket(ticket="b1", work=Work.STAGE, folder="b"))
    assert "b1" in [run.ticket for run in agenda.runs(allowed, 0.0)]


def test_a_bag_that_was_too_slow_for_a_small_one_waits_among_the_large_ones() -> None:
    agenda, allowed = TicketQueue(), permits()
    for name in ("slow", "slower"):
        agenda.add(OpenTicket(ticket=name, work=Work.STAGE, is_slow=True))
    agenda.add(OpenTicket(ticket="small", work=Work.STAGE))
    assert {run.ticket for run in agenda.runs(allowed, 0.0)} == {"slow", "small"}
