"""The claim: one rename decides that a drop is ours, and a crash leaves names that tell how far.

All claims of a turn share one group, so that the disk is waited for once and not for each:

1. `.new-<ticket>/` with the record, the status and the side-car; the records are synced.
2. Each zip is renamed in: the commit point. From here the record can no longer be lost.
3. The side-cars go. Each folder is synced, and renamed to `<ticket>`: whoever has seen it there has
   seen a ticket that has its drop. A power loss may take the name; the next start gives it again.
4. The folder of all tickets is synced.

Only then is a note written, and the inbox folder is synced, so that neither a note is lost nor a
side-car comes back: a ticket number that a sender has seen never vanishes. A drop that
cannot simply be renamed is first renamed inside the inbox to `.claimed-<ticket>-<name>`, which is
then the commit point, and copied later; the record says which file that is. The zip's own bytes are
synced when it is staged.
"""

import contextlib
import errno
import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from presqt_daemon.config import Config
from presqt_daemon.errors import UserFault
from presqt_daemon.inbox.answers.events import Claimed
from presqt_daemon.inbox.claims.new_ticket import (
    Drop,
    fill_folder,
    make_folder,
    make_own,
    must_be_copied,
    record_of,
)
from presqt_daemon.inbox.claims.set_aside import put_back
from presqt_daemon.inbox.claims.sidecar import Sidecar, names_in, read_sidecar, remove_sidecar
from presqt_daemon.inbox.files.names import aside_name
from presqt_daemon.inbox.files.places import OpenPlace
from presqt_daemon.inbox.files.probe import writer_of
from presqt_daemon.inbox.files.stability import Writer, sight_of
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import remove_tree, sync_folder
from presqt_daemon.tickets.claim_record import ClaimRecord
from presqt_daemon.tickets.store import TicketFolder, Uploads


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """A ticket that has its record, but not its drop."""

    drop: Drop
    folder: TicketFolder
    record: ClaimRecord
    sidecar: Sidecar | None


class DropChangedError(Exception):
    """The file was replaced or written to while it was being taken; it is back in its place."""


class UnfinishedError(OSError):
    """The drop is ours, but its ticket is not durable under its name: `finish` it again later."""

    def __init__(self, taken: Claimed, error: OSError) -> None:
        super().__init__(errno.EIO, error.strerror or str(error))
        self.taken = taken


