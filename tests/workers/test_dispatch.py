"""The arbiter's decisions over real tickets whose target has no token, so that no worker starts."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from presqt_daemon.config import Config, TargetConfig, UploadsConfig
from presqt_daemon.errors import UserFault
from presqt_daemon.model import Stage
from presqt_daemon.tickets.locks import lease_ended
from presqt_daemon.tickets.process_info import ProcessInfo, fail
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.changes import TicketChanges
from presqt_daemon.workers.dispatch import Dispatch
from presqt_daemon.workers.limits.duplicates import KnownContents
from presqt_daemon.workers.limits.permits import Permits
from presqt_daemon.workers.limits.tokens import Tokens
from presqt_daemon.workers.processes.pool import Pool
from presqt_daemon.workers.queue.open_ticket import OpenTicket
from presqt_daemon.workers.recover import open_ticket
from presqt_daemon.workers.runs.events import Ended, Event, Noted, Refusal, Reopened
from presqt_daemon.workers.runs.run import CREDENTIAL, Run, RunEnd, RunKind, Work
from presqt_daemon.workers.supervisor import Supervisor
from tests.tickets.infos import BEGAN, sending_info, write_info
from tests.tickets.records import claim_record

DAY = 86400.0


class House:
    """A dispatch with clocks that a test turns; `broken` makes the wall clock a bug of ours."""

    def __init__(self, root: Path) -> None:
        self.monotonic = 1000.0
        self.wall = datetime(2030, 1, 1, tzinfo=UTC)
        self.broken = 0
        target = TargetConfig(name="lab", type="osf", token_file=root / "token", workers=1)
        self.config = Config(
            mediafiles=root, targets={"lab": target}, uploads=UploadsConfig(deadline=7 * DAY)
        )
        self.uploads = Uploads(root)
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.dispatch = self.new_life()

    def new_life(self) -> Dispatch:
        """What a started daemon has."""
        supervisor = Supervisor(
            config=self.config,
            uploads=self.uploads,
            pool=Pool(),
            permits=Permits(self.config, tell=self.events.put),
            tokens=Tokens(self.config.targets, {}),
            contents=KnownContents(self.uploads),
            clock=lambda: self.monotonic,
            now=self.now,
        )
        self.dispatch = Dispatch(
            supervisor=supervisor, post=self.events.put, clock=lambda: self.monotonic
        )
        return self.dispatch

    def now(self) -> datetime:
        if self.broken:
            self.broken -= 1
            raise ZeroDivisionError
        return self.wall

    def ticket(self, **changes: object) -> str:
        """A staged ticket on disk."""
        info = sending_info(**{"target": "lab", "function_process_id": None, **changes})
        folder = self.uploads.folder(info.ticket_number)
        folder.path.mkdir(parents=True)
        (folder.path / "thesis.zip").write_bytes(b"zip")
        folder.write_claim(claim_record(folder.ticket))
        write_info(self.uploads, folder, info)
        return info.ticket_number

    def open(self, name: str) -> None:
        found = open_ticket(self.uploads.folder(name))
        assert found is not None
        self.dispatch.open(found, None)

    def info(self, name: str) -> ProcessInfo:
        return self.uploads.folder(name).read_info()

    def turn(self, count: int = 1) -> None:
        """Start what is due and take in so many events."""
        for _ in range(count):
            self.dispatch.start_due(self.monotonic)
            self.dispatch.handle(self.events.get(timeout=10))

    def settle(self) -> None:
        """Take in all that is on its way, and start nothing new."""
        while self.dispatch._jobs.unanswered or self.dispatch.agenda.running():
            self.dispatch.handle(self.events.get(timeout=10))

    def turn_until(self, predicate: Callable[[], bool]) -> None:
        """Turn as long as something happens, until this holds."""
        while not predicate():
            self.turn()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.dispatch.close()


def run_of(name: str, waited: float = 0.0) -> Run:
    return Run(ticket=name, work=Work.UPLOAD, waited_seconds=waited)


@pytest.mark.parametrize("jump", [timedelta(days=8), timedelta(days=-8)])
def test_a_wall_clock_that_jumps_fails_no_ticket_that_waits(house: House, jump: timedelta) -> None:
    name = house.ticket()
    supervisor = house.dispatch.supervisor
    assert supervisor.run(run_of(name), supervisor.permits).kind is RunKind.PARKED
    house.wall += jump
    end = supervisor.run(run_of(name, waited=60.0), supervisor.permits)
    assert end.kind is RunKind.PARKED
    assert (house.info(name).waited_seconds, house.info(name).waiting_for) == (60, CREDENTIAL)


def test_a_ticket_that_has_waited_for_the_whole_deadline_is_given_up(house: House) -> None:
    name = house.ticket()
    supervisor = house.dispatch.supervisor
    end = supervisor.run(run_of(name, waited=7 * DAY), supervisor.permits)
    assert end.kind is RunKind.OVER
    info = house.info(name)
    assert info.error_code == "unauthorized"
    assert "Given up after waiting" in info.message


def test_tickets_that_wait_in_a_paused_lane_are_given_up_at_the_deadline(house: House) -> None:
    names = [house.ticket() for _ in range(3)]
    for name in names:
        house.open(name)
    house.turn_until(lambda: {house.info(name).waiting_for for name in names} == {CREDENTIAL})
    house.monotonic += 7 * DAY - 60
    almost = int(7 * DAY) - 60
    house.turn_until(lambda: {house.info(name).waited_seconds for name in names} == {almost})
    # what has been written is still to be told
    house.settle()
    assert all(house.info(name).is_open for name in names)
    house.monotonic += 70
    house.turn_until(house.dispatch.is_idle)
    assert {house.info(name).error_code for name in names} == {"unauthorized"}
    assert not house.dispatch.agenda.tickets


@pytest.mark.parametrize("asks", ["reload", "retry"])
def test_a_target_that_is_to_be_tried_while_a_run_ends_is_tried_once_more(
    house: House, asks: str
) -> None:
    name = house.ticket()
    house.open(name)
    house.dispatch.start_due(house.monotonic)
    end = house.events.get(timeout=10)
    assert house.info(name).waiting_for == CREDENTIAL
    if asks == "reload":
        house.dispatch.resume_targets()
    else:
        house.dispatch.retry(name)
    house.dispatch.handle(end)
    # a retry is answered too, when it was looked at whether the ticket has ended
    house.turn(2 if asks == "retry" else 1)
    house.dispatch.start_due(house.monotonic)
    assert not house.dispatch.agenda.running()


class HangingNote:
    """Lets the first note that is written from now on hang until `free`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free, self.begun = threading.Event(), threading.Event()
        self.tickets: list[str] = []
        self._real = TicketChanges.note

        def note(changes: TicketChanges, ticket: str, *rest: Any) -> Noted:
            return self._note(changes, ticket, *rest)

        monkeypatch.setattr(TicketChanges, "note", note)

    def _note(self, changes: TicketChanges, ticket: str, *rest: Any) -> Noted:
        self.tickets.append(ticket)
        self.begun.set()
        assert self.free.wait(120)
        return self._real(changes, ticket, *rest)


