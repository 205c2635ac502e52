"""What a worker's host says of itself: whether it could run the daemon's tickets."""

import os
from dataclasses import dataclass
from pathlib import Path

from presqt_daemon import __version__
from presqt_daemon.system.host import host_name
from presqt_daemon.workers.engines.host import HERE
from presqt_daemon.workers.engines.starts import NotHereError
from presqt_daemon.workers.limits.grant import Grant
from presqt_daemon.workers.runs.run import ParkError

NO_CHILDREN = (
    "cannot start a process for a ticket; a dask worker may need --no-nanny, or its limits of "
    "processes are too low"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReport:
    """One worker's host; `problems` are sentences' ends, none where it would run every ticket."""

    host: str
    version: str
    problems: tuple[str, ...]


def report_host(mediafiles: Path, grant: Grant) -> HostReport:
    """The host on which this is called, as `run_ticket` would find it; changes nothing."""
    problems = []
    try:
        supervisor = HERE.supervisor(mediafiles, grant)
        if not os.access(supervisor.uploads.root, os.R_OK | os.W_OK | os.X_OK):
            problems.append(f"may not write in {supervisor.uploads.root}")
        worker = supervisor.pool.start_worker()
        worker.close()
    except NotHereError as refusal:
        problems.append(str(refusal).removeprefix(f"{host_name()} "))
    except (ParkError, AssertionError):
        problems.append(NO_CHILDREN)
    return HostReport(host=host_name(), version=__version__, problems=tuple(problems))
