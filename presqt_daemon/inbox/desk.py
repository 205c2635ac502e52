"""What all lanes of an inbox share: the configuration of now, the claimer, the way out."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from presqt_daemon.config import Config
from presqt_daemon.inbox.claim import Claimer, Taken
from presqt_daemon.inbox.events import Claimed, Event
from presqt_daemon.inbox.notices import Notices
from presqt_daemon.inbox.places import OpenPlace
from presqt_daemon.inbox.receipt_note import write_note
from presqt_daemon.inbox.settle import Rules
from presqt_daemon.inbox.status_copies import StatusCopies
from presqt_daemon.inbox.watch import WatchInstances
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import printable_name

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Desk:
    """The lanes' common ground; `config` is replaced as a whole when it is read again.

    Without `patience` a file that is not whole, and not being written, is given up after `settle`.
    """

    config: Config
    claimer: Claimer
    emit: Callable[[Event], None]
    clock: Callable[[], float]
    patience: bool
    watches: WatchInstances = field(default_factory=WatchInstances)
    copying: dict[str, object] = field(default_factory=dict)
    """Which lane's copier has a ticket's drop, by ticket."""

    @property
    def rules(self) -> Rules:
        """How long to wait for what."""
        intake = self.config.intake
        return Rules(
            settle=intake.settle,
            incomplete_after=intake.incomplete_after if self.patience else intake.settle,
            held_after=max(intake.incomplete_after, intake.settle),
        )

    def announce(
        self, folder: OpenPlace, taken: Taken, notices: Notices, copies: StatusCopies
    ) -> None:
        """Leave the note in the inbox and tell the daemon; the ticket is durable by now."""
        record = taken.record
        shown = printable_name(record.inbox_name)
        line = f"{record.ticket} taken: {folder.place.shown}/{shown}"
        if record.fault is None:
            _log.info("%s", line)
        else:
            notices.say(logging.INFO, "refused", folder.place, line)
        try:
            if not write_note(folder, self.config, record):
                name = printable_name(record.receipt_name)
                line = f"{record.ticket}: {name} is there already"
                notices.say(logging.WARNING, "note", folder.place, line)
        except OSError as error:
            line = f"{record.ticket}: no note for {shown}: {error.strerror}; the ticket goes on"
            notices.say(logging.WARNING, "note", folder.place, line)
        reach("claim-noted")
        claim = Claimed(
            ticket=record.ticket,
            folder=taken.folder,
            record=record,
            size=taken.size,
            error=record.fault,
        )
        self.emit(claim)
        copies.follow(record)
        self.claimer.coming.discard(record.ticket)
