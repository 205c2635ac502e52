import multiprocessing
import os
import signal
import subprocess
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from presqt_daemon.messages import Alive, End, Go, Limited, Opened, Question, Staged, WantsTurn
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.processes.conversation import Broken, BrokenKind, Conversation, project
from presqt_daemon.workers.processes.pool import TICKET_VARIABLE
from presqt_daemon.workers.processes.prepare import WorkerJob
from presqt_daemon.workers.processes.reaper import Limits
from presqt_daemon.workers.processes.tasks import _Line
from presqt_daemon.workers.processes.worker import Worker
from presqt_daemon.workers.runs.proof import Proof
from presqt_daemon.workers.runs.run import Run, Work
from tests.tickets.infos import writer_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def take_a_turn(channel: Connection) -> None:
    """A worker that asks for a turn and then lives for a while, before it ends its task."""
    channel.recv()
    channel.send(WantsTurn(requests_per_minute=60))
    channel.recv()
    threading.Event().wait(1.0)
    channel.send(Limited(reason="", waiting_for="the target", seconds=1.0))


def end_of(tmp_path: Path, turn_seconds: float) -> End | Staged | Broken:
    """What becomes of that worker, when from its turn on each look at the clock costs an hour."""
    moment = [0.0]
    passed: list[float] = []

    def clock() -> float:
        moment[0] += sum(passed)
        return moment[0]

    def answer(_question: Question) -> Go:
        passed.append(3600.0)
        return Go(seconds=turn_seconds)

    uploads = Uploads(tmp_path)
    folder = uploads.folder(str(uuid.uuid4()))
    folder.path.mkdir(parents=True)
    info = ProcessInfo(ticket_number=folder.ticket, received_at=NOW, updated_at=NOW)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("forkserver").Process(target=take_a_turn, args=(theirs,))
    process.start()
    theirs.close()
    conversation = Conversation(
        worker=Worker(process=process, identity=psutil.Process(process.pid), channel=ours),
        holder=writer_of(uploads, folder, info, now=lambda: NOW),
        job=WorkerJob(
            run=Run(ticket=folder.ticket, work=Work.UPLOAD),
            task="a task",  # type: ignore[arg-type]
            limits=Limits(wall_seconds=7200, stall_seconds=7200, memory_bytes=10**12),
        ),
        answer=answer,
        next_job=lambda _staged: None,
        end_creating=lambda _identity: None,
        proof=Proof(folder.ticket, lambda _event: None),
        clock=clock,
    )
    return conversation.hold()


def test_a_wait_for_a_turn_counts_to_no_limit(tmp_path: Path) -> None:
    assert isinstance(end_of(tmp_path, 10.0**9), Limited)


def test_a_worker_that_hangs_after_its_turn_is_still_noticed(tmp_path: Path) -> None:
    assert isinstance(end_of(tmp_path, 10.0), Broken)


def test_threads_that_ask_at_once_get_each_its_own_answer() -> None:
    ours, theirs = multiprocessing.Pipe()
    line, wrong = _Line(theirs), []

    def ask(number: int) -> None:
        for _ in range(50):
            line.tell(Alive())
            if line.ask(WantsTurn(requests_per_minute=number)).seconds != number:
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    answered = 0
    while answered < 50 * len(threads):
        message = ours.recv()
        if isinstance(message, WantsTurn):
            ours.send(Go(seconds=message.requests_per_minute))
            answered += 1
    for thread in threads:
        thread.join()
    ours.close()
    theirs.close()
    assert wrong == []


def dawdle(channel: Connection) -> None:
    """A worker that goes on and on."""
    channel.recv()
    while True:
        channel.send(Alive())
        threading.Event().wait(0.01)


