"""A run on a host of an engine, seen from the daemon: given out, watched, its end taken in.

Each such run has a thread of the daemon, which waits for it: files on a share are read and written
here and not by the loop. The daemon signals no process of another host; it asks by a file.
"""

import concurrent.futures
import contextlib
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path

from presqt_daemon.errors import HouseFault
from presqt_daemon.leases.lease import NotOursError
from presqt_daemon.model import Stage
from presqt_daemon.records.payload import read_fingerprint
from presqt_daemon.system.logs import shared_log
from presqt_daemon.tickets.parties import OtherPartyError
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.workers.changes import TicketChanges
from presqt_daemon.workers.engines.granting import Granting
from presqt_daemon.workers.engines.seen_progress import SeenProgress, is_staged
from presqt_daemon.workers.engines.starts import (
    EngineDownError,
    HostLostError,
    NotHereError,
    TellsOfHosts,
)
from presqt_daemon.workers.limits.grant import Learnt
from presqt_daemon.workers.limits.permits import Permits
from presqt_daemon.workers.outcomes import end_failed
from presqt_daemon.workers.run_ticket import run_ticket
from presqt_daemon.workers.runs.proof import Serves
from presqt_daemon.workers.runs.requested import (
    CANCEL,
    HOLD,
    NOTHING,
    STOP,
    forget_request,
    write_request,
)
from presqt_daemon.workers.runs.run import (
    ENGINE,
    ENGINE_SECONDS,
    Interruption,
    ParkError,
    Run,
    RunEnd,
    RunKind,
    WentOn,
    Work,
)
from presqt_daemon.workers.supervisor import Supervisor
from presqt_daemon.workers.unfinished_runs import park, without_disk

LOOK_SECONDS = 0.25
IDLE_SECONDS = 10.0
"""A run that nobody has begun after so long may have nobody who could."""

