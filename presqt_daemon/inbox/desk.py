"""What all lanes of an inbox share: the configuration of now, the claimer, the way out."""

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from presqt_daemon.config import Config
from presqt_daemon.inbox.claim import Claimer, Taken
from presqt_daemon.inbox.events import Claimed, Event
from presqt_daemon.inbox.places import OpenPlace
from presqt_daemon.inbox.receipt_note import write_note
from presqt_daemon.inbox.settle import Rules
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import printable_name

_MAX_NOTICES = 10_000
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

    def announce(self, folder: OpenPlace, taken: Taken) -> None:
        """Leave the note in the inbox and tell the daemon; the ticket is durable by now."""
        record = taken.record
        shown = printable_name(record.inbox_name)
        _log.info("%s taken: %s/%s", record.ticket, folder.place.shown, shown)
        try:
            if not write_note(folder, self.config, record):
                _log.warning("%s: %s is there already", record.ticket, record.receipt_name)
        except OSError as error:
            _log.warning("%s: no note for %s: %s", record.ticket, shown, error.strerror)
        reach("claim-noted")
        claim = Claimed(
            ticket=record.ticket,
            folder=taken.folder,
            record=record,
            size=taken.size,
            error=record.fault,
        )
        self.emit(claim)
        self.claimer.coming.discard(record.ticket)


class Notices:
    """Warnings that are said once for as long as their cause lasts."""

    def __init__(self) -> None:
        self._raised: set[Hashable] = set()

    def warn(self, key: Hashable, message: str) -> None:
        """Say it, unless it has been said under this key."""
        if key not in self._raised:
            if len(self._raised) >= _MAX_NOTICES:
                self._raised.clear()
            self._raised.add(key)
            _log.warning("%s", message)

    def clear(self, key: Hashable, message: str = "") -> None:
        """The cause is gone; the message, if any, is said when there was one."""
        if key in self._raised:
            self._raised.discard(key)
            if message:
                _log.info("%s", message)
