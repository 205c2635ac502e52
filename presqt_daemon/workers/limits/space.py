"""The supervisor's answer to a bag that is about to be unpacked: whether there is room."""

from dataclasses import replace
from pathlib import Path
from typing import Protocol

from presqt_daemon.config import Config
from presqt_daemon.errors import HouseFault
from presqt_daemon.messages import Go, WantsSpace
from presqt_daemon.system.logs import shared_log
from presqt_daemon.tickets.status_writer import StatusWriter
from presqt_daemon.units import text_from_bytes
from presqt_daemon.workers.limits.disk_shares import HEADROOM, DiskShares
from presqt_daemon.workers.limits.permits import Space, needed_bytes
from presqt_daemon.workers.runs.run import DISK_SPACE, ParkError

SPACE_RETRY_SECONDS = 10.0
ROOM_BYTES = 64 << 20
"""What is set aside before a bag is looked at, so that a small one need not ask."""


class DiskRoom(Protocol):
    """Where a bag's bytes are asked for: all hosts' together, or a host's own disk."""

    def space_at(self, folder: Path) -> Space: ...

    def reserve(
        self, ticket: str, folder: Path, wanted: int, spare: int = 0, *, headroom: float = 0.0
    ) -> Space | None: ...


def set_aside(ticket: str, place: Path, room: DiskRoom) -> int:
    """The bytes that were set aside for a ticket's bag.

    0 where the disk gets tight, so that shares count, or cannot be looked at.
    """
    try:
        lacking = room.reserve(ticket, place, ROOM_BYTES, headroom=HEADROOM)
    except OSError:
        return 0
    return ROOM_BYTES if lacking is None else 0


def give_space(
    holder: StatusWriter,
    question: WantsSpace,
    config: Config,
    room: DiskRoom,
    shares: DiskShares,
    scratch: Path | None = None,
) -> Go:
    """Yes; the status then tells where the bag goes.

    Raises HouseFault for a bag that no disk here holds, ParkError while the disk has no room.
    """
    resolved = question.resolved
    if not question.has_room:
        _find_room(holder, question, config, room, shares, scratch)
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
    room: DiskRoom,
    shares: DiskShares,
    scratch: Path | None,
) -> None:
    wanted = needed_bytes(question.unpacked_bytes, question.entries)
    place, spare = scratch or holder.folder.path, 0
    if scratch is None:
        # the folder that it came through, whatever target it has chosen
        spare = shares.spare(question.folder, wanted, room.space_at(place), config)
    space = room.reserve(holder.info.ticket_number, place, wanted, spare)
    if space is None:
        return
    keep = config.staging.min_free_bytes
    disk = "disk" if scratch is None else "scratch disk (staging.scratch)"
    if wanted > space.total:
        raise HouseFault(
            "out-of-space",
            f"The bag unpacks to {text_from_bytes(wanted)}, more than the server's {disk} of "
            f"{text_from_bytes(space.total)} could ever hold: split the bag.",
        )
    if wanted + keep > space.total:
        raise HouseFault(
            "out-of-space",
            f"The bag unpacks to {text_from_bytes(wanted)}, and the server keeps "
            f"{text_from_bytes(keep)} of its {disk} of {text_from_bytes(space.total)} free "
            "(staging.min_free_bytes), so it never fits: split the bag, or ask the operator.",
        )
    cause = None
    if scratch is not None:
        log = shared_log("scratch", None)
        log.warning(
            "the scratch folder %s (staging.scratch) has %s free; a bag needs %s beside what stays "
            "free",
            config.staging.scratch, text_from_bytes(space.free), text_from_bytes(wanted),
        )  # fmt: skip
        cause = f"The server's {disk} has no room for the bag."
    raise ParkError(DISK_SPACE, SPACE_RETRY_SECONDS, cause=cause)
