"""What all scanners of an inbox share: the configuration of now, the claimer, the way out."""

from collections.abc import Callable
from dataclasses import dataclass, field

from presqt_daemon.config import Config
from presqt_daemon.inbox.answers.events import Claimed, Event
from presqt_daemon.inbox.answers.note import write_note
from presqt_daemon.inbox.answers.notices import Notices
from presqt_daemon.inbox.answers.status_copies import StatusCopies
from presqt_daemon.inbox.answers.ticket_names import TicketMarks
from presqt_daemon.inbox.claims.claim import Claimer, Taken
from presqt_daemon.inbox.claims.copying import Copier, no_spare
from presqt_daemon.inbox.files.places import OpenPlace
from presqt_daemon.inbox.files.stability import Rules
from presqt_daemon.inbox.watcher import WatchInstances
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import printable_name
from presqt_daemon.system.logs import shared_log


@dataclass(slots=True, kw_only=True)
class ScanContext:
    """The scanners' common ground; `config` is replaced as a whole when it is read again.

    `spare` gives the bytes that a copied drop of a target's folder has to leave free for those of
    other folders, by its size. Without `patience` a file that is not whole, and not being written,
    is given up after `settle`.
    """

    config: Config
    claimer: Claimer
    emit: Callable[[Event], None]
    clock: Callable[[], float]
    patience: bool
    spare: Callable[[str, int], int] = no_spare
    watches: WatchInstances = field(default_factory=WatchInstances)
    copying: dict[str, object] = field(default_factory=dict)
    """Which scanner's copier has a ticket's drop, by ticket."""

    @property
    def rules(self) -> Rules:
        """How long to wait for what."""
        intake = self.config.intake
        return Rules(
            settle=intake.settle,
            incomplete_after=intake.incomplete_after if self.patience else intake.settle,
            held_after=max(intake.incomplete_after, intake.settle),
        )

    def announce(self, folder: OpenPlace, taken: Taken, copies: StatusCopies) -> None:
        """Leave the note in the inbox and tell the daemon; the ticket is durable by now."""
        record = taken.record
        shown = printable_name(record.inbox_name)
        target = folder.place.known_target
        kind = "taken" if record.fault is None else "refused"
        shared_log(kind, target, record.ticket).info("taken: %s/%s", folder.place.shown, shown)
        log = shared_log("note", target, record.ticket)
        self.claimer.uploads.may_act()
        try:
            if not write_note(folder, self.config, record):
                log.warning("%s is there already", printable_name(record.receipt_name))
        except OSError as error:
            log.warning("no note for %s: %s; the ticket goes on", shown, error.strerror)
        reach("claim-noted")
        claim = Claimed(
            ticket=record.ticket,
            folder=taken.folder,
            record=record,
            size=taken.size,
            error=record.fault,
        )
        # before its end can be told
        copies.follow(record, is_new=True)
        self.emit(claim)
        self.claimer.coming.discard(record.ticket)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderContext:
    """What the parts of one scanner share, beside what all scanners do.

    `wake` has the folders scanned soon; it may be called from any thread.
    """

    shared: ScanContext
    notices: Notices
    marks: TicketMarks
    copies: StatusCopies
    copier: Copier
    wake: Callable[[], None]

    @property
    def config(self) -> Config:
        """The configuration of now."""
        return self.shared.config

    @property
    def claimer(self) -> Claimer:
        """What makes tickets."""
        return self.shared.claimer

    @property
    def rules(self) -> Rules:
        """How long to wait for what."""
        return self.shared.rules

    def may_act(self) -> None:
        """Return while this is the daemon of these folders; to be asked before each change here."""
        self.shared.claimer.uploads.may_act()

    def clock(self) -> float:
        """Now, in monotonic seconds."""
        return self.shared.clock()

    def announce(self, folder: OpenPlace, taken: Taken) -> None:
        """Leave the note in the inbox and tell the daemon of a ticket."""
        self.shared.announce(folder, taken, self.copies)
