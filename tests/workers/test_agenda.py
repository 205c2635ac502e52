from presqt_daemon.config import Config, StagingConfig, TargetConfig
from presqt_daemon.workers.agenda import Agenda, OpenTicket
from presqt_daemon.workers.permits import Permits
from presqt_daemon.workers.run import Work

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


def deposit(name: str, target: str = "archive", resource_id: str | None = None) -> OpenTicket:
    return OpenTicket(ticket=name, work=Work.UPLOAD, target=target, resource_id=resource_id)


def names(agenda: Agenda, allowed: Permits, now: float = 0.0) -> list[str]:
    return [run.ticket for run in agenda.runs(allowed, now)]


def test_bags_are_staged_in_the_order_they_came() -> None:
    agenda, allowed = Agenda(), permits()
    for name in ("one", "two", "three"):
        agenda.add(bag(name))
    assert names(agenda, allowed) == ["one", "two"]
    allowed.end_staging(1)
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
    allowed.end_staging(1)
    assert names(agenda, allowed) == ["small 2"]


def test_a_full_lane_of_one_target_does_not_hold_another() -> None:
    agenda, allowed = Agenda(), permits(lanes=1)
    agenda.add(deposit("a1"))
    agenda.add(deposit("a2"))
    agenda.add(deposit("o1", target="other"))
    assert names(agenda, allowed) == ["a1", "o1"]
    allowed.end_sending("archive", None)
    assert names(agenda, allowed) == ["a2"]


def test_containers_take_turns() -> None:
    agenda, allowed = Agenda(), permits(lanes=1)
    for number in range(3):
        agenda.add(deposit(f"busy {number}", resource_id="busy"))
    agenda.add(deposit("quiet", resource_id="quiet"))
    assert names(agenda, allowed) == ["busy 0"]
    allowed.end_sending("archive", "busy")
    assert names(agenda, allowed) == ["quiet"]
    allowed.end_sending("archive", "quiet")
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
    assert agenda.next_moment() == 30.0
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


def test_a_paused_target_lets_one_probe_through_and_then_all() -> None:
    agenda, allowed = Agenda(), permits()
    for number in range(3):
        agenda.add(deposit(f"a{number}"))
    agenda.add(deposit("o", target="other"))
    agenda.pause("archive", 10.0, "the target")
    assert names(agenda, allowed, now=9.0) == ["o"]
    assert agenda.next_moment() == 10.0
    assert names(agenda, allowed, now=10.0) == ["a0"]
    assert names(agenda, allowed, now=11.0) == []
    agenda.resume("archive")
    assert names(agenda, allowed, now=11.0) == ["a1"]


def test_what_runs_is_known() -> None:
    agenda, allowed = Agenda(), permits()
    agenda.add(bag("one"))
    assert agenda.running() == []
    assert names(agenda, allowed) == ["one"]
    assert [ticket.ticket for ticket in agenda.running()] == ["one"]
