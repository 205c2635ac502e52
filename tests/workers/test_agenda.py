from presqt_daemon.config import Config, StagingConfig, TargetConfig
from presqt_daemon.workers.agenda import Agenda
from presqt_daemon.workers.lane import Pause, pause_from
from presqt_daemon.workers.open_ticket import OpenTicket
from presqt_daemon.workers.permits import Permits
from presqt_daemon.workers.run import RATE_LIMIT, RunEnd, RunKind, Work

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


def names(agenda: Agenda, allowed: Permits, now: float = 0.0) -> list[str]:
    return [run.ticket for run in agenda.runs(allowed, now)]


def test_bags_are_staged_in_the_order_they_came() -> None:
    agenda, allowed = Agenda(), permits()
    for name in ("one", "two", "three"):
        agenda.add(bag(name))
    assert names(agenda, allowed) == ["one", "two"]
    allowed.end_staging("one")
    assert names(agenda, allowed) == ["three"]


def test_a_small_bag_passes_large_ones() -> None:
    agenda, allowed = Agenda(), permits()
    for name in ("large", "larger"):
        agenda.add(bag(name, 50 * GB))
    agenda.add(bag("small"))
    assert names(agenda, allowed) == ["large", "small"]


def test_small_bags_do_not_starve_a_large_one() -> None:
    agenda, allowed = Agenda(), permits()
    agenda.add(bag("small 1"))
    agenda.add(bag("large", 50 * GB))
    agenda.add(bag("small 2"))
    assert names(agenda, allowed) == ["small 1", "large"]
    allowed.end_staging("small 1")
    assert names(agenda, allowed) == ["small 2"]


def test_a_full_lane_of_one_target_does_not_hold_another() -> None:
    agenda, allowed = Agenda(), permits(lanes=1)
    agenda.add(deposit("a1"))
    agenda.add(deposit("a2"))
    agenda.add(deposit("o1", target="other"))
    assert names(agenda, allowed) == ["a1", "o1"]
    allowed.end_sending("a1")
    assert names(agenda, allowed) == ["a2"]


def test_a_small_deposit_passes_large_ones_and_neither_starves_the_other() -> None:
    agenda, allowed = Agenda(), permits()
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
    agenda, allowed = Agenda(), permits(lanes=1)
    for number in range(3):
        agenda.add(deposit(f"busy {number}", resource_id="busy"))
    agenda.add(deposit("quiet", resource_id="quiet"))
    assert names(agenda, allowed) == ["busy 0"]
    allowed.end_sending("busy 0")
    assert names(agenda, allowed) == ["quiet"]
    allowed.end_sending("quiet")
    assert names(agenda, allowed) == ["busy 1"]


def test_two_tickets_for_one_container_never_run_at_once() -> None:
    agenda, allowed = Agenda(), permits()
    agenda.add(deposit("one", resource_id="project"))
    agenda.add(deposit("two", resource_id="project"))
    assert names(agenda, allowed) == ["one"]
    assert names(agenda, allowed) == []


def test_a_parked_ticket_comes_back_in_front_when_its_time_has_come() -> None:
    agenda, allowed = Agenda(), permits()
    agenda.park(bag("parked"), 30.0)
    agenda.add(bag("one"))
    agenda.add(bag("two"))
    agenda.wake(29.0)
    assert agenda.next_moment(29.0) == 30.0
    agenda.wake(30.0)
    assert names(agenda, allowed) == ["parked", "one"]


def test_a_cancelled_ticket_never_runs_wherever_it_waited() -> None:
    agenda, allowed = Agenda(), permits()
    agenda.add(bag("staging"))
    agenda.add(deposit("sending"))
    agenda.park(bag("parked"), 1.0)
    for name in ("staging", "sending", "parked"):
        assert agenda.remove(name) is not None
    agenda.wake(2.0)
    assert names(agenda, allowed) == []
    assert agenda.remove("staging") is None


def outage(until: float) -> Pause:
    return Pause(until=until, waiting_for="the target")


def end(agenda: Agenda, allowed: Permits, name: str) -> OpenTicket:
    """A run has ended; its ticket stays open."""
    allowed.end_sending(name)
    ticket = agenda.tickets[name]
    agenda.end_run(ticket)
    return ticket


def over(agenda: Agenda, allowed: Permits, name: str) -> None:
    end(agenda, allowed, name)
    agenda.remove(name)


