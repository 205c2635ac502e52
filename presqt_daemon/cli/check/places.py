"""What `check` finds on this machine's disks: folders, space, groups, another daemon."""

import contextlib
import errno
import grp
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

from presqt_daemon.cli.check.rights import group_name, is_member
from presqt_daemon.cli.check.rows import CheckRow, State, ok, warning, why_unusable, wrong
from presqt_daemon.cli.output.show import shown
from presqt_daemon.config import Config
from presqt_daemon.profile import read_profile
from presqt_daemon.staging.scratch.own_folder import ScratchError, service_folder
from presqt_daemon.system.files import create_file, free_bytes, sync_folder
from presqt_daemon.units import text_from_bytes

FEW_INODES = 1000


def check_places(config: Config) -> Iterator[CheckRow]:
    """Every place that the daemon works in."""
    yield _check_drop_folder("inbox", config.inbox)
    for name in config.targets:
        yield _check_drop_folder(f"inbox of {name}", config.inbox / name)
    yield try_folder("mediafiles", config.mediafiles)
    if os.path.exists(config.uploads_folder):  # False too on a mount that is dead
        yield try_folder("uploads", config.uploads_folder)
    yield _check_file_systems(config)
    yield from _check_space(config)
    yield from _check_scratch(config)
    yield _check_group(config)
    yield from _check_senders(config)
    # a profile that could not be read would have been no configuration
    profile = config.staging.profile
    detail = "none is required" if profile is None else read_profile(profile).identifier
    yield ok("BagIt profile", detail)
    yield _check_policy(config)


def try_folder(what: str, folder: Path) -> CheckRow:
    """Whether this user may work in a folder, or make it; by trying, not by its mode."""
    try:
        above = _nearest(folder)
    except OSError as error:
        return wrong(what, f"{folder} {why_unusable(error)}")
    if not above.is_dir():
        return wrong(what, f"{above} is not a folder")
    try:
        _try_out(above)
    except OSError as error:
        if above == folder:
            return wrong(what, f"{folder} {why_unusable(error)}")
        return wrong(
            what, f"{folder} is missing and cannot be made in {above}, which {why_unusable(error)}"
        )
    return ok(what, str(folder) if above == folder else f"{folder} will be made")


def _nearest(path: Path) -> Path:
    """The path, or the nearest above it that exists. Raises OSError for a mount that is dead."""
    for place in (path, *path.parents):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            place.stat()
            return place
    return Path("/")


def _try_out(folder: Path) -> None:
    """What the daemon does: create, write through, give a second name, rename. Raises OSError."""
    first, second, third = (folder / _trial_name() for _ in range(3))
    try:
        create_file(first, b"presqt-daemon check\n", mode=0o600)
        # a file system without hard links is worked with too, by renames alone
        with contextlib.suppress(OSError):
            os.link(first, second)
        os.rename(first, third)
        sync_folder(folder)
    finally:
        for path in (first, second, third):
            with contextlib.suppress(OSError):
                path.unlink()


def _trial_name() -> str:
    """Hidden, so that no running daemon takes it for a drop."""
    return f".check-{uuid.uuid4()}.tmp"


def _check_drop_folder(what: str, folder: Path) -> CheckRow:
    """A folder that people drop into: the daemon must be able to take their files away."""
    row = try_folder(what, folder)
    if row.state is not State.OK or not folder.is_dir():
        return row
    status = folder.stat()
    if status.st_mode & stat.S_ISVTX and status.st_uid != os.geteuid() != 0:
        return wrong(what, f"{folder} is sticky: files of others cannot be taken; chmod -t it")
    return row


def _check_file_systems(config: Config) -> CheckRow:
    """A rename is instant; a copy needs time and twice the space."""
    apart = warning("file systems", "inbox and mediafiles are on two: drops are copied")
    try:
        inbox, mediafiles = _nearest(config.inbox), _nearest(config.mediafiles)
        if inbox.stat().st_dev != mediafiles.stat().st_dev:
            return apart
        if inbox.is_dir() and mediafiles.is_dir() and not _can_rename(inbox, mediafiles):
            return apart
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EPERM}:
            return wrong("file systems", f"{config.inbox} {why_unusable(error)}")
    return ok("file systems", "inbox and mediafiles are on one")


def _can_rename(source: Path, destination: Path) -> bool:
    """Whether a file can be renamed from one folder into another: a bind mount may forbid it.

    Raises OSError for any other hindrance.
    """
    name = _trial_name()
    (source / name).touch(mode=0o600)
    try:
        os.rename(source / name, destination / name)
    except OSError as error:
        (source / name).unlink()
        if error.errno == errno.EXDEV:
            return False
        raise
    (destination / name).unlink()
    return True


def _check_space(config: Config) -> Iterator[CheckRow]:
    try:
        place = _nearest(config.mediafiles)
        free, status = free_bytes(place), os.statvfs(place)
    except OSError as error:
        yield wrong("disk", f"{config.mediafiles} {why_unusable(error)}")
        return
    wanted = config.staging.min_free_bytes
    detail = f"{text_from_bytes(free)} free for mediafiles, {text_from_bytes(wanted)} stay free"
    if free > wanted:
        yield ok("disk", detail)
    else:
        yield wrong("disk", f"{detail} (staging.min_free_bytes): every drop would wait")
    # a file system that makes inodes as it needs them tells of none
    if status.f_files and status.f_favail < FEW_INODES:
        yield wrong(
            "inodes",
            f"{status.f_favail} files can still be made on the disk of mediafiles (df -i)",
        )


def _check_scratch(config: Config) -> Iterator[CheckRow]:
    """The folder on this host's own disk; with another engine its hosts have theirs."""
    base, keep = config.staging.scratch, config.staging.min_free_bytes
    if base is None or config.engine != "local":
        return
    try:
        free = free_bytes(service_folder(base))
    except (ScratchError, OSError) as error:
        yield wrong("scratch", str(error))
        return
    state = State.OK if free > keep else State.WRONG
    detail = f"{text_from_bytes(free)} free, {text_from_bytes(keep)} stay free"
    yield CheckRow("scratch", state, f"{base}: {detail}")


def _check_group(config: Config) -> CheckRow:
    name = config.permissions.group
    if name is None:
        return ok("group", "a ticket takes the group of its inbox folder")
    try:
        number = grp.getgrnam(name).gr_gid
    except KeyError:
        return wrong("group", f"permissions.group: there is no group {name!r}")
    if is_member(number):
        return ok("group", name)
    return wrong("group", f"permissions.group: this user is not in {name!r}")


def _check_senders(config: Config) -> Iterator[CheckRow]:
    """A ticket that everybody may not read goes to the group of its folder, if that can be."""
    if config.permissions.status & stat.S_IROTH or config.permissions.group is not None:
        return
    for name in config.targets:
        try:
            number = (config.inbox / name).stat().st_gid
        except OSError:
            continue
        if not is_member(number):
            group = group_name(number)
            yield wrong(
                f"senders of {name}",
                f"the senders of {name}/ cannot read their status: the service is not in their "
                f"group {group}; usermod -aG {group} the service's user, and restart it",
            )


def _check_policy(config: Config) -> CheckRow:
    """The operator's own check of bags: only whether it is there, for it needs a bag to run on."""
    argv = config.staging.check_command
    if argv is None:
        return ok("check of bags", "none is configured")
    program = shown(argv[0])
    if shutil.which(argv[0]) is None:
        return wrong(
            "check of bags",
            f"{program} (staging.check_command) is not there: every drop will wait",
        )
    return ok("check of bags", f"{program} looks at every valid bag")
