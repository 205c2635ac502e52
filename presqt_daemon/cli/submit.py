"""`submit`: one atomic drop into the right folder of the inbox."""

import contextlib
import os
import tempfile
import time
from pathlib import Path

from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import CommandRefusal, Exit, no_such, refused, wrong_usage
from presqt_daemon.cli.output.progress import Step, bytes_of, following_steps, reading
from presqt_daemon.cli.output.show import LISTED, complain, is_terminal, shown
from presqt_daemon.cli.status import POLL_SECONDS, wait_for
from presqt_daemon.cli.tickets.drop import TEMPORARY_PREFIX, PlacedDrop, place
from presqt_daemon.cli.tickets.find import notes_beside, ticket_in_note
from presqt_daemon.config import Config, StagingConfig
from presqt_daemon.errors import UserFault
from presqt_daemon.inbox.files.names import (
    SIDECAR_SUFFIX,
    NameKind,
    is_system_folder,
    is_zip_name,
    kind_of,
    name_of_aside,
    ticket_of_aside,
)
from presqt_daemon.staging.inspect import check_zip
from presqt_daemon.staging.make import bag_and_zip
from presqt_daemon.system.copying import copy_durably
from presqt_daemon.tickets.claim_record import NAME_MAX_BYTES
from presqt_daemon.tickets.locks import is_held
from presqt_daemon.tickets.options import check_resource_id, folder_from_resource_id
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.tickets.title import check_title

NOTE_PATIENCE_SECONDS = 3.0
"""Without `--wait`: how much longer than `intake.settle` the ticket number is waited for."""

SCANS = 3
"""With `--wait`: a drop that has outlived so many scans of the inbox is not going to be taken."""


def main(context: Context) -> int:
    """0 when the drop is made; with `--wait` the ticket's exit code, 75 without a daemon."""
    config = context.config()
    options = context.options
    if options.wait and not is_held(config.mediafiles):
        raise CommandRefusal("no daemon is running, so there is nothing to wait for", Exit.BUSY)
    drop = PlacedDrop(
        folder=_folder(config, options.target, options.resource_id),
        name=_name(config, options.path, has_sidecar=bool(options.title or options.duplicates)),
        title=_title(config, options.target, options.title),
        duplicates=options.duplicates,
    )
    older = _names_in(drop.folder)
    try:
        if not options.path.is_dir():
            # what the daemon would refuse is refused before a byte is copied, in the same words
            check_zip(options.path.resolve(), config.staging)
        path = place(drop, lambda temporary: _fill(options.path, temporary, config.staging))
    except UserFault as fault:
        _tell_findings(fault)
        said = f"{shown(options.path.name)}: {shown(fault.message)} [{fault.code}]"
        raise CommandRefusal(said, Exit.FAILED) from None
    except OSError as error:
        # a write to an open file knows no name, and the hidden one tells a person nothing
        name = os.path.basename(os.fsdecode(error.filename or ""))
        if name and not name.startswith(TEMPORARY_PREFIX):
            raise
        said = f"{drop.folder}: {error.strerror}; nothing was dropped"
        raise CommandRefusal(said, Exit.FILES) from None
    except KeyboardInterrupt:
        raise CommandRefusal("interrupted: nothing was dropped", Exit.INTERRUPTED) from None
    ticket = _ticket_of(config, path, older, patient=options.wait)
    if ticket is None:
        why = "no daemon is running" if not is_held(config.mediafiles) else "it is not taken yet"
        complain(f"dropped as {shown(str(path))}; {why}")
        return Exit.OK
    print(ticket, flush=True)
    if not options.wait:
        return Exit.OK
    return wait_for(context, config, Uploads(config.mediafiles).folder(ticket), None)


def _title(config: Config, target: str | None, title: str | None) -> str | None:
    """The title where the target can have it, as the daemon will judge it."""
    chosen = config.targets.get(target or config.default_target or "")
    if title is None:
        return None
    return check_title(title, "folder" if chosen is None else chosen.type)


