"""What shows, before a run's end, that its target serves: tickets held by a pause may go then.

A large deposit after an outage would else hold up every small one behind it for as long as it runs.
"""

from collections.abc import Callable
from dataclasses import dataclass

from presqt_daemon.messages import Opened, Progress, Report

PROOF_BYTES = 16 << 20
"""What a target has taken of a file that it will not refuse at once, nor leave in a buffer."""


@dataclass(frozen=True, slots=True)
class Serves:
    """The target of a ticket that runs takes what is sent."""

    ticket: str


@dataclass(slots=True)
class Proof:
    """Looks at a run's reports; posts once that its target serves, when the deposit moves."""

    ticket: str
    post: Callable[[Serves], None]
    _is_opened: bool = False
    _is_told: bool = False

    def hear(self, message: Report) -> None:
        """A container has to be open: figures from before it are not the target's."""
        if isinstance(message, Opened):
            self._is_opened = True
        elif isinstance(message, Progress) and self._is_opened and not self._is_told:
            self._is_told = is_proof(message)
            if self._is_told:
                self.post(Serves(self.ticket))


def is_proof(progress: Progress) -> bool:
    """Whether so much says that the target takes files."""
    return progress.files_done > 0 or progress.bytes_done >= PROOF_BYTES
