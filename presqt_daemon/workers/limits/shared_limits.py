"""What runs share and must ask for: one interface, kept in memory here, by files in a cluster."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from presqt_daemon.config import Config, TargetConfig
from presqt_daemon.workers.limits.accounts import AccountKey
from presqt_daemon.workers.limits.permits import Space
from presqt_daemon.workers.runs.proof import Serves
from presqt_daemon.workers.runs.requested import RequestedByFile
from presqt_daemon.workers.runs.run import Interruption, WentOn


class SharedLimits(Protocol):
    """Places, pace, creations, refused tokens and space; what is asked of a run, and what it tells.

    All arguments are plain data, and an implementation can be pickled.

    Whatever is taken is remembered by ticket and may be taken again by it; all of it may be asked
    from any thread. `Permits` says what each of them promises.
    """

    config: Config

    def interruption(self, ticket: str) -> Interruption | RequestedByFile: ...

    @property
    def tell(self) -> Callable[[Serves | WentOn], None]: ...

    def go_on_sending(
        self, ticket: str, target: str, resource_id: str | None, zip_bytes: int
    ) -> bool: ...

    def outgrow(self, ticket: str) -> bool: ...

    def begin_container(self, ticket: str, target: TargetConfig, identity: str) -> bool: ...

    def begin_creating(self, account: AccountKey, ticket: str) -> bool: ...

    def end_creating(self, ticket: str) -> None: ...

    def book_turn(self, account: AccountKey, requests_per_minute: int, now: float) -> float: ...

    def refuse(self, target: str, token_mark: str | None) -> bool: ...

    def refused_mark(self, target: str) -> str | None: ...

    def accept(self, target: str) -> None: ...

    def space_at(self, folder: Path) -> Space: ...

    def reserve(
        self, ticket: str, folder: Path, wanted: int, spare: int = 0, *, headroom: float = 0.0
    ) -> Space | None: ...

    def release(self, ticket: str) -> None: ...
