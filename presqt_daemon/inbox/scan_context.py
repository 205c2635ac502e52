"""What all scanners of an inbox share: the configuration of now, the claimer, the way out."""

from collections.abc import Callable
from dataclasses import dataclass, field

from presqt_daemon.config import Config
from presqt_daemon.inbox.answers.events import Event
from presqt_daemon.inbox.claims.claim import Claimer
from presqt_daemon.inbox.files.stability import Rules
from presqt_daemon.inbox.watcher import WatchInstances


def no_spare(_target: str, _size: int) -> int:
    """Nothing is left free for others."""
    return 0


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
