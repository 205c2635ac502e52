import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from presqt_daemon.leases.heartbeat import HEARTBEAT_NAME
from presqt_daemon.leases.lease import LeaseTerms
from presqt_daemon.leases.take import take_lease
from presqt_daemon.model import Status
from presqt_daemon.system.files import json_bytes, replace_file
from presqt_daemon.tickets.holds import Holds
from presqt_daemon.tickets.process_info import tree_from_info
from presqt_daemon.workers.engines.elsewhere import Elsewhere
from presqt_daemon.workers.engines.starts import EngineDownError, HostLostError, NotHereError
from presqt_daemon.workers.limits.grant import Grant, Learnt
from presqt_daemon.workers.runs.events import Ended
from presqt_daemon.workers.runs.requested import REQUEST_NAME
from presqt_daemon.workers.runs.run import ENGINE, RunEnd, RunKind, WentOn
from tests.house.house import wait_until
from tests.tickets.infos import sending_info
from tests.workers.depot import Depot


class ScriptedEngine(Executor):
    """An engine of which it is known how each run ends: an end, or an error."""

    def __init__(self, answer: Callable[[str], Any]) -> None:
        self.answer = answer
        self.grants: list[Grant] = []

    def submit(self, _function: Any, /, *args: Any, **_more: Any) -> Future[Any]:
        _mediafiles, ticket, _run, grant = args
        self.grants.append(grant)
        answer = self.answer(ticket)
        if isinstance(answer, EngineDownError):
            raise answer
        future: Future[Any] = Future()
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
        return future


def carried_out_by(depot: Depot, answer: Callable[[str], Any]) -> ScriptedEngine:
    engine = ScriptedEngine(answer)
    supervisor = depot.dispatch.supervisor
    depot.dispatch.carry_out = Elsewhere(supervisor=supervisor, engine=engine).run
    return engine


def test_a_ticket_whose_host_is_lost_again_and_again_fails_and_says_so(depot: Depot) -> None:
    supervisor = depot.dispatch.supervisor
    uploads = replace(supervisor.config.uploads, max_resumes=2)
    supervisor.config = replace(supervisor.config, uploads=uploads)
    engine = carried_out_by(depot, lambda _ticket: HostLostError("its worker died"))
    ticket = depot.claim()
    while not depot.dispatch.is_idle():
        depot.dispatch.start_due(depot.dispatch.clock())
        if not depot.events.empty():
            depot.dispatch.handle(depot.events.get())
    info = depot.info(ticket)
    assert (info.status, info.error_code) == (Status.FAILED, "worker-died")
    assert "The worker's host was lost, 3 times" in info.message
    assert len(engine.grants) == 3


@pytest.mark.parametrize(
    "cause",
    [EngineDownError("the scheduler sleeps"), NotHereError("host b: the scheduler sleeps")],
    ids=["engine down", "not here"],
)
def test_a_ticket_waits_for_an_engine_and_says_why_and_that_is_no_death(
    depot: Depot, cause: Exception
) -> None:
    carried_out_by(depot, lambda _ticket: cause)
    ticket = depot.claim()
    event = depot.turn()
    assert isinstance(event, Ended)
    assert event.end.kind is RunKind.PARKED
    info = depot.info(ticket)
    assert (info.status, info.waiting_for) == (Status.IN_PROGRESS, ENGINE)
    assert "the scheduler sleeps" in info.message
    assert depot.dispatch.agenda.tickets[ticket].deaths == 0


def test_a_bug_beside_a_run_ends_the_ticket_and_not_the_daemon(depot: Depot) -> None:
    carried_out_by(depot, lambda _ticket: ZeroDivisionError("what nobody thought of"))
    ticket = depot.claim()
    depot.turn()
    assert depot.info(ticket).error_code == "internal-error"