def held_lane(count: int = 3) -> tuple[Agenda, Permits]:
    """Tickets for a target that is down until 10.0."""
    agenda, allowed = Agenda(), permits()
    for number in range(count):
        agenda.add(deposit(f"a{number}"))
    agenda.pause("archive", outage(10.0))
    return agenda, allowed


def test_a_paused_target_lets_one_probe_through_and_after_its_success_all() -> None:
    agenda, allowed = held_lane()
    agenda.add(deposit("o", target="other"))
    assert names(agenda, allowed, now=9.0) == ["o"]
    assert agenda.next_moment(9.0) == 10.0
    assert names(agenda, allowed, now=10.0) == ["a0"]
    assert names(agenda, allowed, now=11.0) == []
    over(agenda, allowed, "a0")
    agenda.resume("archive", 12.0)
    assert names(agenda, allowed, now=12.0) == ["a1", "a2"]


def test_a_probe_that_ends_without_a_word_of_the_target_lets_the_next_one_through() -> None:
    agenda, allowed = held_lane()
    assert names(agenda, allowed, now=10.0) == ["a0"]
    over(agenda, allowed, "a0")
    assert names(agenda, allowed, now=11.0) == ["a1"]
    assert names(agenda, allowed, now=11.0) == []


def test_a_probe_whose_worker_died_goes_again_itself() -> None:
    agenda, allowed = held_lane(1)
    assert names(agenda, allowed, now=10.0) == ["a0"]
    agenda.park(end(agenda, allowed, "a0"), 10.2)
    agenda.wake(10.2)
    assert names(agenda, allowed, now=10.2) == ["a0"]


def test_a_probe_that_finds_the_target_still_down_pauses_it_again() -> None:
    agenda, allowed = held_lane()
    assert names(agenda, allowed, now=10.0) == ["a0"]
    probe = end(agenda, allowed, "a0")
    agenda.pause("archive", outage(20.0))
    agenda.hold(probe, 11.0, 3611.0)
    assert names(agenda, allowed, now=19.0) == []
    assert agenda.next_moment(19.0) == 20.0
    assert names(agenda, allowed, now=20.0) == ["a0"]


def test_a_probe_that_moves_lets_all_go_before_it_ends() -> None:
    agenda, allowed = held_lane()
    assert names(agenda, allowed, now=10.0) == ["a0"]
    agenda.believe("a0", 11.0)
    assert names(agenda, allowed, now=11.0) == ["a1"], "the other of two workers"
    over(agenda, allowed, "a0")
    assert names(agenda, allowed, now=12.0) == ["a2"]


def test_a_deposit_that_goes_on_from_before_an_outage_proves_nothing() -> None:
    agenda, allowed = Agenda(), permits()
    agenda.add(deposit("running"))
    assert names(agenda, allowed) == ["running"]
    agenda.add(deposit("a0"))
    agenda.pause("archive", outage(10.0))
    agenda.believe("running", 1.0)
    agenda.believe("gone", 1.0)
    assert names(agenda, allowed, now=9.0) == []


def test_another_tickets_end_ends_no_probe() -> None:
    agenda, allowed = Agenda(), permits()
    agenda.add(deposit("running"))
    assert names(agenda, allowed) == ["running"]
    for number in range(2):
        agenda.add(deposit(f"a{number}"))
    agenda.pause("archive", outage(10.0))
    assert names(agenda, allowed, now=10.0) == ["a0"]
    over(agenda, allowed, "running")
    assert names(agenda, allowed, now=11.0) == []


def test_a_second_worker_that_meets_the_outage_does_not_shorten_the_pause() -> None:
    agenda, allowed = held_lane()
    agenda.pause("archive", outage(5.0))
    assert agenda.next_moment(0.0) == 10.0
    assert names(agenda, allowed, now=9.0) == []


def test_nothing_is_due_while_a_probe_runs() -> None:
    agenda, allowed = held_lane()
    assert names(agenda, allowed, now=10.0) == ["a0"]
    assert agenda.next_moment(10.0) is None
    assert agenda.next_moment(99.0) is None


def test_nothing_is_due_for_a_lane_whose_only_ticket_was_cancelled() -> None:
    agenda, allowed = held_lane(1)
    agenda.remove("a0")
    assert agenda.next_moment(0.0) is None
    assert agenda.next_moment(11.0) is None
    agenda.wake(11.0)
    for number in range(2):
        agenda.add(deposit(f"new {number}"))
    assert names(agenda, allowed, now=11.0) == ["new 0", "new 1"], "the pause was not dropped"


def test_nothing_is_due_by_itself_for_a_pause_that_is_over() -> None:
    agenda, _allowed = held_lane()
    assert agenda.next_moment(10.0) is None


