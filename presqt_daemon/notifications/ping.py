"""The sign of life: an address that is asked now and then, as long as the daemon's loop turns.

Somebody else's service (a dead man's switch) tells people when nobody asks it any more: that is the
one way to hear of a daemon that hangs, or of a machine that is off.
"""

import logging
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping

from presqt_daemon.notifications.addresses import NoAddressError, ping_address
from presqt_daemon.receivers import NotifyConfig
from presqt_daemon.system.shortage import start_thread

FRESH_SECONDS = 30.0
"""The loop turns each second; one that has not for so long hangs, and is not called alive."""

TIMEOUT_SECONDS = 10.0
LEAST_SECONDS = 1.0
LOG_SECONDS = 60.0
_ANSWER_BYTES = 4096

_log = logging.getLogger(__name__)


class Ping:
    """Asks on a thread of its own; a receiver that hangs holds up nobody but itself."""

    def __init__(
        self,
        config: NotifyConfig,
        *,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._environment = environment
        self._clock = clock
        self._beat = float("-inf")
        self._asked = float("-inf")
        self._logged = float("-inf")
        self._is_failing = False
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, where there is an address; again where no thread could be had."""
        if self._thread is None and self._config.has_ping:
            self._thread = start_thread(self._live, "ping")

    def use(self, config: NotifyConfig) -> None:
        """Go on with another configuration."""
        self._config = config

    def beat(self) -> None:
        """The loop has turned."""
        self._beat = self._clock()

    def stop(self) -> None:
        """Ask no more."""
        self._stopped.set()

    def ask_if_due(self) -> bool:
        """Ask if it is time and the loop turns; whether it was asked."""
        now = self._clock()
        every = max(self._config.ping_every, LEAST_SECONDS)
        if not self._config.has_ping or now - self._asked < every:
            return False
        if now - self._beat > FRESH_SECONDS:
            return False
        self._asked = now
        problem = ask(self._config, self._environment)
        if problem is not None and now - self._logged >= LOG_SECONDS:
            self._logged = now
            _log.warning("the ping's address could not be asked: %s", problem)
        if problem is None and self._is_failing:
            _log.info("the ping's address is asked again")
        self._is_failing = problem is not None
        return True

    def _live(self) -> None:
        while not self._stopped.wait(LEAST_SECONDS):
            self.ask_if_due()


def ask(config: NotifyConfig, environment: Mapping[str, str]) -> str | None:
    """Ask the ping's address once; why that was in vain, with no part of it, else None."""
    try:
        request = urllib.request.Request(  # noqa: S310  (only http and https get here)
            ping_address(config, environment), headers={"User-Agent": "presqt-daemon"}
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            answer.read(_ANSWER_BYTES)
    except NoAddressError as error:
        return str(error)
    except urllib.error.HTTPError as error:
        return f"it answered {error.code}"
    except urllib.error.URLError as error:
        reason = error.reason
        return (isinstance(reason, OSError) and reason.strerror) or "it could not be reached"
    except Exception as error:  # noqa: BLE001  (texts of others may hold the address)
        return f"it could not be asked ({type(error).__name__})"
    return None
