"""One go at one ticket as a function that any `concurrent.futures.Executor` can be given.

Its arguments and what it returns are plain data and can be pickled. All else is the host's own:
configuration, tokens, processes, and the folders, of which it is told the path.
"""

from dataclasses import replace
from pathlib import Path
from weakref import WeakValueDictionary

from presqt_daemon.system.host import host_name
from presqt_daemon.workers.changes import TicketChanges
from presqt_daemon.workers.engines.host import HERE
from presqt_daemon.workers.engines.starts import NotHereError
from presqt_daemon.workers.limits.grant import Grant
from presqt_daemon.workers.limits.host_limits import HostLimits
from presqt_daemon.workers.limits.shared_limits import SharedLimits
from presqt_daemon.workers.limits.shared_names import SharedNames
from presqt_daemon.workers.runs.requested import forget_request
from presqt_daemon.workers.runs.run import Run, RunEnd, RunKind
from presqt_daemon.workers.supervisor import Supervisor

_HERE: "WeakValueDictionary[Path, Supervisor]" = WeakValueDictionary()
"""Mediafiles -> what runs its tickets in this process."""


def run_tickets_here(supervisor: Supervisor) -> None:
    """From now on, and as long as it lives, this runs the tickets of its mediafiles here."""
    _HERE[supervisor.config.mediafiles] = supervisor


def run_ticket(mediafiles: Path, ticket: str, stage: Run, limits: SharedLimits | Grant) -> RunEnd:
    """Bring a ticket one stage further, or to its end; how that went.

    `limits` is asked for whatever is shared with other runs, and for what others ask of this one;
    on another host than the daemon's it is what the daemon has granted beforehand.
    Only one party may have the ticket, and this run is it until it returns. What goes wrong with
    the ticket is written on it and raises nothing. Raises NotHereError.
    """
    if isinstance(limits, Grant):
        return _run_granted(mediafiles, ticket, stage, limits)
    supervisor = _HERE.get(mediafiles)
    if supervisor is None:
        raise NotHereError(f"no tickets of {mediafiles} are run here")
    return _run(supervisor, ticket, stage, limits)


def _run_granted(mediafiles: Path, ticket: str, stage: Run, grant: Grant) -> RunEnd:
    """The same on a host of an engine; what it has learnt goes back with its end."""
    supervisor = HERE.supervisor(mediafiles, grant)
    folder = supervisor.uploads.folder(ticket)
    limits = HostLimits(
        config=supervisor.config, grant=grant, folder=folder, names=SharedNames(mediafiles)
    )
    end = _run(supervisor, ticket, stage, limits)
    if end.kind is RunKind.OVER and end.info is None and not folder.path.is_dir():
        # whether it is gone is for the daemon to say; here the share may not be mounted
        raise NotHereError(
            f"{host_name()} does not see ticket {ticket} in {supervisor.uploads.root}: is the "
            "share mounted there?"
        )
    if end.kind is RunKind.OVER:
        # the daemon that asked for the run may be gone by now, and the next sees an ended ticket
        forget_request(folder.path)
    return replace(end, learnt=limits.learnt)


def _run(supervisor: Supervisor, ticket: str, stage: Run, limits: SharedLimits) -> RunEnd:
    try:
        return supervisor.run(stage, limits)
    except Exception as bug:  # noqa: BLE001  (one ticket's bug must end nothing else)
        return TicketChanges(supervisor).end_for_bug(ticket, bug)
