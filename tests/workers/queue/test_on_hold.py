import logging
from datetime import UTC, datetime

import pytest

from presqt_daemon.model import PauseKind
from presqt_daemon.tickets.holds import Holds
from presqt_daemon.workers.queue.on_hold import HoldNote, tell_change
from presqt_daemon.workers.queue.open_ticket import OpenTicket
from presqt_daemon.workers.queue.queue import TicketQueue
from presqt_daemon.workers.runs.pauses import Held, Pause
from presqt_daemon.workers.runs.run import Interruption
from tests.workers.queue.test_queue import bag, deposit, names, permits

SINCE = datetime(2030, 1, 2, 3, 4, tzinfo=UTC)
EVERYTHING = Holds(SINCE)


def on(*names: str) -> Holds:
    return Holds(None, dict.fromkeys(names, SINCE))


def notes(agenda: TicketQueue, now: float = 0.0) -> list[tuple[str, str | None]]:
    """Tickets that are written on now, with what a hold says of them."""
    found = []
    while (note := agenda.take_note(now)) is not None:
        ticket, what = note
        reason = what.reason if isinstance(what, HoldNote) else what.cause
        found.append((ticket.ticket, reason and reason.split(" at ")[0]))
    return found


def test_a_target_on_hold_takes_nothing_and_the_others_go_on() -> None:
    agenda, allowed = TicketQueue(), permits()
    agenda.have_holds(on("archive"))
    for name, target in (("a1", "archive"), ("b1", "other"), ("a2", "archive")):
        agenda.add(deposit(name, target))
    assert names(agenda, allowed) == ["b1"]
    assert notes(agenda) == [
        ("a1", "On hold: the operator has put archive on hold"),
        ("a2", "On hold: the operator has put archive on hold"),
    ]
    assert notes(agenda) == []


def test_a_ticket_on_hold_at_the_front_lets_those_behind_it_pass() -> None:
    agenda, allowed = TicketQueue(), permits(lanes=1)
    for name in ("a1", "a2"):
        agenda.add(deposit(name))
    agenda.have_holds(on("a1"))
    assert names(agenda, allowed) == ["a2"]


def test_drops_are_staged_while_everything_is_on_hold() -> None:
    agenda, allowed = TicketQueue(), permits()
    agenda.have_holds(EVERYTHING)
    agenda.add(bag("one"))
    assert names(agenda, allowed) == ["one"]


def test_what_is_being_sent_goes_on_and_none_that_has_staged_goes_on_into_sending() -> None:
    agenda, allowed = TicketQueue(), permits()
    agenda.add(deposit("a1"))
    assert names(agenda, allowed) == ["a1"]
    agenda.have_holds(EVERYTHING)
    allowed.holds = EVERYTHING
    assert agenda.is_running("a1")
    assert allowed.begin_staging("new", 1)
    assert not allowed.go_on_sending("new", "other", None, 1)
    allowed.holds = Holds()
    assert allowed.begin_staging("newer", 1)
    assert allowed.go_on_sending("newer", "other", None, 1) is False  # it passes nobody
    allowed.have_queued(frozenset(), lambda _name: False)
    assert allowed.go_on_sending("newer", "other", None, 1)


def test_after_a_hold_the_tickets_go_in_their_order_and_say_that_they_wait_for_a_worker() -> None:
    agenda, allowed = TicketQueue(), permits(lanes=1)
    for number in range(5):
        agenda.add(deposit(f"a{number}"))
    agenda.have_holds(on("archive", "a3"))
    notes(agenda)
    agenda.have_holds(on("a3"))
    assert sorted(notes(agenda), key=str) == [
        ("a0", None),
        ("a1", None),
        ("a2", None),
        ("a3", "On hold: the operator has put this ticket on hold"),
        ("a4", None),
    ]
    order = []
    while found := names(agenda, allowed):
        order += found
        allowed.end_sending(found[0])
    assert order == ["a0", "a1", "a2", "a4"]


def test_a_run_that_goes_on_is_not_written_on() -> None:
    agenda = TicketQueue()
    ticket = deposit("a1")
    agenda.add(ticket)
    agenda.have_holds(EVERYTHING)
    agenda.have_holds(Holds())
    ticket.interruption = Interruption()
    assert notes(agenda) == []


def test_the_time_of_a_hold_is_no_wait_that_ends_a_ticket() -> None:
    agenda = TicketQueue()
    ticket = deposit("a1")
    ticket.waited = 5.0
    ticket.begin_waiting(100.0)
    agenda.add(ticket)
    agenda.have_holds(EVERYTHING)
    assert ticket.waited_until(10.0**9) == 5.0


def test_a_hold_over_a_pause_hides_it_and_the_pause_is_told_again_afterwards() -> None:
    agenda, allowed = TicketQueue(), permits()
    agenda.add(deposit("a1"))
    outage = Held(kind=PauseKind.OUTAGE, cause="no route", waiting_for="the target")
    agenda.pause("archive", outage, asked_by="a9", now=0.0, wall=SINCE)
    agenda.have_holds(on("archive"))
    assert notes(agenda) == [("a1", "On hold: the operator has put archive on hold")]
    # nobody is left who could ask, and nobody asks
    assert [pause.cause for pause in agenda.wake(100.0)] == ["no route"]
    assert names(agenda, allowed, now=100.0) == []
    agenda.pause("archive", outage, asked_by="a9", now=100.0, wall=SINCE)
    agenda.have_holds(Holds())
    (told,) = [agenda.take_note(100.0)]
    assert told is not None
    assert isinstance(told[1], Pause)
    assert told[0].ticket == "a1"


def test_a_cancelled_ticket_is_on_hold_no_more() -> None:
    agenda = TicketQueue()
    agenda.add(deposit("a1"))
    agenda.have_holds(EVERYTHING)
    assert not agenda.has_only_holds()  # it is still to be told
    assert agenda.remove("a1") is not None
    assert notes(agenda) == []
    assert agenda.on_hold.tickets == {}
    agenda.have_holds(Holds())
    assert agenda.tickets == {}


def test_the_log_says_what_begins_and_ends_and_names_what_holds_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    running = OpenTicket(ticket="t", work=deposit("t").work, target="osf")
    with caplog.at_level(logging.INFO):
        tell_change(Holds(), on("osf", "ofs"), {"osf"}, [running])
        tell_change(on("osf"), EVERYTHING, {"osf"}, [])
        tell_change(EVERYTHING, Holds(), {"osf"}, [])
    assert [record.getMessage() for record in caplog.records] == [
        "control/ofs.hold holds nothing: no target has that name",
        "osf is on hold, as the operator asked; 1 ticket at work goes on",
        "all sending is on hold, as the operator asked",
        "osf goes on: its hold has ended",
        "sending goes on: the hold of everything has ended",
    ]
