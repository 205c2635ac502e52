"""A command's own requests to targets: at the pace of the account, and waiting for a rate limit.

It runs beside the daemon and knows nothing of the daemon's requests to the same account.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from presqt_daemon.cli.output.show import complain
from presqt_daemon.config import TargetConfig
from presqt_daemon.targets.base import Target
from presqt_daemon.units import text_from_seconds
from presqt_daemon.upload.ask_again import Caller
from presqt_daemon.upload.calls.connection import keep_pace
from presqt_daemon.upload.calls.patience import MustWait, Patience
from presqt_daemon.workers.limits.rate_limit import book

UNKNOWN_SECONDS = 60.0
CALL_SECONDS = 300.0
"""How long one call may be repeated for a target that does not answer."""

_ANY = TypeVar("_ANY")


@dataclass(slots=True)
class Turns:
    """When the next request to each server may be made."""

    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _due: dict[str, float] = field(default_factory=dict)

    def of(self, config: TargetConfig, target: Target, retries: int) -> Caller:
        """Have a connection keep to its pace; makes calls, and waits for what will pass."""
        server = f"{config.type} {config.url}"

        def await_turn(pace: int) -> None:
            seconds, self._due[server] = book(self._due.get(server, 0.0), pace, self.clock())
            self.sleep(seconds)

        keep_pace(config, target, await_turn)
        patience = Patience(
            target=config.name,
            retries=retries,
            limit=CALL_SECONDS,
            sleep=self.sleep,
            clock=self.clock,
            waits_for=_tell,
        )

        def call(request: Callable[[], _ANY], /) -> _ANY:
            while True:
                try:
                    return patience.ask(request)
                except MustWait as wait:
                    seconds = wait.limited.seconds or UNKNOWN_SECONDS
                    complain(f"{wait.limited.reason} Waits {text_from_seconds(seconds)}.")
                    self.sleep(seconds)

        return call


def _tell(what: str, seconds: float) -> None:
    if what:
        complain(f"Waits {text_from_seconds(seconds)} for {what}.")