def noted_ticket(house: House, hanging: HangingNote) -> str:
    """A ticket on which a note hangs; nothing else is under way."""
    house.open(house.ticket())
    while not hanging.begun.is_set():
        house.dispatch.start_due(house.monotonic)
        with contextlib.suppress(queue.Empty):
            house.dispatch.handle(house.events.get(timeout=0.05))
    while house.dispatch.agenda.running():
        house.dispatch.handle(house.events.get(timeout=10))
    return hanging.tickets[0]


def test_a_ticket_runs_when_the_note_on_it_is_written_and_not_before(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hanging = HangingNote(monkeypatch)
    name = noted_ticket(house, hanging)
    house.dispatch._holding.resume("lab")
    house.dispatch.start_due(house.monotonic)
    assert not house.dispatch.agenda.is_running(name)
    assert "has a party" not in caplog.text
    hanging.free.set()
    house.settle()
    house.dispatch.start_due(house.monotonic)
    assert house.dispatch.agenda.is_running(name)


def test_a_cancel_behind_a_note_is_carried_out_when_nothing_new_begins_any_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = HangingNote(monkeypatch)
    name = noted_ticket(house, hanging)
    house.dispatch.cancel(name)
    assert house.info(name).is_open
    hanging.free.set()
    house.settle()
    assert house.info(name).error_code == "cancelled"


def test_a_restart_counts_what_was_written_and_no_time_without_a_daemon(house: House) -> None:
    names = [house.ticket() for _ in range(2)]
    for name in names:
        house.open(name)
    house.turn_until(lambda: {house.info(name).waiting_for for name in names} == {CREDENTIAL})
    house.monotonic += 5 * DAY
    days = int(5 * DAY)
    house.turn_until(lambda: {house.info(name).waited_seconds for name in names} == {days})
    house.settle()
    house.dispatch.close()
    house.wall += timedelta(days=30)
    house.monotonic = 5.0
    house.events = queue.SimpleQueue()
    house.new_life()
    for name in names:
        house.open(name)
    open_tickets = house.dispatch.agenda.tickets
    house.turn_until(lambda: {one.waits_from for one in open_tickets.values()} == {5.0})
    assert all(house.info(name).is_open for name in names)
    house.monotonic += 2 * DAY + 10
    house.turn_until(house.dispatch.is_idle)
    assert {house.info(name).error_code for name in names} == {"unauthorized"}


def test_a_bug_of_ours_ends_the_ticket_at_once(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    name = house.ticket()
    house.open(name)
    house.broken = 1
    house.turn()
    info = house.info(name)
    assert (info.error_code, info.status_code) == ("internal-error", 500)
    assert "ZeroDivisionError" in info.message
    assert "Traceback" in caplog.text
    assert not house.dispatch.agenda.tickets


def test_a_bug_that_cannot_even_be_told_is_logged_and_holds_up_nobody(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    name, other = house.ticket(), house.ticket()
    house.open(name)
    house.broken = 100
    house.turn()
    house.broken = 0
    assert "left to the next start" in caplog.text
    assert not house.dispatch.agenda.tickets
    house.open(other)
    house.turn()
    assert house.info(other).waiting_for == CREDENTIAL


@pytest.mark.parametrize("what", ["reject", "note", "retry"])
def test_a_bug_in_a_change_is_logged_and_leaves_nothing_behind(
    house: House, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    name = house.ticket()
    if what == "reject":
        house.broken = 1
        ticket = OpenTicket(ticket=name, work=Work.STAGE)
        house.dispatch.open(ticket, UserFault("bad-request", "No."))
        house.turn()
    elif what == "note":
        house.open(name)
        house.open(other := house.ticket())
        house.turn()
        house.broken = 1
        house.turn()
        house.dispatch.cancel(name)
        house.turn()
        name = other
    else:
        ended = fail(house.info(name), UserFault("bad-request", "No."), BEGAN)
        write_info(house.uploads, house.uploads.folder(name), ended)
        house.broken = 1
        house.dispatch.retry(name)
        house.turn()
    assert "Traceback" in caplog.text
    assert house.dispatch.is_idle()
    wanted = "bad-request" if what == "retry" else "internal-error"
    assert house.info(name).error_code == wanted


def ended_ticket(house: House) -> str:
    name = house.ticket()
    ended = fail(house.info(name), UserFault("bad-request", "No."), BEGAN)
    write_info(house.uploads, house.uploads.folder(name), ended)
    return name


def test_a_retry_that_waits_for_a_record_holds_up_no_cancel(house: House) -> None:
    ended, queued = ended_ticket(house), house.ticket()
    with lease_ended(house.uploads.folder(ended).path):
        house.dispatch.retry(ended)
        house.turn()
        house.open(queued)
        house.dispatch.cancel(queued)
        house.dispatch.handle(house.events.get(timeout=10))
        assert house.info(queued).error_code == "cancelled"
        assert not house.dispatch.is_idle()
        house.monotonic += 1
        house.turn()
    house.monotonic += 1
    house.turn()
    assert house.info(ended).attempt == 2
    assert ended in house.dispatch.agenda.tickets


def test_a_record_that_stays_busy_refuses_the_retry_in_the_end(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    ended = ended_ticket(house)
    with lease_ended(house.uploads.folder(ended).path):
        house.dispatch.retry(ended)
        house.turn()
        house.monotonic += 31
        house.turn(2)
    assert "not retried: another program" in caplog.text
    assert house.dispatch.is_idle()


def test_a_lost_status_of_a_staged_ticket_has_it_staged_again(house: House) -> None:
    name = house.ticket()
    house.open(name)
    house.uploads.folder(name).info.write_text("{}")
    house.dispatch.start_due(house.monotonic)
    event = house.events.get(timeout=10)
    assert isinstance(event, Ended)
    assert event.end.kind is RunKind.AGAIN
    house.dispatch.handle(event)
    assert house.dispatch.agenda.tickets[name].work is Work.STAGE


def test_a_payload_that_spoils_again_after_it_was_well_staged_counts_on(house: House) -> None:
    name = house.ticket()
    house.open(name)
    house.dispatch.start_due(house.monotonic)
    event = house.events.get(timeout=10)
    assert isinstance(event, Ended)
    ticket = house.dispatch.agenda.tickets[name]
    spoilt = replace(house.info(name), stage=Stage.RECEIVED)
    for deaths in (1, 2):
        for work, kind, info in (
            (Work.UPLOAD, RunKind.AGAIN, spoilt),
            (Work.STAGE, RunKind.STAGED, house.info(name)),
        ):
            end = replace(event.end, kind=kind, info=info, held=None)
            house.dispatch.handle(Ended(end, replace(event.run, work=work)))
        assert ticket.deaths == deaths


def test_a_retry_between_a_written_end_and_the_news_of_it_is_carried_out(house: House) -> None:
    name = house.ticket()
    house.open(name)
    run = next(house.dispatch.agenda.runs(house.dispatch.supervisor.permits, house.monotonic))
    ended = fail(house.info(name), UserFault("cancelled", "No."), BEGAN)
    write_info(house.uploads, house.uploads.folder(name), ended)
    assert house.dispatch.retry(name), "it will be told what comes of it"
    told = house.events.get(timeout=10)
    house.dispatch.handle(told)
    assert name in house.dispatch.agenda.tickets
    end = RunEnd(ticket=name, kind=RunKind.OVER, info=ended)
    house.dispatch.handle(Ended(end, run))
    assert name not in house.dispatch.agenda.tickets
    house.monotonic += 1.0
    house.turn_until(lambda: name in house.dispatch.agenda.tickets)
    assert house.info(name).attempt == 2


def test_a_retry_of_a_ticket_that_runs_on_is_answered_and_changes_nothing(house: House) -> None:
    name = house.ticket()
    house.open(name)
    run = next(house.dispatch.agenda.runs(house.dispatch.supervisor.permits, house.monotonic))
    assert house.dispatch.retry(name)
    told = house.events.get(timeout=10)
    assert told == Reopened(name, Refusal.OPEN)
    house.dispatch.handle(told)
    assert house.info(name).attempt == 1
    house.dispatch.handle(
        Ended(RunEnd(ticket=name, kind=RunKind.HANDED_BACK, info=house.info(name)), run)
    )


def test_a_run_for_which_there_is_no_thread_waits_and_gives_its_place_back(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    names = [house.ticket() for _ in range(3)]
    for name in names:
        house.open(name)
    with monkeypatch.context() as short:
        short.setattr(threading.Thread, "start", refuse)
        for _ in range(5):
            house.dispatch.start_due(house.monotonic)
            house.monotonic += 3.0
        assert not house.dispatch.agenda.running()
        house.dispatch.cancel(names[0])
        assert not house.dispatch.is_idle()
    assert caplog.text.count("no thread can be started now") <= 1
    house.turn_until(lambda: house.info(names[0]).error_code == "cancelled")
    house.turn_until(lambda: {house.info(n).waiting_for for n in names[1:]} == {CREDENTIAL})


def test_a_run_that_hangs_does_not_hold_up_the_stop(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, begun = threading.Event(), threading.Event()

    def hang(_self: Supervisor, run: Run, _interruption: object) -> RunEnd:
        begun.set()
        free.wait(120)
        return RunEnd(ticket=run.ticket, kind=RunKind.HANDED_BACK, info=None)

    monkeypatch.setattr(Supervisor, "run", hang)
    house.open(house.ticket())
    house.dispatch.start_due(house.monotonic)
    assert begun.wait(30)
    closing = threading.Thread(target=house.dispatch.close, args=(0.1,))
    closing.start()
    closing.join(60)
    assert not closing.is_alive()
    free.set()


def test_a_small_bag_that_is_slow_comes_back_among_the_large_ones(house: House) -> None:
    ticket = OpenTicket(ticket=house.ticket(), work=Work.STAGE)
    house.dispatch.open(ticket, None)
    permits = house.dispatch.supervisor.permits
    run = next(house.dispatch.agenda.runs(permits, house.monotonic))
    end = RunEnd(ticket=ticket.ticket, kind=RunKind.OUTGROWN, info=house.info(ticket.ticket))
    house.dispatch.handle(Ended(end, run))
    assert ticket.is_slow
    assert permits.begin_staging("large", 10**12)
    assert not list(house.dispatch.agenda.runs(permits, house.monotonic)), "their place is taken"
    permits.end_staging("large")
    assert [r.ticket for r in house.dispatch.agenda.runs(permits, house.monotonic)]
    house.dispatch.handle(Ended(replace(end, kind=RunKind.HANDED_BACK), run))


def test_a_cancel_that_comes_as_a_run_ends_is_carried_out(house: House) -> None:
    name = house.ticket()
    house.open(name)
    house.dispatch.start_due(house.monotonic)
    end = house.events.get(timeout=10)
    house.dispatch.cancel(name)
    house.dispatch.handle(end)
    house.turn_until(house.dispatch.is_idle)
    assert house.info(name).error_code == "cancelled"
