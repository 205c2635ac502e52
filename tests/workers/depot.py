"""A dispatch over one folder target, with real processes."""

import pickle
import queue
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from presqt_daemon.config import Config, TargetConfig
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.dispatch import Dispatch
from presqt_daemon.workers.engines.threads import ThreadEngine
from presqt_daemon.workers.limits.duplicates import KnownContents
from presqt_daemon.workers.limits.permits import Permits
from presqt_daemon.workers.limits.tokens import Tokens
from presqt_daemon.workers.processes.pool import Pool
from presqt_daemon.workers.queue.open_ticket import OpenTicket
from presqt_daemon.workers.run_ticket import run_ticket
from presqt_daemon.workers.runs.events import Event
from presqt_daemon.workers.runs.run import Work
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
