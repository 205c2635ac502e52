"""A real InvenioRDM 14 on loopback, the software under Zenodo: installed, started and ended here.

Its packages come from PyPI into an environment that is kept between runs
(`PRESQT_REAL_CACHE`, else `~/.cache/presqt-daemon-tests`); PostgreSQL and redis are programs of the
system, each run with data of its own. The search engine is a stand-in (`inside/`). Nothing listens
but on loopback.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PACKAGES = ("invenio-app-rdm[opensearch2]==14.0.5", "psycopg2-binary", "cheroot")
INSIDE = Path(__file__).parent / "inside"
INSTALL_SECONDS = 1500
START_SECONDS = 300
USERS = ("owner@example.org", "stranger@example.org")


class NotAvailable(Exception):
    """Why the server cannot be had here, in a sentence."""


@dataclass
class Invenio:
    """A running server; `tokens` are those of `USERS`."""

    folder: Path
    environment: Path
    api_of_site: str = ""
    ports: dict[str, int] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def api(self) -> str:
        """The address of the API."""
        return f"http://127.0.0.1:{self.ports['web']}/api"

    def start(self, site: str) -> None:
        """Everything, from an empty folder; `site` is the address that its links have."""
        self.ports = dict(zip(("db", "redis", "search", "web"), free_ports(4), strict=True))
        self.api_of_site = site
        self._start_database()
        redis = ["redis-server", "--port", str(self.ports["redis"]), "--bind", "127.0.0.1"]
        self._spawn("redis", [*redis, "--save", "", "--dir", str(self.folder)])
        search = [sys.executable, str(INSIDE / "search_stand_in.py"), str(self.ports["search"])]
        self._spawn("search", search)
        for name in ("redis", "search"):
            wait_until(lambda port=self.ports[name]: is_open(port), START_SECONDS, name)  # type: ignore[misc]
        self._configure("")
        self._run([str(self.environment / "bin" / "invenio"), "db", "init", "create"])
        files = self.folder / "files"
        files.mkdir()
        told = self._run([self._python, str(INSIDE / "prepare.py"), str(files), *USERS])
        self.tokens = [line.split()[1] for line in told.splitlines() if line.startswith("TOKEN ")]
        self.start_web()

    def start_web(self, extra: str = "") -> None:
        """The web server; `extra` is configuration, in Python, for this start alone."""
        self._configure(extra)
        command = [self._python, str(INSIDE / "serve.py"), str(self.ports["web"])]
        self._spawn("web", command)
        wait_until(self._answers, START_SECONDS, "InvenioRDM")

    def kill_web(self) -> None:
        """Without any warning."""
        process = self.processes.pop("web")
        process.kill()
        process.wait()

    def sql(self, statement: str) -> None:
        """Change the database behind the server's back."""
        where = ["-h", "127.0.0.1", "-p", str(self.ports["db"]), "-U", "rdm", "-d", "rdm"]
        self._as_database([str(database_program("psql")), *where, "-q", "-c", statement])

    def be_late(self, seconds: float) -> None:
        """From now on the search shows new documents so much later."""
        url = f"http://127.0.0.1:{self.ports['search']}/_late?{seconds}"
        urllib.request.urlopen(urllib.request.Request(url, method="PUT")).close()

    def end(self) -> None:
        """Stop everything that was started here, and remove its data."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()
        with contextlib.suppress(subprocess.SubprocessError, OSError):
            stop = ["-D", str(self.folder / "db"), "-m", "immediate", "stop"]
            self._as_database([str(database_program("pg_ctl")), *stop])
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _python(self) -> str:
        return str(self.environment / "bin" / "python")

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.api}/records?size=1", timeout=20).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def _start_database(self) -> None:
        data = self.folder / "db"
        data.mkdir()
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root
            shutil.chown(data, "postgres")
        self._as_database(
            [str(database_program("initdb")), "-D", str(data), "-A", "trust", "-U", "rdm"]
        )
        options = (
            f"-p {self.ports['db']} -c listen_addresses=127.0.0.1 -c fsync=off "
            f"-c unix_socket_directories={data}"
        )
        log = str(data / "log")
        control = [str(database_program("pg_ctl")), "-w", "-D", str(data), "-l", log, "-o", options]
        self._as_database([*control, "start"])
        create = ["-h", "127.0.0.1", "-p", str(self.ports["db"]), "-U", "rdm", "rdm"]
        self._as_database([str(database_program("createdb")), *create])

    def _as_database(self, command: Sequence[str]) -> None:
        user = "postgres" if os.geteuid() == 0 else None
        group = pwd.getpwnam(user).pw_gid if user else None
        with open(self.folder / "db.log", "ab") as log:
            subprocess.run(
                command,
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                user=user,
                group=group,
                extra_groups=[] if user else None,
                timeout=START_SECONDS,
            )

    def _configure(self, extra: str) -> None:
        instance = self.folder / "instance"
        instance.mkdir(exist_ok=True)
        redis = f"redis://127.0.0.1:{self.ports['redis']}"
        site = self.api_of_site
        lines = [
            f"SECRET_KEY = {secrets.token_hex(16)!r}"
            if not (instance / "key").exists()
            else f"SECRET_KEY = {(instance / 'key').read_text()!r}",
            f"SQLALCHEMY_DATABASE_URI = 'postgresql+psycopg2://rdm@127.0.0.1:{self.ports['db']}/rdm'",
            f"SEARCH_HOSTS = [{{'host': '127.0.0.1', 'port': {self.ports['search']}}}]",
            "CACHE_TYPE = 'flask_caching.backends.rediscache.RedisCache'",
            *(f"{name} = '{redis}/{number}'" for number, name in enumerate(_REDIS)),
            "BROKER_URL = CELERY_BROKER_URL",
            "CELERY_TASK_ALWAYS_EAGER = True",
            "CELERY_CACHE_BACKEND = 'memory'",
            f"SITE_UI_URL = {site!r}",
            f"SITE_API_URL = {site + '/api'!r}",
            "TRUSTED_HOSTS = None",
            "APP_ALLOWED_HOSTS = None",
            "APP_ENABLE_SECURE_HEADERS = False",
            "RATELIMIT_ENABLED = False",
            "REST_CSRF_ENABLED = False",
            "WTF_CSRF_ENABLED = False",
            "SESSION_COOKIE_SECURE = False",
            "DATACITE_ENABLED = False",
            extra,
        ]
        (instance / "key").write_text(lines[0].split("'")[1])
        (instance / "invenio.cfg").write_text("\n".join(lines) + "\n")

    def _environ(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**kept, "INVENIO_INSTANCE_PATH": str(self.folder / "instance")}

    def _run(self, command: Sequence[str]) -> str:
        with open(self.folder / "setup.log", "ab") as log:
            done = subprocess.run(
                command,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environ(),
                timeout=START_SECONDS,
            )
        if done.returncode:
            said = (self.folder / "setup.log").read_text(errors="replace")[-2000:]
            raise NotAvailable(f"{command[1]} ended with {done.returncode}: {said}")
        return done.stdout.decode()

    def _spawn(self, name: str, command: Sequence[str]) -> None:
        with open(self.folder / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environ(),
                start_new_session=True,
            )


_REDIS = (
    "CACHE_REDIS_URL",
    "ACCOUNTS_SESSION_REDIS_URL",
    "COMMUNITIES_IDENTITIES_CACHE_REDIS_URL",
    "CELERY_BROKER_URL",
    "CELERY_RESULT_BACKEND",
    "RATELIMIT_STORAGE_URI",
    "IIIF_CACHE_REDIS_URL",
    "DISTRIBUTED_LOCK_REDIS_URL",
)


@contextlib.contextmanager
def installed() -> Iterator[Path]:
    """InvenioRDM's environment. Raises NotAvailable with the reason why it cannot be had."""
    if shutil.which("redis-server") is None:
        raise NotAvailable("redis-server is not installed (Debian: redis-server)")
    database_program("initdb")
    cache = Path(os.environ.get("PRESQT_REAL_CACHE") or Path.home() / ".cache/presqt-daemon-tests")
    environment = cache / PACKAGES[0].partition("==")[2]
    whole = environment / "whole"
    if not whole.exists():
        _install(environment)
        whole.touch()
    yield environment


