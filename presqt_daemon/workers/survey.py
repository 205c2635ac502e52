"""The supervisor's answer to a surveyed zip: where the bag goes, and whether there is room."""

import os
from dataclasses import replace

from presqt_daemon.config import Config
from presqt_daemon.errors import HouseFault, UserFault
from presqt_daemon.reports import Go, Surveyed
from presqt_daemon.tickets.claim_record import ClaimRecord, ClaimRecordError
from presqt_daemon.tickets.holder import Holder
from presqt_daemon.tickets.options import Choices, choices_from_sidecar, resolve
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.units import text_from_bytes
from presqt_daemon.workers.permits import Permits, needed_bytes
from presqt_daemon.workers.run import ParkError

SPACE_RETRY_SECONDS = 10.0
MAX_SIDECAR_BYTES = 64 << 10


def answer_survey(holder: Holder, survey: Surveyed, config: Config, permits: Permits) -> Go:
    """Yes, with the target's name; the status then tells where the bag goes.

    Raises PresqtError for a choice that cannot be had, ParkError while the disk has no room.
    """
    claim = _claim_of(holder.folder)
    resolved = resolve(
        config,
        claim.route,
        read_sidecar(holder.folder, claim),
        survey.labels,
        os.path.splitext(holder.info.source_file)[0],
    )
    _reserve(holder, needed_bytes(survey.unpacked_bytes, survey.entries), config, permits)
    holder.note(
        replace(
            holder.info,
            target=resolved.target,
            resource_id=resolved.resource_id,
            title=resolved.title,
            file_duplicate_action=resolved.duplicate_action,
            options_from=dict(resolved.options_from),
            staging_total_bytes=survey.unpacked_bytes,
        )
    )
    return Go(target=resolved.target)


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


def _claim_of(folder: TicketFolder) -> ClaimRecord:
    try:
        return folder.read_claim()
    except ClaimRecordError:
        raise HouseFault(
            "state-lost", "The record of how the drop was taken is lost: drop the zip again."
        ) from None


def _reserve(holder: Holder, wanted: int, config: Config, permits: Permits) -> None:
    space = permits.reserve(holder.info.ticket_number, holder.folder.path, wanted)
    if space is None:
        return
    if wanted + config.staging.min_free_bytes > space.total:
        raise HouseFault(
            "out-of-space",
            f"The bag unpacks to {text_from_bytes(wanted)}, more than the server's disk of "
            f"{text_from_bytes(space.total)} could ever hold: split the bag.",
        )
    raise ParkError("disk space", SPACE_RETRY_SECONDS)
