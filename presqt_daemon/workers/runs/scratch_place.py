"""A run's own folder on the host's own disk, where `staging.scratch` names one."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from presqt_daemon.config import Config
from presqt_daemon.staging.scratch.own_folder import ScratchError, open_scratch
from presqt_daemon.system.logs import shared_log
from presqt_daemon.workers.runs.run import SCRATCH, SCRATCH_SECONDS, ParkError


@contextlib.contextmanager
def scratch_place(config: Config, ticket: str, epoch: int) -> Iterator[Path | None]:
    """A folder that is gone after the run, None where bags are unpacked beside their zips.

    Raises ParkError where it cannot be made: what is wrong with it is the operator's.
    """
    with contextlib.ExitStack() as stack:
        place = None
        if config.staging.scratch is not None:
            try:
                scratch = open_scratch(config.staging.scratch)
                place = stack.enter_context(scratch.place(ticket, epoch))
            except ScratchError as error:
                shared_log("scratch", None).error("%s", error)
                raise ParkError(SCRATCH, SCRATCH_SECONDS, cause=str(error)) from None
        yield place


def begin_scratch(config: Config) -> None:
    """Remove what a killed process of this host has left there; one that cannot be used is told."""
    if config.staging.scratch is not None:
        try:
            open_scratch(config.staging.scratch)
        except ScratchError as error:
            shared_log("scratch", None).error("%s Bags wait for it.", error)