def test_a_bag_that_may_not_go_on_where_it_is_leaves_its_place(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    folder = uploads.folder(str(uuid.uuid4()))
    folder.path.mkdir(parents=True)
    info = ProcessInfo(ticket_number=folder.ticket, received_at=NOW, updated_at=NOW)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("forkserver").Process(target=dawdle, args=(theirs,))
    process.start()
    theirs.close()
    worker = Worker(process=process, identity=psutil.Process(process.pid), channel=ours)
    asked: list[float] = []

    def may_go_on(elapsed: float) -> bool:
        asked.append(elapsed)
        return len(asked) < 5

    end = Conversation(
        worker=worker,
        holder=writer_of(uploads, folder, info, now=lambda: NOW),
        job=WorkerJob(
            run=Run(ticket=folder.ticket, work=Work.STAGE),
            task="a task",  # type: ignore[arg-type]
            limits=Limits(wall_seconds=7200, stall_seconds=7200, memory_bytes=10**12),
        ),
        answer=lambda _question: None,
        next_job=lambda _staged: None,
        end_creating=lambda _identity: None,
        proof=Proof(folder.ticket, lambda _event: None),
        may_go_on=may_go_on,
    ).hold()
    assert isinstance(end, Broken)
    assert end.kind is BrokenKind.OUTGROWN
    assert asked == sorted(asked)
    assert not worker.identity.is_running()


def fall(channel: Connection) -> None:
    """A worker that dies before it has begun."""
    channel.recv()
    os.kill(os.getpid(), signal.SIGKILL)


def fall_later(channel: Connection) -> None:
    """A worker that dies when it has begun."""
    channel.recv()
    channel.send(Alive())
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("work", "kind"), [(fall, BrokenKind.NOT_BEGUN), (fall_later, BrokenKind.DIED)]
)
def test_only_the_death_of_a_worker_that_has_begun_counts(
    tmp_path: Path, work: Callable[[Connection], None], kind: BrokenKind
) -> None:
    uploads = Uploads(tmp_path)
    folder = uploads.folder(str(uuid.uuid4()))
    folder.path.mkdir(parents=True)
    info = ProcessInfo(ticket_number=folder.ticket, received_at=NOW, updated_at=NOW)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("forkserver").Process(target=work, args=(theirs,))
    process.start()
    theirs.close()
    end = Conversation(
        worker=Worker(process=process, identity=psutil.Process(process.pid), channel=ours),
        holder=writer_of(uploads, folder, info, now=lambda: NOW),
        job=WorkerJob(
            run=Run(ticket=folder.ticket, work=Work.STAGE),
            task="a task",  # type: ignore[arg-type]
            limits=Limits(wall_seconds=7200, stall_seconds=7200, memory_bytes=10**12),
        ),
        answer=lambda _question: None,
        next_job=lambda _staged: None,
        end_creating=lambda _identity: None,
        proof=Proof(folder.ticket, lambda _event: None),
    ).hold()
    assert isinstance(end, Broken)
    assert end.kind is kind


def fall_with_a_child(channel: Connection) -> None:
    """A worker that dies and leaves a program behind, in a session of its own."""
    channel.recv()
    os.environ[TICKET_VARIABLE] = "the-ticket"
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    channel.send(Alive())
    channel.send(WantsTurn(requests_per_minute=child.pid))
    channel.recv()
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_worker_that_died_had_started_goes_with_it(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    folder = uploads.folder(str(uuid.uuid4()))
    folder.path.mkdir(parents=True)
    info = ProcessInfo(ticket_number=folder.ticket, received_at=NOW, updated_at=NOW)
    ours, theirs = multiprocessing.Pipe()
    work = fall_with_a_child
    process = multiprocessing.get_context("forkserver").Process(target=work, args=(theirs,))
    process.start()
    theirs.close()
    children: list[psutil.Process] = []

    def answer(question: Question) -> Go:
        assert isinstance(question, WantsTurn)
        children.append(psutil.Process(question.requests_per_minute))
        return Go()

    end = Conversation(
        worker=Worker(process=process, identity=psutil.Process(process.pid), channel=ours),
        holder=writer_of(uploads, folder, info, now=lambda: NOW),
        job=WorkerJob(
            run=Run(ticket="the-ticket", work=Work.STAGE),
            task="a task",  # type: ignore[arg-type]
            limits=Limits(wall_seconds=7200, stall_seconds=7200, memory_bytes=10**12),
        ),
        answer=answer,
        next_job=lambda _staged: None,
        end_creating=lambda _identity: None,
        proof=Proof(folder.ticket, lambda _event: None),
    ).hold()
    assert isinstance(end, Broken)
    gone, alive = psutil.wait_procs(children, timeout=30)
    assert (len(gone), alive) == (1, [])


def test_a_title_without_end_that_a_target_gives_does_not_fill_the_disk_with_statuses() -> None:
    now = datetime.now(UTC)
    info = ProcessInfo(ticket_number=str(uuid.uuid4()), received_at=now, updated_at=now)
    opened = Opened(container_id="1", link=None, title="x" * 10**6)
    assert len(project(info, opened, now).title or "") == 1000