def _install(environment: Path) -> None:
    pip = str(environment / "bin" / "pip")
    uv = [str(environment / "bin" / "uv"), "pip", "install", "--python"]
    commands = (
        [sys.executable, "-m", "venv", "--clear", str(environment)],
        [pip, "install", "-q", "uv"],
        [*uv, str(environment / "bin" / "python"), *PACKAGES],
    )
    environment.parent.mkdir(parents=True, exist_ok=True)
    for command in commands:
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, timeout=INSTALL_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotAvailable(f"InvenioRDM cannot be installed: {error}") from error
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["?"])[-1]
            raise NotAvailable(f"InvenioRDM cannot be installed from PyPI: {said}")


def database_program(name: str) -> Path:
    """One of PostgreSQL's programs, which Debian keeps out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if found:
        return found[-1]
    if (path := shutil.which(name)) is not None:
        return Path(path)
    raise NotAvailable("PostgreSQL is not installed (Debian: postgresql)")


def data_folder() -> Path:
    """A new folder that PostgreSQL's user may pass through."""
    folder = Path(tempfile.mkdtemp(prefix="presqt-real-"))
    folder.chmod(0o755)
    return folder


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def is_open(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex(("127.0.0.1", port)) == 0


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Return when it holds. Raises NotAvailable when it does not within the time."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise NotAvailable(f"{what} did not answer within {seconds:.0f} s")
        time.sleep(0.1)