class Claimer:
    """Makes tickets in `uploads/`; used by every scanner at once.

    `coming` holds the tickets that are begun and not told of yet.
    """

    def __init__(self, uploads: Uploads, now: Callable[[], datetime]) -> None:
        self.uploads = uploads
        self.coming: set[str] = set()
        self._now = now

    def take(self, config: Config, drops: Sequence[Drop]) -> list[Claimed | Exception]:
        """Take drops of one folder as a group; for each what came of it, in their order.

        An error is DropChangedError, FileNotFoundError when it went away, or OSError when the
        ticket cannot be made; in each case nothing is left behind. UnfinishedError is beyond the
        commit.
        """
        results: dict[int, Claimed | Exception] = {}
        begun = self._begin_all(config, drops, results)
        moved: dict[int, Claimed] = {}
        for number, ticket in begun.items():
            try:
                taken = self._commit(config, ticket)
            except Exception as error:  # noqa: BLE001  (one drop must not stop the others)
                self._give_up(ticket)
                results[number] = error
            else:
                (results if taken.aside else moved)[number] = taken
        if any(isinstance(found, Claimed) for found in results.values()) and drops:
            # or a power loss might give a drop its old name back beside its ticket
            os.fsync(drops[0].folder.handle)
        results |= dict(zip(moved, self.finish(list(moved.values())), strict=True))
        return [results[number] for number in range(len(drops))]

    def finish(self, taken: Sequence[Claimed]) -> list[Claimed | Exception]:
        """Give finished folders their final names, durably; may be repeated.

        For each the ticket under its name, or UnfinishedError.
        """
        results: list[Claimed | Exception] = []
        for one in taken:
            self.uploads.may_act()
            try:
                results.append(self._name(one))
            except OSError as error:
                results.append(UnfinishedError(one, error))
        if any(isinstance(found, Claimed) for found in results):
            try:
                sync_folder(self.uploads.root)
            except OSError as error:
                return [UnfinishedError(one, error) for one in taken]
        reach("claim-kept")
        return results

    def finish_one(self, taken: Claimed) -> Claimed:
        """The same for one. Raises UnfinishedError."""
        (named,) = self.finish([taken])
        if isinstance(named, Exception):
            raise named
        return named

    def refuse(
        self, config: Config, folder: OpenPlace, name: str, status: os.stat_result, fault: UserFault
    ) -> Claimed:
        """Make the ticket of something that is no file and stays where it is. Raises OSError."""
        drop = Drop(folder=folder, name=name, handle=-1, status=status, fault=fault)
        record = replace(
            record_of(drop, str(uuid.uuid4()), self._now(), None),
            zip_name=None,
            drop_file=None,
            left_inode=status.st_ino,
        )
        ticket = self._begin(config, drop, record, None)
        try:
            ticket.folder.sync_claim()
            return self.finish_one(
                Claimed(place=folder.place, folder=ticket.folder, record=record, size=0)
            )
        except BaseException:
            self._give_up(ticket)
            raise

    def _begin_all(
        self, config: Config, drops: Sequence[Drop], results: dict[int, Claimed | Exception]
    ) -> dict[int, _Begun]:
        """The tickets whose records are on the disk; the others' errors are among the results."""
        begun: dict[int, _Begun] = {}
        if not drops:
            return begun
        names = names_in(drops[0].folder.handle)
        for number, drop in enumerate(drops):
            try:
                sidecar = read_sidecar(drop.name, drop.status.st_uid, drop.folder.handle, names)
                record = record_of(drop, str(uuid.uuid4()), self._now(), sidecar)
                begun[number] = self._begin(config, drop, record, sidecar)
            except Exception as error:  # noqa: BLE001  (one drop must not stop the others)
                results[number] = error
        for number, ticket in list(begun.items()):
            try:
                ticket.folder.sync_claim()
            except OSError as error:
                self._give_up(begun.pop(number))
                results[number] = error
        return begun

    def _begin(
        self, config: Config, drop: Drop, record: ClaimRecord, sidecar: Sidecar | None
    ) -> _Begun:
        self.uploads.may_act()
        folder = self.uploads.new_folder(record.ticket)
        ticket = _Begun(drop=drop, folder=folder, record=record, sidecar=sidecar)
        self.coming.add(record.ticket)
        try:
            make_folder(folder.path, config, drop.folder)
            fill_folder(
                config, self.uploads, folder, record, warnings=drop.warnings, sidecar=sidecar
            )
        except BaseException:
            self._give_up(ticket)
            raise
        return ticket

    def _commit(self, config: Config, ticket: _Begun) -> Claimed:
        """Move the drop in, or aside. Raises DropChangedError and OSError.

        Before each step is asked whether this is the daemon still: one that was frozen does one
        step at most after another took over, and whatever it is, that one has reckoned with it.
        """
        drop, may_act = ticket.drop, self.uploads.may_act
        aside = None
        may_act()
        if must_be_copied(drop.status, config) or not _move_in(ticket, may_act):
            may_act()
            aside = _set_aside(ticket, may_act)
        may_act()
        if ticket.sidecar is not None:
            remove_sidecar(ticket.sidecar, drop.folder.handle)
        if aside is None:
            make_own(drop.handle, config, drop.folder.place.known_target)
        return Claimed(
            place=drop.folder.place,
            folder=ticket.folder,
            record=ticket.record,
            size=drop.status.st_size,
            aside=aside,
        )

    def _give_up(self, ticket: _Begun) -> None:
        """Remove a ticket that will not be, unless it holds a drop."""
        self.coming.discard(ticket.record.ticket)
        self.uploads.may_act()
        name = ticket.record.zip_name
        if name is None or not os.path.lexists(ticket.folder.path / name):
            remove_tree(ticket.folder.path)

    def _name(self, taken: Claimed) -> Claimed:
        """Give a folder its final name, if it has not got it yet. Raises OSError."""
        named = self.uploads.folder(taken.record.ticket)
        with contextlib.suppress(FileNotFoundError):  # it was done before
            # before its name: a power loss must not leave a ticket without its drop
            sync_folder(taken.folder.path)
            if taken.folder != named:
                self.uploads.may_act()
                os.rename(taken.folder.path, named.path)
        reach("claim-named")
        return replace(taken, folder=named, aside=None)


def _move_in(ticket: _Begun, may_act: Callable[[], None]) -> bool:
    """Rename the drop into its ticket; False where that is another file system.

    Raises DropChangedError when what was moved is not what was decided on; it is put back.
    """
    drop = ticket.drop
    assert ticket.record.zip_name is not None
    inside = ticket.folder.path / ticket.record.zip_name
    try:
        os.rename(drop.name, inside, src_dir_fd=drop.folder.handle)
    except OSError as error:
        if error.errno == errno.EXDEV:
            return False
        raise
    reach("claim-zip")
    if _has_changed(drop, os.lstat(inside)):
        may_act()
        put_back(str(inside), None, drop.folder.handle, drop.name)
        raise DropChangedError(drop.name)
    return True


def _set_aside(ticket: _Begun, may_act: Callable[[], None]) -> str:
    """Rename the drop inside the inbox, so that it is ours and has yet to be copied."""
    drop, folder = ticket.drop, ticket.drop.folder.handle
    aside = aside_name(ticket.record.ticket, drop.name)
    os.rename(drop.name, aside, src_dir_fd=folder, dst_dir_fd=folder)
    reach("copy-renamed")
    if _has_changed(drop, os.stat(aside, dir_fd=folder, follow_symlinks=False)):
        may_act()
        put_back(aside, folder, folder, drop.name)
        raise DropChangedError(drop.name)
    return aside


def _has_changed(drop: Drop, moved: os.stat_result) -> bool:
    """Whether what was renamed is another file, or one that somebody still writes to.

    From now on nobody can open it by its old name; one that got a second name meanwhile would have
    become a file of ours under a name that its sender can give to anything.
    """
    if sight_of(moved) != sight_of(drop.status) or moved.st_nlink != drop.status.st_nlink:
        return True
    return drop.unwritten and writer_of(drop.handle) is Writer.OPEN
