"""The claim: one rename decides that a drop is ours, and a crash leaves names that tell how far.

The order is: `.new-<ticket>/` with the record, the status and the side-car; the zip renamed in
(the commit point); the side-car unlinked; the folder renamed to `<ticket>`; the note. A drop that
cannot simply be renamed is first renamed inside the inbox to `.claimed-<ticket>-<name>`, which is
then the commit point, and copied later. None of this waits for the disk, unless there is a
side-car: `Uploads.keep_claims` does, before any work is done for it. The zip's own bytes are synced
when it is staged.
"""

import contextlib
import errno
import os
import stat
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from presqt_daemon.config import Config
from presqt_daemon.errors import UserFault
from presqt_daemon.inbox.names import aside_name
from presqt_daemon.inbox.new_ticket import Drop, fill_folder, make_folder, own_file, record_of
from presqt_daemon.inbox.places import OpenPlace
from presqt_daemon.inbox.probe import writer_of
from presqt_daemon.inbox.recover import is_alive, remove_twin_sidecar
from presqt_daemon.inbox.settle import Writer, sight_of
from presqt_daemon.inbox.sidecar import read_sidecar, remove_sidecar
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import remove_tree, rename_to_free
from presqt_daemon.tickets.claim_record import (
    NAME_MAX_BYTES,
    ClaimRecord,
    ClaimRecordError,
    shorten_name,
)
from presqt_daemon.tickets.store import TicketFolder, Uploads


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A drop that is ours. `aside` is its name in the inbox while it has still to be copied."""

    folder: TicketFolder
    record: ClaimRecord
    size: int
    aside: str | None = None


class DropChangedError(Exception):
    """The file was replaced or written to while it was being taken; it is back in its place."""


class UnnamedError(Exception):
    """The drop is ours, but its folder could not be given its name: `name` it again later."""

    def __init__(self, taken: Taken, reason: str) -> None:
        super().__init__(reason)
        self.taken = taken


class Claimer:
    """Makes tickets in `uploads/`; used by every lane at once, since it keeps no state."""

    def __init__(self, uploads: Uploads, now: Callable[[], datetime]) -> None:
        self.uploads = uploads
        self._now = now

    def take(self, config: Config, drop: Drop) -> Taken:
        """Take a drop.

        Raises DropChangedError, FileNotFoundError when it went away, and OSError when the ticket
        cannot be made; in each case nothing is left behind. Raises UnnamedError beyond the commit.
        """
        sidecar = read_sidecar(drop.name, drop.folder.handle)
        record = record_of(drop, str(uuid.uuid4()), self._now(), sidecar)
        folder = self.uploads.new_folder(record.ticket)
        aside = None
        make_folder(folder.path, config)
        try:
            fill_folder(
                config, self.uploads, folder, record, warnings=drop.warnings, sidecar=sidecar
            )
            if _must_be_copied(drop.status, config) or not _move_in(drop, folder, record):
                aside = _set_aside(drop, record.ticket)
        except BaseException:
            _discard(folder, record)
            raise
        taken = Taken(folder=folder, record=record, size=drop.status.st_size, aside=aside)
        if sidecar is not None:
            remove_sidecar(sidecar, drop.folder.handle)
        if aside is not None:
            return taken
        own_file(drop.handle, config)
        try:
            return self.name(taken)
        except OSError as error:
            raise UnnamedError(taken, error.strerror or str(error)) from error

    def resume(self, config: Config, drop: Drop, ticket: str, aside: str) -> Taken:
        """Go on with a drop that was set aside: in the ticket begun for it, else in a new one.

        Raises OSError, BlockingIOError while another daemon makes that ticket.
        """
        folder = self.uploads.new_folder(ticket)
        size = drop.status.st_size
        with contextlib.suppress(ClaimRecordError):
            record = folder.read_claim()
            if is_alive(record.owner):
                raise BlockingIOError(errno.EAGAIN, "another daemon has it")
            remove_twin_sidecar(drop.folder, record, folder)
            return Taken(folder=folder, record=record, size=size, aside=aside)
        remove_tree(folder.path)
        record = record_of(drop, ticket, self._now(), None)
        make_folder(folder.path, config)
        try:
            fill_folder(config, self.uploads, folder, record)
        except BaseException:
            _discard(folder, record)
            raise
        return Taken(folder=folder, record=record, size=size, aside=aside)

    def refuse(
        self, config: Config, folder: OpenPlace, name: str, status: os.stat_result, fault: UserFault
    ) -> Taken:
        """Make the ticket of something that is no file and stays where it is. Raises OSError."""
        drop = Drop(folder=folder, name=name, handle=-1, status=status, fault=fault)
        record = replace(
            record_of(drop, str(uuid.uuid4()), self._now(), None),
            zip_name=None,
            left_inode=status.st_ino,
        )
        made = self.uploads.new_folder(record.ticket)
        make_folder(made.path, config)
        try:
            fill_folder(config, self.uploads, made, record)
            return self.name(Taken(folder=made, record=record, size=0))
        except BaseException:
            _discard(made, record)
            raise

    def name(self, taken: Taken) -> Taken:
        """Give a finished folder its final name; may be repeated. Raises OSError."""
        named = self.uploads.folder(taken.record.ticket)
        if taken.folder != named and taken.folder.path.exists():
            os.rename(taken.folder.path, named.path)
        reach("claim-named")
        return replace(taken, folder=named, aside=None)


def _must_be_copied(status: os.stat_result, config: Config) -> bool:
    """Whether a rename would leave others a way to the file: another name, or rights we keep."""
    if status.st_nlink != 1:
        return True
    if os.geteuid() in {0, status.st_uid}:
        return False
    readable = stat.S_IRGRP | stat.S_IROTH
    return bool(status.st_mode & readable & ~config.permissions.payload)


def _move_in(drop: Drop, folder: TicketFolder, record: ClaimRecord) -> bool:
    """Rename the drop into its ticket; False where that is another file system.

    Raises DropChangedError when what was moved is not what was decided on; it is put back.
    """
    assert record.zip_name is not None
    inside = folder.path / record.zip_name
    try:
        os.rename(drop.name, inside, src_dir_fd=drop.folder.handle)
    except OSError as error:
        if error.errno == errno.EXDEV:
            return False
        raise
    reach("claim-zip")
    if _has_changed(drop, os.lstat(inside)):
        _put_back(str(inside), None, drop)
        raise DropChangedError(drop.name)
    return True


def _set_aside(drop: Drop, ticket: str) -> str:
    """Rename the drop inside the inbox, so that it is ours and has yet to be copied."""
    aside = aside_name(ticket, drop.name)
    folder = drop.folder.handle
    os.rename(drop.name, aside, src_dir_fd=folder, dst_dir_fd=folder)
    reach("copy-renamed")
    if _has_changed(drop, os.stat(aside, dir_fd=folder, follow_symlinks=False)):
        _put_back(aside, folder, drop)
        raise DropChangedError(drop.name)
    return aside


def _has_changed(drop: Drop, moved: os.stat_result) -> bool:
    """Whether what was renamed is another file, or one that somebody still writes to.

    From now on nobody can open it by its old name.
    """
    if sight_of(moved) != sight_of(drop.status):
        return True
    return drop.unwritten and writer_of(drop.handle) is Writer.OPEN


def _put_back(source: str, source_folder: int | None, drop: Drop) -> None:
    """Give a file its name in the inbox again, or one beside it where that is taken.

    Raises OSError; then the file stays where it is.
    """
    name = drop.name
    for number in range(1, 1000):
        try:
            rename_to_free(source, name, src_dir_fd=source_folder, dst_dir_fd=drop.folder.handle)
        except FileExistsError:
            name = shorten_name(f"{number}-{drop.name}", NAME_MAX_BYTES)
        else:
            return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), drop.name)


def _discard(folder: TicketFolder, record: ClaimRecord) -> None:
    """Remove a ticket that will not be, unless it holds a drop."""
    if record.zip_name is None or not os.path.lexists(folder.path / record.zip_name):
        remove_tree(folder.path)
