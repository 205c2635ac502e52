"""Addresses that a target has given itself in this upload: a 404 of one is not the sender's."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator

from presqt_daemon.errors import NOT_THERE, TargetFault, UserFault

TRIES = 10
"""How often one address may be not there, one time after another, before that is believed."""


class GivenAddresses:
    """What one connection was told of; used by several threads at once.

    `wait`: seconds before what was not found is asked for again, where the target is known for it.
    """

    def __init__(self, target: str, wait: float | None = None) -> None:
        self._target = target
        self._wait = wait
        self._missed: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def asking(self, what: str) -> Iterator[None]:
        """Take "not found" within for a hiccup of the target's: TargetFault, to be tried again.

        `what` names what is asked, for the sentence too. After `TRIES` of
        them without a success between, TargetFault `target-refused`: somebody has removed it.
        """
        try:
            yield
        except UserFault as error:
            if error.code not in NOT_THERE:
                raise
            with self._lock:
                self._missed[what] += 1
                is_over = self._missed[what] > TRIES
            if is_over:
                raise TargetFault(
                    "target-refused",
                    f"{self._target} does not know any more what it has made or shown itself: "
                    f"{error.message} Somebody may have removed it there.",
                ) from error
            raise TargetFault(
                "target-unavailable",
                f"{self._target} does not find what it has made or shown itself: {error.message}",
                retryable=True,
                retry_after=self._wait,
                outcome_unknown=True,
            ) from error
        with self._lock:
            self._missed.pop(what, None)
