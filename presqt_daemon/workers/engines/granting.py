"""What a run on another host gets of all that hosts share: taken from the daemon's own books."""

import contextlib
import threading

from presqt_daemon.leases.lease import NotOursError
from presqt_daemon.tickets.parties import OtherPartyError
from presqt_daemon.tickets.store import TicketFolder, is_ticket
from presqt_daemon.workers.limits.accounts import account_of
from presqt_daemon.workers.limits.duplicates import SameContentError
from presqt_daemon.workers.limits.grant import Grant, settings_marks, short_mark
from presqt_daemon.workers.limits.shared_names import SharedNames
from presqt_daemon.workers.limits.space import ROOM_BYTES
from presqt_daemon.workers.runs.run import Run, Work
from presqt_daemon.workers.supervisor import Supervisor

LOOK_SECONDS = 10.0
"""How often it is looked whether somebody has a name and no run."""

ROOM_SHARE = 3
"""How many times its zip a bag is taken to need, before one that needs more has said so."""


class Granting:
    """The daemon's side of grants; safe from several threads."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._lock = threading.Lock()
        self._rooms: dict[str, int] = {}
        self._wanted: dict[str, int] = {}
        self._looked = supervisor.clock()
        self.names = SharedNames(supervisor.config.mediafiles)

    def grant(self, run: Run, folder: TicketFolder) -> Grant:
        """What a run is given; its places are taken already. Raises ParkError, OSError."""
        supervisor = self._supervisor
        config, permits = supervisor.config, supervisor.permits
        goes_on_to = target = None
        same_as: tuple[str, ...] = ()
        warning = None
        if run.work is Work.STAGE:
            guess = run.folder or config.default_target
            if (
                guess is not None
                and config.intake.same_content == "upload"
                and permits.begin_sending_after(run.ticket, guess, run.zip_bytes)
            ):
                goes_on_to = target = guess
        else:
            info = folder.known_info()
            target = None if info is None else info.target
            if info is not None and info.is_open:
                try:
                    warning = supervisor.contents.notice(
                        folder,
                        info,
                        points=config.intake.same_content == "point",
                        site=supervisor.site_of,
                    )
                except SameContentError as same:
                    same_as = tuple(one.ticket_number for one in same.brought)
        marks = {} if target is None else {target: short_mark(supervisor.token_mark(target))}
        room, others = self._room(run)
        return Grant(
            settings=settings_marks(config),
            goes_on_to=goes_on_to,
            marks=marks,
            pace=self._paces(),
            room=room,
            room_of_others=others,
            same_as=same_as,
            same_content=warning,
        )

    def want(self, ticket: str, wanted: int | None) -> None:
        """Give a ticket so much room the next time, None for what any is given."""
        with self._lock:
            if wanted is None:
                self._wanted.pop(ticket, None)
            else:
                self._wanted[ticket] = wanted

    def take_back(self, ticket: str) -> None:
        """Let others have a run's room; its places are the dispatch's to give back."""
        with self._lock:
            self._rooms.pop(ticket, None)

    def free_names_of_the_dead(self) -> None:
        """Let others have the names of tickets on which nobody works.

        Such a ticket may wait for a place that another has who waits for the name. Does nothing
        within ten seconds of the last look, by whatever thread; raises nothing.
        """
        with self._lock:
            now = self._supervisor.clock()
            if now - self._looked < LOOK_SECONDS:
                return
            self._looked = now
        uploads = self._supervisor.uploads
        with contextlib.suppress(OSError):
            for ticket in filter(is_ticket, self.names.tickets()):
                # its next run takes its names after its lease, so that none of that run's goes
                somebody = contextlib.suppress(NotOursError, OtherPartyError, FileNotFoundError)
                with somebody, uploads.leasing(uploads.folder(ticket)):
                    self.names.free_all(ticket)

    def _room(self, run: Run) -> tuple[int, int]:
        with self._lock:
            others = sum(self._rooms.values())
            if run.work is not Work.STAGE:
                return 0, others
            least = max(ROOM_BYTES, run.zip_bytes * ROOM_SHARE)
            self._rooms[run.ticket] = room = max(least, self._wanted.get(run.ticket, 0))
        return room, others

    def _paces(self) -> dict[str, float]:
        """Each target's share for one run: by the places of all entries of its account."""
        supervisor = self._supervisor
        targets = supervisor.config.targets.values()
        accounts = {one.name: account_of(one, supervisor.tokens.mark_of(one)) for one in targets}
        places: dict[object, int] = {}
        for one in targets:
            places[accounts[one.name]] = places.get(accounts[one.name], 0) + one.workers
        return {one.name: 1 / places[accounts[one.name]] for one in targets}