def _folder(config: Config, target: str | None, resource_id: str | None) -> Path:
    """The inbox folder whose drops go where the options say."""
    name = target or config.default_target
    if name is None:
        known = ", ".join(config.targets)
        raise wrong_usage(f"there is no default target: give --target ({known})")
    if name not in config.targets:
        raise no_such("target", name, config.targets)
    folder = config.inbox / name
    if resource_id is None:
        return folder
    inner = folder_from_resource_id(check_resource_id(resource_id))
    if is_system_folder(inner):
        raise refused(f"the inbox passes over folders called {inner}")
    return folder / inner


def _name(config: Config, path: Path, *, has_sidecar: bool) -> str:
    """The drop's name; Refusal for a source that the daemon would pass over."""
    if not path.exists():
        raise refused(f"{path}: there is no such file or folder")
    name = f"{path.resolve().name}.zip" if path.is_dir() else path.name
    if not is_zip_name(name):
        raise refused(f"{path}: give a .zip, or a folder")
    room = NAME_MAX_BYTES - (len(SIDECAR_SUFFIX) if has_sidecar else 0)
    if len(os.fsencode(name)) > room:
        raise refused(
            f"{name}: the drop's name has more than {room} bytes; give {path.name} a shorter name"
        )
    if kind_of(name, config.intake.ignore) is not NameKind.DROP:
        raise refused(
            f"{name}: the inbox passes over files of this name (intake.ignore); rename it"
        )
    return name


def _tell_findings(fault: UserFault) -> None:
    """Say each finding on a line of its own where there are more than the fault names."""
    if fault.findings_total < 2:
        return
    for entry in fault.findings[:LISTED]:
        complain(shown(entry.message))
    if fault.findings_total > LISTED:
        complain(f"... and {fault.findings_total - LISTED} more")


def _fill(source: Path, temporary: Path, config: StagingConfig) -> None:
    """Write the zip under a name that the daemon passes over; the source is only read."""
    if source.is_dir():
        folder = source.resolve()
        # read once for its digests and once into the zip
        with reading(f"bagging and zipping {folder.name}", 2 * bytes_of(folder)):
            bag_and_zip(folder, temporary, scratch=_scratch_for(folder), config=config)
        return
    handle = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with following_steps(shows=is_terminal()) as show:
            words, total = f"copying {source.name} into the inbox", os.fstat(handle).st_size

            def tell() -> bool:
                with contextlib.suppress(FileNotFoundError):
                    show(Step(words=words, done=temporary.stat().st_size, total=total))
                return True

            copy_durably(handle, temporary, mode=0o644, keep_going=tell)
    finally:
        os.close(handle)


def _scratch_for(folder: Path) -> Path:
    """Where files are put together: beside the folder, so that they can be linked, else in /tmp."""
    beside = folder.parent
    if os.access(beside, os.W_OK | os.X_OK):
        return beside
    return Path(tempfile.gettempdir())


def _names_in(folder: Path) -> frozenset[str]:
    """The names that lie in a folder, which may be missing."""
    try:
        return frozenset(os.listdir(folder))
    except FileNotFoundError:
        return frozenset()


def _ticket_of(config: Config, drop: Path, older: frozenset[str], *, patient: bool) -> str | None:
    """The ticket that the drop got, from the note that takes its place; None when none came.

    Notes named in `older` belong to earlier drops. Patient means as long as the daemon has the drop
    or may be about to take it; Refusal when it has not.
    """
    deadline = time.monotonic() + config.intake.settle + NOTE_PATIENCE_SECONDS
    if patient:
        deadline += SCANS * config.intake.rescan
    while True:
        new = (note for note in notes_beside(drop) if note.name not in older)
        ticket = next(filter(None, map(ticket_in_note, new)), None)
        if ticket is not None:
            return ticket
        if not is_held(config.mediafiles):
            if patient:
                raise CommandRefusal(
                    f"the daemon has stopped; {drop} stays in the inbox", Exit.BUSY
                )
            return None
        if time.monotonic() >= deadline and not (patient and _is_being_copied(drop)):
            if patient:
                raise CommandRefusal(
                    f"{drop} is not taken; the daemon's log says why, and `check` what is wrong",
                    Exit.IN_PROGRESS,
                )
            return None
        time.sleep(POLL_SECONDS)


def _is_being_copied(drop: Path) -> bool:
    """Whether the daemon has taken the drop, but copies it yet."""
    return any(
        ticket_of_aside(name) is not None and drop.name.startswith(name_of_aside(name))
        for name in _names_in(drop.parent)
    )
