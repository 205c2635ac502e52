"""What the parts of one scanner share: its answers to senders, its copies, its words in the log."""

from collections.abc import Callable

from presqt_daemon.config import Config
from presqt_daemon.inbox.answers.events import Claimed
from presqt_daemon.inbox.answers.note import write_note
from presqt_daemon.inbox.answers.notices import Notices
from presqt_daemon.inbox.answers.status_copies import StatusCopies
from presqt_daemon.inbox.answers.ticket_names import TicketMarks
from presqt_daemon.inbox.claims.copying import Copier
from presqt_daemon.inbox.files.places import OpenPlace
from presqt_daemon.inbox.scan_context import ScanContext
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import printable_name
from presqt_daemon.system.logs import shared_log


class FolderContext:
    """One scanner's own, beside what it shares with all others."""

    def __init__(self, shared: ScanContext, wake: Callable[[], None]) -> None:
        """`wake` has the folders scanned soon; it may be called from any thread."""
        self.shared, self.wake = shared, wake
        self.claimer, self.clock = shared.claimer, shared.clock
        uploads = shared.claimer.uploads
        self.notices, self.marks = Notices(), TicketMarks(uploads)
        self.copies = StatusCopies(
            uploads, self.marks, lambda: shared.config, self.notices, shared.clock
        )
        self.copier = Copier(shared, self.announce)

    @property
    def config(self) -> Config:
        """The configuration of now."""
        return self.shared.config

    def may_act(self) -> None:
        """Return while this is the daemon of these folders; to be asked before each change here."""
        self.claimer.uploads.may_act()

    def warn(self, folder: OpenPlace, name: str, what: str, kind: str) -> None:
        """Say once of a name in a folder what is wrong, as `inbox/<folder>/<name> <what>`."""
        shown = f"{folder.place.shown}/{printable_name(name)}"
        self.notices.warn((folder.place, name), f"{shown} {what}", kind)

    def announce(self, folder: OpenPlace, taken: Claimed) -> None:
        """Leave the note in the inbox and tell the daemon; the ticket is durable by now."""
        record = taken.record
        shown = printable_name(record.inbox_name)
        target = folder.place.known_target
        kind = "taken" if record.fault is None else "refused"
        shared_log(kind, target, record.ticket).info("taken: %s/%s", folder.place.shown, shown)
        log = shared_log("note", target, record.ticket)
        self.may_act()
        try:
            if not write_note(folder, self.config, record):
                log.warning("%s is there already", printable_name(record.receipt_name))
        except OSError as error:
            log.warning("no note for %s: %s; the ticket goes on", shown, error.strerror)
        reach("claim-noted")
        # before its end can be told
        self.copies.follow(record, is_new=True)
        self.shared.emit(taken)
        self.claimer.coming.discard(record.ticket)
