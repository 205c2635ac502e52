"""Two small files in a ticket's folder: who has the ticket, and that it lives.

`.epoch.<n>` is made with O_EXCL: whoever makes it has won that number. `.heartbeat` has a fixed
name and size, is opened anew each time (so that NFS asks its server) and never found by its name or
in a listing, which NFS clients keep for up to a minute.
"""

import contextlib
import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path

HEARTBEAT_NAME = ".heartbeat"
EPOCH_PREFIX = ".epoch."
MAX_EPOCH = 1 << 53
MAX_TTL_SECONDS = 3600.0
HEARTBEAT_BYTES = 512
"""Written in place by one call, within one page: a reader sees one beat or the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """What the file holds. `at` is a moment of the holder's own CLOCK_BOOTTIME, for its own host.

    `ttl` is what the holder counts with: whoever would take over waits at least so long.
    `is_alone`: the holder had the lock of all tickets and its host alone runs them.
    """

    epoch: int
    count: int
    instance: str
    at: float
    ttl: float
    is_alone: bool
    is_released: bool = False


class TornHeartbeatError(Exception):
    """The file holds no beat of ours, or one that is just being written."""


def read_heartbeat(folder: Path) -> Heartbeat | None:
    """The last beat, None only where there is none by now. Raises TornHeartbeatError, OSError."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(folder / HEARTBEAT_NAME, flags)
    except FileNotFoundError:
        # a share that is away tells nothing of who has the ticket, nor does one that has come back
        # since. And NFS clients answer from memory, for up to a minute, that a name is not there;
        # they ask about a folder when it is opened (nfs(5), "close-to-open"), and forget its names
        # where it has changed
        above = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            handle = os.open(HEARTBEAT_NAME, flags, dir_fd=above)
        except FileNotFoundError:
            return None
        finally:
            os.close(above)
    try:
        content = os.read(handle, HEARTBEAT_BYTES)
    finally:
        os.close(handle)
    try:
        beat = Heartbeat(**json.loads(content))
        if not _is_possible(beat):
            raise ValueError
    except (ValueError, TypeError, RecursionError, OverflowError):
        raise TornHeartbeatError from None
    return beat


def _is_possible(beat: Heartbeat) -> bool:
    """Whether a holder of ours can have written it: no damaged one holds a ticket for ever."""
    return (
        [type(one) for one in (beat.epoch, beat.count, beat.instance)] == [int, int, str]
        and 0 <= beat.epoch < MAX_EPOCH
        and math.isfinite(beat.at)
        and 0 < beat.ttl <= MAX_TTL_SECONDS
    )


def write_heartbeat(folder: Path, beat: Heartbeat) -> None:
    """Put a beat in place of the last one; it need not outlive a power cut. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    handle = os.open(folder / HEARTBEAT_NAME, flags, 0o600)
    try:
        os.pwrite(handle, json.dumps(asdict(beat)).encode("ascii").ljust(HEARTBEAT_BYTES), 0)
    finally:
        os.close(handle)


def take_epoch(folder: Path, epoch: int) -> bool:
    """Win a number; False when it has been won before. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(folder / f"{EPOCH_PREFIX}{epoch}", flags, 0o600)
    except FileExistsError:
        return False
    os.close(handle)
    return True


def forget_epoch(folder: Path, epoch: int) -> None:
    """Remove a number's file once a heartbeat tells of a later one, or the ticket has ended."""
    with contextlib.suppress(OSError):
        os.unlink(folder / f"{EPOCH_PREFIX}{epoch}")


def forget_heartbeat(folder: Path) -> None:
    """Remove the file of a ticket that has ended; its status tells the last number."""
    with contextlib.suppress(OSError):
        os.unlink(folder / HEARTBEAT_NAME)
