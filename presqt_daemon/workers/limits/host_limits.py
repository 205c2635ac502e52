"""The limits of a run on another host than the daemon's: its grant, and names on the share."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from presqt_daemon.config import Config, TargetConfig
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.workers.limits.accounts import AccountKey, account_of, site_of
from presqt_daemon.workers.limits.grant import Grant, Learnt
from presqt_daemon.workers.limits.permits import Space, space_of
from presqt_daemon.workers.limits.rate_limit import book
from presqt_daemon.workers.limits.shared_names import SharedNames
from presqt_daemon.workers.runs.proof import Serves
from presqt_daemon.workers.runs.requested import RequestedByFile
from presqt_daemon.workers.runs.run import WentOn

CREATING, CONTAINER = "creating", "container"


@dataclass(slots=True, kw_only=True)
class HostLimits:
    """As `SharedLimits`, for one run; `learnt` is what goes back with its end."""

    config: Config
    grant: Grant
    folder: TicketFolder
    names: SharedNames
    learnt: Learnt = field(default_factory=Learnt)
    look: Callable[[Path], tuple[int, Space]] = space_of
    _due: dict[AccountKey, float] = field(default_factory=dict)
    _asked: RequestedByFile | None = None

    def interruption(self, ticket: str) -> RequestedByFile:  # noqa: ARG002
        """What the daemon asks by a file of the ticket."""
        if self._asked is None:
            self._asked = RequestedByFile(self.folder.path)
        return self._asked

    def tell(self, event: Serves | WentOn) -> None:
        """Keep for the end what the daemon is to know."""
        self.learnt.went_on |= isinstance(event, WentOn)
        self.learnt.serves |= isinstance(event, Serves)

    def go_on_sending(
        self,
        ticket: str,
        target: str,
        resource_id: str | None,
        zip_bytes: int,  # noqa: ARG002
    ) -> bool:
        """Whether it has a place there; one container takes one ticket, so that only new ones."""
        is_granted = target == self.grant.goes_on_to and resource_id is None
        return is_granted and not self.interruption(ticket).is_held

    def outgrow(self, ticket: str) -> bool:  # noqa: ARG002
        """A slow bag leaves its place, so that the daemon may give it one among the large."""
        return False

    def begin_container(self, ticket: str, target: TargetConfig, identity: str) -> bool:
        """One ticket for each container, by whatever id it is reached."""
        return self.names.take(CONTAINER, (site_of(target), identity), ticket)

    def begin_creating(self, account: AccountKey, ticket: str) -> bool:
        """One ticket of an account creates at a time."""
        return self.names.take(CREATING, account, ticket)

    def end_creating(self, ticket: str) -> None:
        """Let the next one create."""
        self.names.free(ticket, CREATING)

    def book_turn(self, account: AccountKey, requests_per_minute: int, now: float) -> float:
        """This run's next turn, at its share of the pace."""
        share = min((self.grant.pace.get(name, 1.0) for name in self._targets(account)), default=1)
        pace = max(1, int(requests_per_minute * share))
        seconds, self._due[account] = book(self._due.get(account, 0.0), pace, now)
        return seconds

    def refuse(self, target: str, token_mark: str | None) -> bool:  # noqa: ARG002
        """The daemon has the same token, by its mark."""
        self.learnt.refused.append(target)
        return True

    def refused_mark(self, target: str) -> str | None:  # noqa: ARG002
        """None: who was refused is not sent here."""
        return None

    def accept(self, target: str) -> None:
        """The target takes its token."""
        self.learnt.accepted.append(target)

    def space_at(self, folder: Path) -> Space:
        """The space of a folder's file system. Raises OSError."""
        return self.look(folder)[1]

    def reserve(
        self,
        ticket: str,  # noqa: ARG002
        folder: Path,
        wanted: int,
        spare: int = 0,
        *,
        headroom: float = 0.0,
    ) -> Space | None:
        """None where the bytes are within what was set aside and free; else the space as it is."""
        space = self.look(folder)[1]
        keep = self.config.staging.min_free_bytes + spare + self.grant.room_of_others
        if wanted > self.grant.room:
            self.learnt.wanted = wanted
            return space
        return (
            None
            if wanted + keep + space.part(headroom, self.config.staging.min_free_bytes)
            <= space.free
            else space
        )

    def release(self, ticket: str) -> None:
        """Let go of all that was taken."""
        self.names.free(ticket)

    def _targets(self, account: AccountKey) -> list[str]:
        place = replace(account, token_mark=None)
        targets = self.config.targets.items()
        return [name for name, target in targets if account_of(target, None) == place]
