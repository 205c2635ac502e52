"""Where a bag goes, found out in the worker: what a sender wrote is read under limits only."""

import os

from presqt_daemon.config import Config
from presqt_daemon.errors import HouseFault, UserFault
from presqt_daemon.model import Labels, Resolved
from presqt_daemon.tickets.claim_record import ClaimRecord
from presqt_daemon.tickets.options import Choices, choices_from_sidecar, resolve
from presqt_daemon.tickets.store import TicketFolder

MAX_SIDECAR_BYTES = 64 << 10


def resolve_options(
    folder: TicketFolder, claim: ClaimRecord, config: Config, labels: Labels, source_file: str
) -> Resolved:
    """Where the drop goes, and under which title.

    Raises UserFault for a choice that cannot be had.
    """
    sidecar = read_sidecar(folder, claim)
    return resolve(config, claim.route, sidecar, labels, os.path.splitext(source_file)[0])


def read_sidecar(folder: TicketFolder, claim: ClaimRecord) -> Choices:
    """The choices in a ticket's side-car, none without one. Raises UserFault `bad-sidecar`."""
    name = claim.sidecar_name
    if name is None:
        return Choices()
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(folder.path / name, flags)
    except OSError as error:
        raise UserFault(
            "bad-sidecar",
            f"The side-car {name} cannot be read ({error.strerror}): drop both again.",
        ) from None
    with open(handle, "rb") as stream:
        content = stream.read(MAX_SIDECAR_BYTES + 1)
    if len(content) > MAX_SIDECAR_BYTES:
        raise UserFault("bad-sidecar", f"The side-car {name} is larger than 64 KiB.")
    return choices_from_sidecar(content, name)


def claim_of(folder: TicketFolder) -> ClaimRecord:
    """How the drop was taken. Raises HouseFault `state-lost`."""
    claim = folder.read_claim()
    if claim is None:
        raise HouseFault(
            "state-lost", "The record of how the drop was taken is lost: drop the zip again."
        )
    return claim
