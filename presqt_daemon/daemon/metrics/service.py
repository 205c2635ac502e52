"""Writes the figures now and then, on a thread of its own: a disk that hangs holds up nothing."""

import importlib
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from presqt_daemon.condition import read_condition
from presqt_daemon.config import Config
from presqt_daemon.daemon.metrics.figures import ServiceFigures, TicketReader
from presqt_daemon.system.files import free_bytes, replace_file
from presqt_daemon.system.shortage import start_thread
from presqt_daemon.tickets.holds import Holds
from presqt_daemon.tickets.store import Uploads

MODE = 0o644
"""node_exporter reads it as another user; it holds counts and names of targets, no ticket."""

_log = logging.getLogger(__name__)


class Metrics:
    """The file that `metrics.textfile` names; without one nothing is done.

    `holds` may be asked by any thread. What cannot be written is said once, until it can again.
    """

    def __init__(
        self,
        uploads: Uploads,
        config: Callable[[], Config],
        holds: Callable[[], Holds],
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._uploads = uploads
        self._reader = TicketReader(uploads)
        self._config = config
        self._holds = holds
        self._wall = wall
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._written: Path | None = None
        self._trouble: str | None = None

    def start(self) -> None:
        """Begin where a file is configured; again where no thread could be had."""
        if self._thread is None and self._config().metrics.textfile is not None:
            self._thread = start_thread(self._live, "metrics")

    def stop(self) -> None:
        """Write no more, and take the file away: what it says of targets holds no longer."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(2.0)
        self._remove()

    def write_file(self) -> None:
        """Write the figures of this moment, where a file is configured."""
        config = self._config()
        path = config.metrics.textfile
        if self._written not in {None, path}:
            self._remove()
        if path is None:
            return
        try:
            # loaded by the first who needs it: most have no Prometheus
            textfile = importlib.import_module("presqt_daemon.daemon.metrics.textfile")
            content: bytes = textfile.text_of(self._sight(config))
            self._uploads.may_act()
            # whole or not at all; after a power cut the next one comes soon
            replace_file(path, content, mode=MODE, durable=False)
        except ModuleNotFoundError as error:
            if error.name != "prometheus_client":
                raise
            self._tell("the library is missing: pip install 'presqt-daemon[metrics]'")
        except OSError as error:
            self._tell(error.strerror or str(error))
        else:
            self._written = path
            self._tell(None)

    def _sight(self, config: Config) -> ServiceFigures:
        """What is told now. Raises OSError."""
        condition = read_condition(config.mediafiles)
        down = {one.target for one in condition.targets if one.cause} if condition else set()
        holds = self._holds()
        every = config.targets if holds.everything is not None else holds.targets
        return ServiceFigures(
            now=self._wall(),
            figures=self._reader.figures(),
            targets={name: name not in down for name in config.targets},
            held=frozenset(every),
            free={"inbox": free_bytes(config.inbox), "mediafiles": free_bytes(config.mediafiles)},
            untaken=None if condition is None else condition.untaken_total,
        )

    def _remove(self) -> None:
        path, self._written = self._written, None
        if path is not None:
            self._uploads.may_act()
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                self._tell(f"cannot be removed: {error.strerror}")

    def _tell(self, trouble: str | None) -> None:
        if trouble is not None and trouble != self._trouble:
            _log.warning("metrics.textfile: %s", trouble)
        self._trouble = trouble

    def _live(self) -> None:
        while not self._stopped.is_set():
            try:
                self.write_file()
            except Exception:  # noqa: BLE001  (figures are no reason to end the daemon)
                _log.exception("metrics: a bug of ours")
            self._stopped.wait(self._config().metrics.every)
