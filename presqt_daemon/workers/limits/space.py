"""The supervisor's answer to a bag that is about to be unpacked: whether there is room."""

from dataclasses import replace

from presqt_daemon.config import Config
from presqt_daemon.errors import HouseFault
from presqt_daemon.messages import Go, WantsSpace
from presqt_daemon.tickets.status_writer import StatusWriter
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.units import text_from_bytes
from presqt_daemon.workers.limits.disk_shares import HEADROOM, DiskShares
from presqt_daemon.workers.limits.permits import needed_bytes
from presqt_daemon.workers.limits.shared_limits import SharedLimits
from presqt_daemon.workers.runs.run import DISK_SPACE, ParkError

SPACE_RETRY_SECONDS = 10.0
ROOM_BYTES = 64 << 20
"""What is set aside before a bag is looked at, so that a small one need not ask."""


def set_aside(folder: TicketFolder, limits: SharedLimits) -> int:
    """The bytes that were set aside for a ticket's bag.

    0 where the disk gets tight, so that shares count, or cannot be looked at.
    """
    try:
        lacking = limits.reserve(folder.ticket, folder.path, ROOM_BYTES, headroom=HEADROOM)
    except OSError:
        return 0
    return ROOM_BYTES if lacking is None else 0


def give_space(
    holder: StatusWriter,
    question: WantsSpace,
    config: Config,
    limits: SharedLimits,
    shares: DiskShares,
) -> Go:
    """Yes; the status then tells where the bag goes.

    Raises HouseFault for a bag that no disk here holds, ParkError while the disk has no room.
    """
    resolved = question.resolved
    if not question.has_room:
        _find_room(holder, question, config, limits, shares)
    holder.note(
        replace(
            holder.info,
            target=resolved.target,
            resource_id=resolved.resource_id,
            title=resolved.title,
            file_duplicate_action=resolved.duplicate_action,
            options_from=dict(resolved.options_from),
            staging_total_bytes=question.unpacked_bytes,
        )
    )
    return Go()


def _find_room(
    holder: StatusWriter,
    question: WantsSpace,
    config: Config,
    limits: SharedLimits,
    shares: DiskShares,
) -> None:
    wanted = needed_bytes(question.unpacked_bytes, question.entries)
    space = limits.space_at(holder.folder.path)
    # the folder that it came through, whatever target it has chosen
    spare = shares.spare(question.folder, wanted, space, config)
    _reserve(holder, wanted, spare, config, limits)


def _reserve(
    holder: StatusWriter, wanted: int, spare: int, config: Config, limits: SharedLimits
) -> None:
    space = limits.reserve(holder.info.ticket_number, holder.folder.path, wanted, spare)
    if space is None:
        return
    keep = config.staging.min_free_bytes
    if wanted > space.total:
        raise HouseFault(
            "out-of-space",
            f"The bag unpacks to {text_from_bytes(wanted)}, more than the server's disk of "
            f"{text_from_bytes(space.total)} could ever hold: split the bag.",
        )
    if wanted + keep > space.total:
        raise HouseFault(
            "out-of-space",
            f"The bag unpacks to {text_from_bytes(wanted)}, and the server keeps "
            f"{text_from_bytes(keep)} of its disk of {text_from_bytes(space.total)} free "
            "(staging.min_free_bytes), so it never fits: split the bag, or ask the operator.",
        )
    raise ParkError(DISK_SPACE, SPACE_RETRY_SECONDS)