def test_a_rate_limit_holds_the_whole_target_and_then_lets_all_go() -> None:
    agenda, allowed = Agenda(), permits()
    for number in range(3):
        agenda.add(deposit(f"a{number}"))
    parked = RunEnd(
        ticket="x", kind=RunKind.PARKED, info=None, seconds=45.0, waiting_for=RATE_LIMIT
    )
    agenda.pause("archive", pause_from(parked, 100.0))
    agenda.try_target("archive", 101.0)
    agenda.wake(144.0)
    assert names(agenda, allowed, now=144.0) == []
    assert agenda.next_moment(144.0) == 145.0
    agenda.wake(145.0)
    assert names(agenda, allowed, now=145.0) == ["a0", "a1"]


def test_a_person_may_have_a_paused_target_tried_at_once() -> None:
    agenda, allowed = held_lane()
    agenda.try_target("archive", 3.0)
    assert names(agenda, allowed, now=3.0) == ["a0"]
    assert names(agenda, allowed, now=3.0) == []


def test_every_held_ticket_is_told_once_and_again_later_and_its_wait_is_counted() -> None:
    agenda, allowed = held_lane(2)
    told = []
    while (found := agenda.take_note(1.0)) is not None:
        told.append((found[0].ticket, found[1].waiting_for))
        assert names(agenda, allowed, now=10.0) == [], "a ticket ran that was being written on"
        agenda.back_from_desk(found[0].ticket, 3601.0)
        if len(told) == 1:
            agenda.pause("archive", outage(30.0))
    assert told == [("a0", "the target"), ("a1", "the target")]
    assert agenda.next_note() == 3601.0
    assert [agenda.tickets[name].waited_until(5.0) for name in ("a0", "a1")] == [4.0, 4.0]
    again = agenda.take_note(3601.0)
    assert again is not None
    assert again[0].ticket == "a0"


def test_a_run_is_told_how_long_its_ticket_has_waited_and_running_is_no_wait() -> None:
    agenda, allowed = held_lane(1)
    agenda.tickets["a0"].waited = 100.0
    assert agenda.take_note(4.0) is not None
    agenda.back_from_desk("a0", 3604.0)
    (run,) = agenda.runs(allowed, 10.0)
    assert run.waited_seconds == 106.0
    assert agenda.tickets["a0"].waited_until(99.0) == 106.0
    agenda.hold(end(agenda, allowed, "a0"), 100.0, 3700.0)
    assert agenda.tickets["a0"].waited_until(101.0) == 107.0


def test_what_is_let_go_is_not_written_on_and_told_anew_when_held_anew() -> None:
    agenda, _allowed = held_lane(1)
    assert agenda.take_note(1.0) is not None
    agenda.resume("archive", 2.0)
    agenda.back_from_desk("a0", 3.0)
    assert agenda.next_note() is None
    assert agenda.take_note(4.0) is None
    agenda.pause("archive", outage(50.0))
    assert agenda.take_note(5.0) is not None


def test_what_runs_is_known() -> None:
    agenda, allowed = Agenda(), permits()
    agenda.add(bag("one"))
    assert agenda.running() == []
    assert names(agenda, allowed) == ["one"]
    assert [ticket.ticket for ticket in agenda.running()] == ["one"]


def test_a_folder_that_floods_the_queue_leaves_each_other_folder_its_turn() -> None:
    agenda, allowed = Agenda(), permits()
    for number in range(50):
        agenda.add(OpenTicket(ticket=f"a{number}", work=Work.STAGE, folder="a"))
    agenda.add(OpenTicket(ticket="b0", work=Work.STAGE, folder="b"))
    first = [run.ticket for run in agenda.runs(allowed, 0.0)]
    assert "b0" in first, "it does not stand behind the fifty"
    allowed.end_staging("b0")
    agenda.add(OpenTicket(ticket="b1", work=Work.STAGE, folder="b"))
    assert "b1" in [run.ticket for run in agenda.runs(allowed, 0.0)]


def test_a_bag_that_was_too_slow_for_a_small_one_waits_among_the_large_ones() -> None:
    agenda, allowed = Agenda(), permits()
    for name in ("slow", "slower"):
        agenda.add(OpenTicket(ticket=name, work=Work.STAGE, is_slow=True))
    agenda.add(OpenTicket(ticket="small", work=Work.STAGE))
    assert {run.ticket for run in agenda.runs(allowed, 0.0)} == {"slow", "small"}
