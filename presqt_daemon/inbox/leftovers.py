"""What the last daemon left for one scanner to see to in the inbox, once a folder of it is open."""

from collections import defaultdict

from presqt_daemon.inbox.answers.events import Claimed
from presqt_daemon.inbox.answers.note import write_note
from presqt_daemon.inbox.claims.recover import (
    Leftover,
    LeftoverKind,
    holds_only_sidecar,
    own_drop,
    remove_twin_sidecar,
)
from presqt_daemon.inbox.claims.undo import undo_claim
from presqt_daemon.inbox.files.names import ticket_of_aside
from presqt_daemon.inbox.files.places import OpenPlace
from presqt_daemon.inbox.folder_context import FolderContext
from presqt_daemon.system.logs import shared_log
from presqt_daemon.tickets.claim_record import ClaimRecord


class FolderLeftovers:
    """Halves of claims, side-cars taken twice and missing notes, by the folder they lie in."""

    def __init__(self, context: FolderContext) -> None:
        self._context = context
        self.left: defaultdict[str, list[Leftover]] = defaultdict(list)

    def finish_in(self, folder: OpenPlace, asides: list[str]) -> None:
        """See to all that was left in this folder; `asides` are its drops that were set aside.

        Before any drop here is taken: a claim that is not taken back yet may still take one.
        Raises OSError; then it is to be done again.
        """
        tickets = {ticket_of_aside(name) for name in asides}
        left = self.left.get(str(folder.path), [])
        while left:
            self._context.may_act()
            match left[0].kind:
                case LeftoverKind.FINISHED:
                    remove_twin_sidecar(folder, left[0].record, left[0].folder)
                case LeftoverKind.FRESH:
                    self._write_missing_note(folder, left[0].record)
                case LeftoverKind.HALF:
                    if left[0].record.ticket not in tickets:  # else the scan goes on with it
                        self._see_to(folder, left[0])
            left.pop(0)

    def _write_missing_note(self, folder: OpenPlace, record: ClaimRecord) -> None:
        log = shared_log("note", folder.place.known_target, record.ticket)
        try:
            if write_note(folder, self._context.config, record):
                log.info("its note was missing")
        except OSError as error:
            log.warning("no note: %s", error.strerror)

    def _see_to(self, folder: OpenPlace, half: Leftover) -> None:
        """Take a claim back that has no drop; go on with one whose drop has come after all."""
        record, target = half.record, folder.place.known_target
        if holds_only_sidecar(folder, half):
            log = shared_log("half", target, record.ticket)
            log.info("its drop is not here, its side-car is kept")
            return
        assert record.zip_name is not None
        if undo_claim(self._context.claimer.uploads, half.folder, record.zip_name):
            return
        own_drop(half.folder, record, self._context.config)
        size = (half.folder.path / record.zip_name).lstat().st_size
        self._context.may_act()
        remove_twin_sidecar(folder, record, half.folder)
        self._context.copier.put(
            Claimed(place=folder.place, folder=half.folder, record=record, size=size)
        )