LONGEST_SECONDS = 60.0
HOST_LOST = "The worker's host was lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Runs tickets on an engine's hosts, as `run_ticket` does here."""

    supervisor: Supervisor
    engine: Executor
    granting: Granting = field(init=False)

    def __post_init__(self) -> None:
        """Grants are of the same supervisor."""
        object.__setattr__(self, "granting", Granting(self.supervisor))

    def run(self, mediafiles: Path, ticket: str, run: Run, permits: Permits) -> RunEnd:
        """Bring a ticket one stage further on some host, or to its end; raises nothing for it."""
        folder = self.supervisor.uploads.folder(ticket)
        try:
            before = _sent(folder)
            try:
                grant = self.granting.grant(run, folder)
                self.supervisor.uploads.may_act()
                write_request(folder.path, NOTHING)
                future = self.engine.submit(run_ticket, mediafiles, ticket, run, grant)
                progress = SeenProgress(
                    folder, run, goes_on=grant.goes_on_to is not None, clock=self.supervisor.clock
                )
                end = self._wait_for(future, folder, permits, grant.goes_on_to, progress)
            except (EngineDownError, NotHereError, ParkError) as cause:
                end = self._park(run, folder, cause)
            except HostLostError as error:
                end = self._lost(run, folder, str(error), progress=_sent(folder) > before)
            self._take_in(run, folder, end)
        except FileNotFoundError:
            if self.supervisor.uploads.is_there() and not folder.path.is_dir():
                return RunEnd(ticket=ticket, kind=RunKind.OVER, info=None)
            return without_disk(run, "mediafiles is not where it was")
        except OSError as error:
            return without_disk(run, error.strerror or str(error))
        except Exception as bug:  # noqa: BLE001  (one ticket's bug must end nothing else)
            return TicketChanges(self.supervisor).end_for_bug(ticket, bug)
        finally:
            self.granting.take_back(ticket)
        return end

    def _wait_for(
        self,
        future: "Future[RunEnd]",
        folder: TicketFolder,
        permits: Permits,
        then: str | None,
        progress: SeenProgress,
    ) -> RunEnd:
        """How the run has ended; what is asked of it meanwhile is handed on.

        `then` is the target to which it goes on where it stages first.

        Raises EngineDownError where it cannot begin, or is lost from sight; what it raised.
        """
        clock = self.supervisor.clock
        interruption = permits.interruption(folder.ticket)
        asked, idle_since = NOTHING, clock()
        while not concurrent.futures.wait([future], LOOK_SECONDS).done:
            for event in progress.news():
                if isinstance(event, WentOn):
                    then = None
                    permits.end_staging(folder.ticket)
                    self.granting.take_back(folder.ticket)
                permits.tell(event)
            self.granting.free_names_of_the_dead()
            word = _asked_of(interruption, clock())
            if word == NOTHING and then is not None and permits.holds.cover(folder.ticket, then):
                word = HOLD
            if word != asked:
                self.supervisor.uploads.may_act()
                write_request(folder.path, word)
                asked = word
            if asked in {NOTHING, HOLD} and clock() - idle_since < IDLE_SECONDS:
                continue
            idle_since = clock()
            is_to_end = asked in {CANCEL, STOP}
            # asked for runs that have begun as well: their hosts may have gone
            trouble = None if is_to_end else self._trouble()
            if not (is_to_end or trouble) or not self._is_free(folder):
                continue
            future.cancel()
            if is_to_end:
                return RunEnd(ticket=folder.ticket, kind=RunKind.HANDED_BACK, info=None)
            raise EngineDownError(trouble)
        return future.result()

    def _is_free(self, folder: TicketFolder) -> bool:
        """Whether nobody works on a ticket: it was not begun, or whoever had it is dead by now."""
        try:
            with self.supervisor.uploads.leasing(folder):
                return True
        except (NotOursError, OtherPartyError):
            return False

    def _trouble(self) -> str | None:
        return self.engine.trouble() if isinstance(self.engine, TellsOfHosts) else None

    def _park(self, run: Run, folder: TicketFolder, cause: Exception) -> RunEnd:
        """The ticket waits, and says why where nobody else has it."""
        if not isinstance(cause, ParkError):
            log = shared_log("engine", run.folder, run.ticket)
            log.warning("waits for %s: %s", ENGINE, cause)
            # the longer it lasts, the less often each ticket's status is written for it
            seconds = min(max(ENGINE_SECONDS, run.waited_seconds / 4), LONGEST_SECONDS)
            cause = ParkError(ENGINE, seconds, cause=str(cause))
        nobody = contextlib.suppress(NotOursError, OtherPartyError)
        with nobody, self.supervisor.uploads.leasing(folder) as party:
            holder = self.supervisor.open_holder(folder, party)
            if not holder.info.is_open:
                return RunEnd(ticket=run.ticket, kind=RunKind.OVER, info=holder.info)
            return park(run, holder, cause, self.supervisor.config)
        return RunEnd(
            ticket=run.ticket,
            kind=RunKind.PARKED,
            info=None,
            seconds=cause.seconds,
            waiting_for=cause.waiting_for,
        )

    def _lost(self, run: Run, folder: TicketFolder, reason: str, *, progress: bool) -> RunEnd:
        """One more go, `uploads.max_resumes` times without new progress, then `worker-died`."""
        deaths = 1 if progress else run.deaths + 1
        log = shared_log("host lost", run.folder, run.ticket)
        log.warning("its host was lost (%s); it goes on elsewhere", reason)
        info = folder.known_info()
        if deaths > self.supervisor.config.uploads.max_resumes:
            # it may be alive yet: only who has waited for that may end its ticket
            nobody = contextlib.suppress(NotOursError, OtherPartyError)
            with nobody, self.supervisor.uploads.leasing(folder, wait=True) as party:
                holder = self.supervisor.open_holder(folder, party)
                if holder.info.is_open:
                    text = f"{HOST_LOST}, {deaths} times without getting further; the drop is "
                    text += "kept. Ask the operator to look at the hosts, then retry."
                    end_failed(holder, HouseFault("worker-died", text), self.supervisor.config)
                return RunEnd(ticket=run.ticket, kind=RunKind.OVER, info=holder.info)
        return RunEnd(ticket=run.ticket, kind=RunKind.AGAIN, info=info, made_progress=progress)

    def _take_in(self, run: Run, folder: TicketFolder, end: RunEnd) -> None:
        """What the run has found out is known to all from now on."""
        supervisor, learnt = self.supervisor, end.learnt or Learnt()
        info = end.info or folder.known_info()
        for target in learnt.refused:
            supervisor.permits.refuse(target, supervisor.token_mark(target))
        for target in learnt.accepted:
            supervisor.permits.accept(target)
        self.granting.want(run.ticket, learnt.wanted)
        if run.work is Work.STAGE and info is not None and is_staged(info):
            supervisor.contents.note_staged(folder, read_fingerprint(folder.payload))
            if end.kind is not RunKind.STAGED:
                supervisor.permits.tell(WentOn(run.ticket, info.target or "", info.resource_id))
        if learnt.serves:
            supervisor.permits.tell(Serves(run.ticket))
        if end.kind is RunKind.OVER:
            self.granting.names.free_all(run.ticket)
            forget_request(folder.path)


def _asked_of(interruption: Interruption, now: float) -> str:
    if interruption.is_cancelled:
        return CANCEL
    stop_by = interruption.stop_by
    return STOP if stop_by is not None and now >= stop_by else NOTHING


def _sent(folder: TicketFolder) -> int:
    info = folder.known_info()
    return 0 if info is None else info.upload_files_finished + (info.stage is not Stage.RECEIVED)
