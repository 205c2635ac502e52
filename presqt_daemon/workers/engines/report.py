"""What a worker's host says of itself: whether it could run the daemon's tickets."""

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from presqt_daemon import __version__
from presqt_daemon.staging.scratch.own_folder import ScratchError, open_scratch
from presqt_daemon.system.host import host_name
from presqt_daemon.workers.engines.host import HERE
from presqt_daemon.workers.engines.starts import NotHereError
from presqt_daemon.workers.limits.grant import Grant
from presqt_daemon.workers.runs.run import ParkError

NO_PROCESS = "cannot start a process for a ticket now: its limits of processes may be too low"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReport:
    """One worker's host; `problems` are sentences' ends, none where it would run every ticket."""

    host: str
    version: str
    problems: tuple[str, ...]


@contextlib.contextmanager
def shown_to_hosts(mediafiles: Path) -> Iterator[str | None]:
    """The name of a file that is in mediafiles meanwhile; None where it cannot be made."""
    path = mediafiles / f".check-{uuid.uuid4().hex}"
    try:
        path.touch(0o600, exist_ok=False)
    except OSError:
        yield None
        return
    try:
        yield path.name
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def report_host(mediafiles: Path, grant: Grant, shown: str | None = None) -> HostReport:
    """The host on which this is called, as `run_ticket` would find it.

    `shown` is the name of a file that who asks has in mediafiles.
    """
    problems = []
    try:
        supervisor = HERE.supervisor(mediafiles, grant)
        if shown is not None and not (mediafiles / shown).exists():
            problems.append(f"sees another folder as {mediafiles}: is the share mounted there?")
        if (scratch := supervisor.config.staging.scratch) is not None:
            open_scratch(scratch)
        worker = supervisor.pool.start_worker()
        worker.close()
    except NotHereError as refusal:
        problems.append(str(refusal).removeprefix(f"{host_name()} "))
    except ScratchError as error:
        problems.append(str(error).rstrip("."))
    except ParkError:
        problems.append(NO_PROCESS)
    return HostReport(host=host_name(), version=__version__, problems=tuple(problems))
