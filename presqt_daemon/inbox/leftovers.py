"""What the last daemon left for one scanner to see to in the inbox, once a folder of it is open."""

from collections import defaultdict

from presqt_daemon.inbox.answers.note import write_note
from presqt_daemon.inbox.claims.recover import Half, holds_only_sidecar, remove_twin_sidecar
from presqt_daemon.inbox.files.names import ticket_of_aside
from presqt_daemon.inbox.files.places import OpenPlace
from presqt_daemon.inbox.scan_context import FolderContext
from presqt_daemon.system.files import remove_tree
from presqt_daemon.system.logs import shared_log
from presqt_daemon.tickets.claim_record import ClaimRecord


class FolderLeftovers:
    """Halves of claims, side-cars taken twice and missing notes, by the folder they lie in."""

    def __init__(self, context: FolderContext) -> None:
        self._context = context
        self.halves: defaultdict[str, list[Half]] = defaultdict(list)
        self.finished: defaultdict[str, list[ClaimRecord]] = defaultdict(list)
        self.fresh: defaultdict[str, list[ClaimRecord]] = defaultdict(list)

    def finish_in(self, folder: OpenPlace, asides: list[str]) -> None:
        """See to all that was left in this folder; `asides` are its drops that were set aside."""
        path, target = str(folder.path), folder.place.known_target
        uploads = self._context.claimer.uploads
        for record in self.finished.pop(path, ()):
            remove_twin_sidecar(folder, record, uploads.folder(record.ticket))
        for record in self.fresh.pop(path, ()):
            log = shared_log("note", target, record.ticket)
            try:
                if write_note(folder, self._context.config, record):
                    log.info("its note was missing")
            except OSError as error:
                log.warning("no note: %s", error.strerror)
        tickets = {ticket_of_aside(name) for name in asides}
        for half in self.halves.pop(path, ()):
            if half.record.ticket in tickets:  # the scan goes on with it
                continue
            if holds_only_sidecar(folder, half):
                log = shared_log("half", target, half.record.ticket)
                log.info("its drop is not here, its side-car is kept")
            else:
                remove_tree(half.folder.path)
