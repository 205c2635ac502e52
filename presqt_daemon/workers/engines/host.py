"""A worker's host: what runs tickets there, made once a process of the host's own configuration.

An engine's worker is told paths and numbers. Settings and tokens it reads itself, from the file
that `PRESQT_DAEMON_CONFIG` names or where the daemon would look for it.
"""

import multiprocessing
import os
import threading
import time
from pathlib import Path

from presqt_daemon import __version__
from presqt_daemon.config import Config
from presqt_daemon.errors import ConfigError
from presqt_daemon.leases.lease import LeaseTerms
from presqt_daemon.settings.load import find_file, load_config
from presqt_daemon.system.host import host_name
from presqt_daemon.system.logs import open_log
from presqt_daemon.system.shortage import start_thread
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.engines.starts import NotHereError
from presqt_daemon.workers.limits.grant import Grant, differing, settings_marks, short_mark
from presqt_daemon.workers.limits.granted_contents import GrantedContents
from presqt_daemon.workers.limits.permits import Permits
from presqt_daemon.workers.limits.tokens import Tokens
from presqt_daemon.workers.processes.pool import Pool
from presqt_daemon.workers.runs.scratch_place import begin_scratch
from presqt_daemon.workers.supervisor import Supervisor

CONFIG_VARIABLE = "PRESQT_DAEMON_CONFIG"
NO_CHILDREN = "may start no process for a ticket: start dask's workers with --no-nanny"
"""Of a process that is itself a daemonic child (multiprocessing's word), as below dask's nanny."""

TURN_SECONDS = 1.0
READ_AGAIN_SECONDS = 5.0
"""How old the configuration may be: another one counts without a restart of the workers."""


class Host:
    """What this process has for runs of one daemon's tickets; safe from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: Pool | None = None
        self._tokens: Tokens | None = None
        self._uploads: Uploads | None = None
        self._permits: Permits | None = None
        self._config: Config | None = None
        self._read_at = float("-inf")

    def supervisor(self, mediafiles: Path, grant: Grant) -> Supervisor:
        """What carries out a run here. Raises NotHereError where that would not be the same run."""
        if multiprocessing.current_process().daemon:
            raise NotHereError(f"{host_name()} {NO_CHILDREN}")
        with self._lock:
            config = self._configured()
            _require_same(config, mediafiles, grant)
            if self._pool is None or self._tokens is None or self._uploads is None:
                self._begin(config)
            pool, tokens, uploads = self._pool, self._tokens, self._uploads
            if self._permits is None:
                self._permits = Permits(config)
            permits = self._permits
            permits.config = config
            if uploads is not None and uploads.terms.ttl != config.engine_options.lease_ttl:
                uploads.terms = _terms_of(config)
        assert pool is not None
        assert tokens is not None
        assert uploads is not None
        if not uploads.root.is_dir():
            raise NotHereError(
                f"{host_name()} does not see {uploads.root}: is the share mounted there?"
            )
        if not os.access(uploads.root, os.R_OK | os.W_OK | os.X_OK):
            raise NotHereError(
                f"{host_name()} may not write in {uploads.root}: is it mounted read-only there, or "
                "has its worker another user?"
            )
        supervisor = Supervisor(
            config=config,
            uploads=uploads,
            pool=pool,
            permits=permits,
            tokens=tokens,
            contents=GrantedContents(uploads=uploads, grant=grant),
            engine=config.engine,
        )
        _require_same_tokens(supervisor, grant)
        return supervisor

    def _configured(self) -> Config:
        now = time.monotonic()
        if self._config is None or now - self._read_at >= READ_AGAIN_SECONDS:
            given = os.environ.get(CONFIG_VARIABLE)
            others = {key: value for key, value in os.environ.items() if key != CONFIG_VARIABLE}
            try:
                self._config = load_config(find_file(Path(given) if given else None), others)
            except ConfigError as error:
                raise NotHereError(
                    f"{host_name()} has no configuration ({error.problems[0]}); "
                    f"{CONFIG_VARIABLE} names its file"
                ) from None
            self._read_at = now
        return self._config

    def _begin(self, config: Config) -> None:
        open_log(0, journal=False)
        self._pool = Pool()
        self._tokens = Tokens(config.targets, os.environ)
        self._uploads = Uploads(config.mediafiles, config.permissions.status, _terms_of(config))
        begin_scratch(config)
        start_thread(self._turn, "pool")

    def _turn(self) -> None:
        """What the daemon's loop does for its own pool."""
        while True:
            time.sleep(TURN_SECONDS)
            assert self._pool is not None
            self._pool.end_hung_start()
            self._pool.let_go()


def _terms_of(config: Config) -> LeaseTerms:
    return LeaseTerms(ttl=config.engine_options.lease_ttl, is_alone=False)


def _require_same(config: Config, mediafiles: Path, grant: Grant) -> None:
    """Raises NotHereError where another version or configuration would run the ticket."""
    here = host_name()
    if grant.version != __version__:
        raise NotHereError(f"{here} has version {__version__}, the daemon {grant.version}")
    if config.mediafiles != mediafiles:
        raise NotHereError(f"{here} has mediafiles at {config.mediafiles}, not at {mediafiles}")
    if others := differing(settings_marks(config), grant.settings):
        raise NotHereError(
            f"{here} has another configuration than the daemon: {', '.join(others)} differ"
        )


def _require_same_tokens(supervisor: Supervisor, grant: Grant) -> None:
    for target, mark in grant.marks.items():
        if short_mark(supervisor.token_mark(target)) != mark:
            raise NotHereError(f"{host_name()} has another token for {target} than the daemon")


HERE = Host()
"""The one of this process."""
