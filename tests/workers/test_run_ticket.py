"""A run goes through an engine as pickled data, and comes back so."""

import pickle
import queue
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from presqt_daemon.config import Config
from presqt_daemon.model import Status
from presqt_daemon.tickets.verdict import Verdict
from presqt_daemon.workers.engines.starts import NotHereError
from presqt_daemon.workers.limits.permits import Permits
from presqt_daemon.workers.processes.pool import Pool
from presqt_daemon.workers.run_ticket import run_ticket
from presqt_daemon.workers.runs.events import Ended
from presqt_daemon.workers.runs.run import Interruption, Run, RunKind, Work
from tests.workers.depot import Depot


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
