"""`give-back`: a copy of a failed drop's zip, whole and under its own name, for its sender."""

import contextlib
import hashlib
import os
import shutil
import uuid
from pathlib import Path
from typing import BinaryIO

from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import CommandRefusal, Exit, not_possible
from presqt_daemon.cli.output.show import shown, text_from_moment
from presqt_daemon.cli.tickets.find import find_taken, read_status, require_claim
from presqt_daemon.config import Config
from presqt_daemon.model import Status
from presqt_daemon.system.files import open_regular, rename_to_free
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.units import text_from_bytes

BLOCK_BYTES = 4 << 20


def main(context: Context) -> int:
    """0 when the copy lies there, durable and read back; Refusal 4 or 6. Raises OSError.

    The ticket keeps its own zip for as long as the rules of retention say, so that nothing is lost
    and a retry stays possible.
    """
    config = context.config()
    untaken = "has not been taken: it lies where it was dropped"
    folder = find_taken(config, context.options.ticket, untaken, Exit.NOT_POSSIBLE)
    info = read_status(folder)
    source = _zip_of(folder, info)
    place: Path = context.options.folder or Path()
    _refuse_inbox(config, place)
    name, owner = _name_and_owner(folder, source)
    with open_regular(source) as zip_file:
        digest = _copy_whole(zip_file, place, name, owner)
        size = text_from_bytes(os.fstat(zip_file.fileno()).st_size)
    print(f"{shown(str(place / name))} ({size}, sha256 {digest}) is a whole copy of the drop")
    until = text_from_moment(info.expiration)
    print(f"the ticket keeps its own{'' if info.expiration is None else f' until {until}'}")
    return Exit.OK


def _zip_of(folder: TicketFolder, info: ProcessInfo) -> Path:
    """The zip in a failed ticket's folder. Refusal 6 for any other, and where it has gone."""
    if info.is_open:
        raise not_possible(f"ticket {folder.ticket} has not ended: cancel it first")
    if info.status is not Status.FAILED:
        raise not_possible(f"ticket {folder.ticket} is no rejected drop: it has {info.status}")
    require_claim(folder)
    source = folder.find_zip()
    if source is None:
        raise not_possible(
            f"the zip of ticket {folder.ticket} is gone (retention.rejected, or prune)"
        )
    return source


def _refuse_inbox(config: Config, place: Path) -> None:
    """Refuse what would be dropped again at once, or is no folder. Refusal 6."""
    if not place.is_dir():
        raise not_possible(f"{shown(str(place))} is no folder: make it first")
    inside = Path(os.path.realpath(place))
    for kept in (config.inbox, config.mediafiles):
        if inside.is_relative_to(os.path.realpath(kept)):
            raise not_possible(
                f"{shown(str(place))} lies in {shown(str(kept))}, which is the daemon's own: "
                "name another folder"
            )


def _name_and_owner(folder: TicketFolder, source: Path) -> tuple[str, int | None]:
    """The drop's own name, and whose it was; the ticket's name for it where that is not known."""
    claim = folder.read_claim()
    if claim is None:
        return source.name, None
    return os.path.basename(claim.inbox_name) or source.name, claim.dropped_by_uid


def _copy_whole(source: BinaryIO, place: Path, name: str, owner: int | None) -> str:
    """The digest of a copy that is durable and has been read back.

    It gets its name as the last, never another's: Refusal 6 where that is taken. What root copies
    belongs to the drop's owner. Nothing is followed through a link but the folder itself.
    """
    handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    hidden = f".give-back-{uuid.uuid4()}.part"
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(hidden, flags, 0o600, dir_fd=handle), "r+b") as copy:
            shutil.copyfileobj(source, copy, BLOCK_BYTES)
            copy.flush()
            os.fsync(copy.fileno())
            # what the disk has is to be read, not what is still in memory, where that can be had
            with contextlib.suppress(OSError):
                os.posix_fadvise(copy.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            digest, again = _digest(source), _digest(copy)
            if again != digest:
                raise CommandRefusal(
                    f"the copy in {shown(str(place))} is not what was written ({again} instead of "
                    f"{digest}): look at that disk",
                    Exit.FILES,
                )
            if owner is not None and os.geteuid() == 0:
                os.fchown(copy.fileno(), owner, -1)
        rename_to_free(hidden, name, src_dir_fd=handle, dst_dir_fd=handle)
        os.fsync(handle)
    except FileExistsError:
        raise not_possible(
            f"{shown(str(place / name))} is there already and was left as it is: "
            "name another folder"
        ) from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(hidden, dir_fd=handle)
        os.close(handle)
    return digest


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()
