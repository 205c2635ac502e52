"""One party at a time per ticket, whatever is handed over in whatever order."""

import random
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, cast

import pytest

from presqt_daemon.errors import UserFault
from presqt_daemon.model import PauseKind
from presqt_daemon.workers.engines.threads import NoThreadError, ThreadEngine
from presqt_daemon.workers.jobs import TicketJob, TicketJobs
from presqt_daemon.workers.runs.events import Closed, Ended, Event, Noted, Refusal, Reopened
from presqt_daemon.workers.runs.pauses import Held, pause_after
from presqt_daemon.workers.runs.run import Run, RunEnd, RunKind, Work
from tests.workers.queue.test_queue import WALL

ERROR = UserFault("cancelled", "No.")
PAUSE = pause_after(
    Held(kind=PauseKind.OUTAGE, cause="It is down.", waiting_for="the target"),
    None,
    target="archive",
    was_asked=False,
    now=0.0,
    wall=WALL,
)


class Changes:
    """Changes that write nothing."""

    def end(self, ticket: str, error: UserFault) -> Closed:
        return Closed(RunEnd(ticket=ticket, kind=RunKind.OVER, info=None), error)

    def note(self, ticket: str, *_: object) -> Noted:
        return Noted(ticket, None)

    def reopen(self, ticket: str) -> Reopened:
        return Reopened(ticket)

    def refuse_if_open(self, ticket: str) -> Reopened:
        return Reopened(ticket, Refusal.OPEN)


class ByHand(Executor):
    """Ends the jobs that a test tells it to end; `is_short`: it has no thread."""

    def __init__(self) -> None:
        self.open: list[tuple[str, str, Callable[[], None]]] = []
        self.is_short = False

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self.is_short:
            raise NoThreadError
        future: Future[Any] = Future()
        self.open.append(
            (args[0], function.__name__, lambda: future.set_result(function(*args, **kwargs)))
        )
        return future

    def end(self, place: int = 0) -> tuple[str, str]:
        """End one of the jobs; its ticket and what was done."""
        ticket, what, end = self.open.pop(place)
        end()
        return ticket, what

    def at_work(self) -> list[tuple[str, str]]:
        return [(ticket, what) for ticket, what, _ in self.open]


def run_on(ticket: str) -> RunEnd:
    return RunEnd(ticket=ticket, kind=RunKind.OVER, info=None)


class Table:
    """A table whose engine is worked by hand."""

    def __init__(self, engine: Executor | None = None) -> None:
        self.engine = ByHand()
        self.events: list[Event] = []
        self.jobs = TicketJobs(
            changes=cast("Any", Changes()),
            engine=engine or self.engine,
            post=self.events.append,
        )

    def begin_run(self, ticket: str, function: Callable[[str], RunEnd] = run_on) -> bool:
        run = Run(ticket=ticket, work=Work.UPLOAD)
        job = TicketJob(
            ticket=ticket,
            function=function,
            arguments=(ticket,),
            answer=lambda end: Ended(end, run),
            lost=Ended(RunEnd(ticket=ticket, kind=RunKind.AGAIN, info=None), run),
        )
        return self.jobs.run(job)


def test_a_cancel_comes_after_the_note_that_is_being_written() -> None:
    table = Table()
    table.jobs.note("a", PAUSE, None, 0.0)
    table.jobs.end("a", ERROR)
    table.jobs.end("b", ERROR)
    assert table.engine.at_work() == [("a", "note"), ("b", "end")]
    table.engine.end()
    table.jobs.start_waiting()
    assert table.engine.at_work() == [("b", "end"), ("a", "end")]


def test_no_run_begins_on_a_ticket_that_is_being_changed_or_is_to_be(
    caplog: pytest.LogCaptureFixture,
) -> None:
    table = Table()
    table.jobs.note("a", PAUSE, None, 0.0)
    table.jobs.end("a", ERROR)
    assert table.jobs.has("a")
    assert not table.begin_run("a")
    assert "has a party already" in caplog.text
    table.engine.end()
    assert table.jobs.has("a"), "the end is next"
    table.jobs.start_waiting()
    table.engine.end()
    assert not table.jobs.has("a")
    assert table.begin_run("a")
    assert table.jobs.has("a")


def test_a_change_waits_for_the_run_of_its_ticket_and_a_look_does_not() -> None:
    table = Table()
    table.begin_run("a")
    table.jobs.end("a", ERROR)
    table.jobs.refuse_if_open("a")
    assert table.engine.at_work() == [("a", "run_on"), ("a", "refuse_if_open")]
    table.engine.end()
    table.jobs.start_waiting()
    assert table.engine.at_work() == [("a", "refuse_if_open"), ("a", "end")]


def test_a_change_that_hangs_holds_up_no_other_and_a_thousand_take_few_threads() -> None:
    table = Table()
    for number in range(1000):
        table.jobs.end(f"t{number}", ERROR)
    done = []
    while len(table.engine.open) > 1:
        assert len(table.engine.open) <= 8
        done.append(table.engine.end(1))
        table.jobs.start_waiting()
    assert [ticket for ticket, _ in done] == [f"t{number}" for number in range(1, 1000)]


def test_what_has_no_thread_now_begins_later_and_in_its_order() -> None:
    table = Table()
    table.engine.is_short = True
    table.jobs.note("a", PAUSE, None, 0.0)
    table.jobs.end("a", ERROR)
    assert not table.begin_run("b")
    assert not table.jobs.has("b")
    assert (table.jobs.unanswered, table.jobs.has("a")) == (2, True)
    table.engine.is_short = False
    table.jobs.start_waiting()
    assert table.engine.end() == ("a", "note")
    table.jobs.start_waiting()
    assert table.engine.end() == ("a", "end")


def test_a_job_that_never_answers_is_told_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    def lose(_ticket: str) -> RunEnd:
        raise ConnectionError

    table = Table(ThreadEngine())
    table.begin_run("a", lose)
    table.jobs.close(60.0, 60.0)
    (event,) = table.events
    assert isinstance(event, Ended)
    assert event.end.kind is RunKind.AGAIN
    assert "ConnectionError" in caplog.text


@pytest.mark.parametrize("seed", range(30))
def test_never_have_two_parties_one_ticket_whatever_comes_in_whatever_order(seed: int) -> None:
    chance, table = random.Random(seed), Table()
    handed: dict[str, list[str]] = {name: [] for name in "abcde"}
    done: dict[str, list[str]] = {name: [] for name in "abcde"}
    for _ in range(300):
        ticket, what = chance.choice("abcde"), chance.choice(["note", "end", "reopen", "run"])
        table.engine.is_short = chance.random() < 0.1
        if chance.random() < 0.5 and table.engine.open:
            name, word = table.engine.end(chance.randrange(len(table.engine.open)))
            done[name].append(word)
        elif what == "run":
            if not table.jobs.has(ticket) and table.begin_run(ticket):
                handed[ticket].append("run_on")
        else:
            rest = {"note": (PAUSE, None, 0.0), "end": (ERROR,), "reopen": ()}[what]
            getattr(table.jobs, what)(ticket, *rest)
            handed[ticket].append(what)
        table.jobs.start_waiting()
        names = [name for name, _ in table.engine.at_work()]
        assert len(names) == len(set(names)), "two parties have one ticket"
    table.engine.is_short = False
    table.jobs.start_waiting()
    while table.engine.open:
        name, word = table.engine.end()
        done[name].append(word)
        table.jobs.start_waiting()
    assert done == handed, "each was carried out once, and a ticket's in their order"
