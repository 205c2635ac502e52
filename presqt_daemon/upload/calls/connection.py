"""A connection to a target, at the pace that it asks for, and whose trouble has ended its use."""

import contextlib
from collections.abc import Callable, Iterator

from presqt_daemon.config import TargetConfig
from presqt_daemon.targets.abilities import CanAskBeforeEach, CanTakeTurns, CanTellOfWaits
from presqt_daemon.targets.base import Target
from presqt_daemon.upload.calls.patience import PACE, Patience
from presqt_daemon.upload.calls.whole_target import pause_named


@contextlib.contextmanager
def connected(
    config: TargetConfig,
    patience: Patience,
    connect: Callable[[], Target],
    book_turn: Callable[[int], float],
    *,
    retries: int | None = None,
) -> Iterator[Target]:
    """An open connection, closed at the end, whose own waits are told as the others are.

    `book_turn` gives the seconds until the next request may be made to a target that takes so many
    a minute. Raises MustWait in place of a fault that is the whole target's.
    """
    is_path = config.path is not None
    with pause_named(None, patience, is_path=is_path):
        target = patience.call(lambda _doubtful: connect(), retries=retries)
    # the pause is named first: while the connection is open it is asked whose trouble it is
    with contextlib.closing(target), pause_named(target, patience, is_path=is_path):
        if isinstance(target, CanAskBeforeEach):
            target.before_each = patience.before_each
        if isinstance(target, CanTellOfWaits):
            target.waits_for = patience.waits_for
        keep_pace(config, target, lambda pace: patience.wait(book_turn(pace), PACE))
        yield target


def keep_pace(config: TargetConfig, target: Target, wait: Callable[[int], None]) -> None:
    """Have `wait` called before each request, with the requests a minute that are allowed."""
    pace = config.requests_per_minute or target.traits.requests_per_minute
    if pace is not None and isinstance(target, CanTakeTurns):
        target.turn = lambda: wait(pace)
