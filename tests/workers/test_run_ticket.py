"""A run goes through an engine as pickled data, and comes back so."""

import pickle
import queue
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from presqt_daemon.config import Config, TargetConfig
from presqt_daemon.model import Status
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.tickets.verdict import Verdict
from presqt_daemon.workers.dispatch import Dispatch
from presqt_daemon.workers.engines.starts import NotHereError
from presqt_daemon.workers.engines.threads import ThreadEngine
from presqt_daemon.workers.limits.duplicates import KnownContents
from presqt_daemon.workers.limits.permits import Permits
from presqt_daemon.workers.limits.tokens import Tokens
from presqt_daemon.workers.processes.pool import Pool
from presqt_daemon.workers.queue.open_ticket import OpenTicket
from presqt_daemon.workers.run_ticket import run_ticket
from presqt_daemon.workers.runs.events import Ended, Event
from presqt_daemon.workers.runs.run import Interruption, Run, RunKind, Work
from presqt_daemon.workers.supervisor import Supervisor
from tests.bags import bag_zip
from tests.tickets.infos import new_info, write_info
from tests.tickets.records import claim_record


class PicklingEngine(Executor):
    """Hands runs to a thread as a cluster's engine hands them to a host: as bytes, both ways."""

    def __init__(self) -> None:
        self._threads = ThreadEngine()
        self.runs: list[bytes] = []

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if function is not run_ticket:
            # changes stay with the daemon
            return self._threads.submit(function, *args, **kwargs)
        job = pickle.dumps((function, args, kwargs))
        self.runs.append(job)
        return self._threads.submit(_carry_out, job)


def _carry_out(job: bytes) -> Any:
    function, args, kwargs = pickle.loads(job)
    return pickle.loads(pickle.dumps(function(*args, **kwargs)))


class Depot:
    """A dispatch whose engine takes and gives nothing but bytes, with real processes."""

    def __init__(self, root: Path) -> None:
        (root / "archive").mkdir()
        target = TargetConfig(name="archive", type="folder", path=root / "archive")
        self.config = Config(mediafiles=root, targets={"archive": target})
        self.uploads = Uploads(root)
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.engine = PicklingEngine()
        self.permits = Permits(self.config, tell=self.events.put)
        self.pool = Pool()
        self.dispatch = Dispatch(
            supervisor=Supervisor(
                config=self.config,
                uploads=self.uploads,
                pool=self.pool,
                permits=self.permits,
                tokens=Tokens(self.config.targets, {}),
                contents=KnownContents(self.uploads),
            ),
            post=self.events.put,
            engine=self.engine,
        )

    def claim(self) -> str:
        """A ticket that has just been claimed."""
        info = new_info(target="archive", source_file="thesis.zip")
        folder = self.uploads.folder(info.ticket_number)
        folder.path.mkdir(parents=True)
        (folder.path / "thesis.zip").write_bytes(bag_zip({"a.txt": b"a", "b/c.txt": b"c"}))
        folder.write_claim(claim_record(folder.ticket, "archive"))
        write_info(self.uploads, folder, info)
        self.dispatch.open(OpenTicket(ticket=folder.ticket, work=Work.STAGE, zip_bytes=1), None)
        return folder.ticket

    def turn(self) -> Event:
        self.dispatch.start_due(self.dispatch.clock())
        event = self.events.get(timeout=120)
        self.dispatch.handle(event)
        return event

    def info(self, ticket: str) -> ProcessInfo:
        return self.uploads.folder(ticket).read_info()


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    depot = Depot(tmp_path)
    yield depot
    depot.dispatch.close()
    depot.pool.let_go(all_of_them=True)


def test_a_ticket_is_deposited_through_an_engine_that_takes_only_bytes(depot: Depot) -> None:
    ticket = depot.claim()
    while not depot.dispatch.is_idle():
        depot.turn()
    assert depot.info(ticket).status is Status.FINISHED, depot.info(ticket).message
    assert depot.dispatch.verdicts == [Verdict.VERIFIED]
    with depot.uploads.parties.having(ticket):
        assert depot.engine.runs, "whoever had it has given it back"
    sent = b"".join(depot.engine.runs)
    assert ticket.encode() in sent
    assert not depot.permits.interruptions, "nothing is kept of runs that have ended"


def test_a_run_handed_over_as_bytes_is_cancelled_by_its_ticket(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: queue.SimpleQueue[None] = queue.SimpleQueue()
    real = Pool.start_worker

    def start(pool: Pool) -> Any:
        begun.put(None)
        return real(pool)

    monkeypatch.setattr(Pool, "start_worker", start)
    # a worker that waits for the container that another ticket creates goes on until it is asked
    monkeypatch.setattr(Permits, "begin_creating", lambda *_: False)
    ticket = depot.claim()
    depot.dispatch.start_due(depot.dispatch.clock())
    begun.get(timeout=120)
    depot.dispatch.cancel(ticket)
    while not isinstance(event := depot.turn(), Ended):
        continue
    assert event.end.kind is RunKind.OVER
    assert depot.info(ticket).error_code == "cancelled"


def test_limits_of_a_process_are_the_very_ones_there_and_none_elsewhere(tmp_path: Path) -> None:
    permits = Permits(Config(mediafiles=tmp_path))
    assert pickle.loads(pickle.dumps(permits)) is permits
    assert pickle.loads(pickle.dumps(permits)) is not pickle.loads(
        pickle.dumps(Permits(Config(mediafiles=tmp_path)))
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", "import pickle, sys; pickle.loads(sys.stdin.buffer.read())"],
        input=pickle.dumps(permits),
        capture_output=True,
        check=False,
    )
    assert b"and of no other" in elsewhere.stderr


def test_what_is_asked_of_a_run_is_known_by_its_ticket(tmp_path: Path) -> None:
    permits = Permits(Config(mediafiles=tmp_path))
    asked = permits.interruptions["a"] = Interruption()
    asked.is_cancelled = True
    assert permits.interruption("a").is_cancelled
    assert not permits.interruption("b").is_cancelled


def test_a_process_that_runs_no_tickets_of_these_mediafiles_says_so(tmp_path: Path) -> None:
    run = Run(ticket="a", work=Work.STAGE)
    with pytest.raises(NotHereError, match=str(tmp_path)):
        run_ticket(tmp_path, "a", run, Permits(Config(mediafiles=tmp_path)))