def test_what_a_run_has_learnt_counts_for_all(depot: Depot) -> None:
    def end(ticket: str) -> RunEnd:
        learnt = Learnt(refused=["archive"], wanted=10**12)
        return RunEnd(ticket=ticket, kind=RunKind.HANDED_BACK, info=None, learnt=learnt)

    engine = carried_out_by(depot, end)
    ticket = depot.claim()
    depot.turn()
    assert depot.permits._refused == {"archive": None}
    depot.dispatch.agenda.add(depot.dispatch.agenda.tickets[ticket])
    depot.turn()
    assert [grant.room >= 10**12 for grant in engine.grants] == [False, True]


@pytest.mark.parametrize("is_held", [False, True])
def test_a_run_goes_on_into_sending_only_where_nothing_is_on_hold(
    depot: Depot, *, is_held: bool
) -> None:
    supervisor = depot.dispatch.supervisor
    supervisor.config = replace(supervisor.config, default_target="archive")
    if is_held:
        depot.permits.holds = Holds(named={"archive": datetime.now(UTC)})
    engine = carried_out_by(
        depot, lambda ticket: RunEnd(ticket=ticket, kind=RunKind.HANDED_BACK, info=None)
    )
    ticket = depot.claim()
    depot.turn()
    assert engine.grants[0].goes_on_to == (None if is_held else "archive")
    assert (depot.uploads.folder(ticket).path / REQUEST_NAME).exists()


def test_a_run_is_begun_though_a_share_remembers_its_heartbeat_as_missing(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As NFS clients do; who believed it would park a ticket that a host works on."""
    supervisor = depot.dispatch.supervisor
    folder = supervisor.uploads.folder(depot.claim())
    elsewhere = Elsewhere(supervisor=supervisor, engine=ScriptedEngine(RuntimeError))
    lease = take_lease(folder.path, LeaseTerms(is_alone=False))
    remembered = {folder.path / HEARTBEAT_NAME}
    ask = os.open

    def open_as_a_client(
        path: Path, flags: int, mode: int = 0o777, dir_fd: int | None = None
    ) -> int:
        if flags & os.O_DIRECTORY:
            remembered.discard(path / HEARTBEAT_NAME)
        if path in remembered:
            raise FileNotFoundError(path)
        return ask(path, flags, mode, dir_fd=dir_fd)

    with monkeypatch.context() as client:
        client.setattr(os, "open", open_as_a_client)
        assert not elsewhere._is_free(folder)
    lease.release(has_ended=False)
    assert elsewhere._is_free(folder)


class WaitingEngine(ScriptedEngine):
    """One whose runs end when the test says so."""

    def __init__(self) -> None:
        super().__init__(RuntimeError)
        self.future: Future[Any] = Future()

    def submit(self, _function: Any, /, *_args: Any, **_more: Any) -> Future[Any]:
        return self.future


def test_a_place_for_staging_is_free_once_the_bag_is_staged_though_it_is_still_being_sent(
    depot: Depot,
) -> None:
    supervisor, engine = depot.dispatch.supervisor, WaitingEngine()
    supervisor.config = replace(supervisor.config, default_target="archive")
    depot.dispatch.carry_out = Elsewhere(supervisor=supervisor, engine=engine).run
    told: list[Any] = []
    depot.permits.tell = told.append
    ticket = depot.claim()
    depot.dispatch.start_due(depot.dispatch.clock())
    assert depot.permits.staging.count("") == 1
    folder = supervisor.uploads.folder(ticket)
    staged = sending_info(ticket_number=ticket, target="archive")
    # as its host writes it
    replace_file(folder.info, json_bytes(tree_from_info(staged)), mode=0o600, durable=False)
    wait_until(lambda: told, 100)
    assert told == [WentOn(ticket, "archive", None)]
    assert depot.permits.staging.count("") == 0
    engine.future.set_result(RunEnd(ticket=ticket, kind=RunKind.HANDED_BACK, info=None))
    depot.dispatch.handle(depot.events.get())


def test_as_many_bags_are_staged_at_once_as_an_engines_workers_take(depot: Depot) -> None:
    places = [0]
    depot.permits.cores = lambda: places[0]
    assert [depot.permits.begin_staging(name, 1, folder="a") for name in "abc"] == [
        True,
        True,
        False,
    ]
    places[0] = 3
    assert depot.permits.begin_staging("c", 1, folder="a")
