"""What is asked of a run, and the queue: one run at most, begun only where it is needed."""

from dataclasses import dataclass
from pathlib import Path

from presqt_daemon.config import Config
from presqt_daemon.records.found_tickets import find_tickets
from presqt_daemon.tickets.status_writer import utc_now
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.upgrade.state import JobState, StateError, StateFile, queued


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeOrder:
    """What a run works on; plain data, for whatever process does it.

    `mode` is that of the files it makes. `yields`: others are at work on this machine, who go
    first. `before_inbox`: a start waits for the run's end. `given_up`: tickets that are not even
    looked at, since workers have died over them.
    """

    mediafiles: Path
    mode: int
    yields: bool = False
    before_inbox: bool = False
    given_up: frozenset[str] = frozenset()

    @property
    def state_file(self) -> StateFile:
        """Where the run tells how far it is."""
        return StateFile(self.mediafiles / "prepare_upgrade", self.mode)

    def queue(self, *, force: bool) -> bool:
        """See to it that a run is queued; whether there is one to be worked on.

        The first to make the state's file has queued it. Another run begins after one that has
        ended with `force`, where records are missing that it could have made, and where it was for
        records of another version. Raises StateError for a damaged file unless forced,
        NewerInfoError, OSError.
        """
        file = self.state_file
        state = queued(utc_now(), sum(1 for _ in Uploads(self.mediafiles).tickets()))
        if file.create(state):
            return True
        try:
            found = file.read()
        except StateError:
            if not force:
                raise
            found = None
        if found is not None and found.is_open and found.is_of_today:
            return True
        if force or self.is_wanted(found):
            file.write(state, durable=True)
            return True
        return False

    def is_wanted(self, state: JobState | None) -> bool:
        """Whether asking begins a run, where none is under way. Raises NewerInfoError, OSError."""
        if state is None or not state.is_of_today or not state.complete:
            return True
        return bool(find_tickets(Uploads(self.mediafiles)).unrecorded - self.hopeless(state))

    def hopeless(self, state: JobState | None) -> frozenset[str]:
        """Tickets of which a whole run of this version says that no record can be made."""
        if state is None or not state.complete or not state.is_of_today:
            return frozenset()
        try:
            return self.state_file.failures_of(state.run)
        except OSError:
            return frozenset()


def order_for(config: Config) -> UpgradeOrder:
    """The order of a configuration, as somebody gives it who is alone on the machine."""
    return UpgradeOrder(mediafiles=config.mediafiles, mode=config.permissions.status)
