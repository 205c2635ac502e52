"""What `check` finds on this machine's disks: folders, space, groups, another daemon."""

import errno
import grp
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from presqt_daemon.cli.check.folder_trial import can_rename, nearest, try_folder
from presqt_daemon.cli.check.rights import group_name, is_member
from presqt_daemon.cli.check.rows import CheckRow, State, why_unusable
from presqt_daemon.cli.output.text import shown
from presqt_daemon.config import Config
from presqt_daemon.profile import read_profile
from presqt_daemon.staging.scratch.own_folder import ScratchError, service_folder
from presqt_daemon.system.files import free_bytes
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
    yield _check_profile(config)
    yield _check_policy(config)


def _check_drop_folder(what: str, folder: Path) -> CheckRow:
    """A folder that people drop into: the daemon must be able to take their files away."""
    row = try_folder(what, folder)
    if row.state is not State.OK or not folder.is_dir():
        return row
    status = folder.stat()
    if status.st_mode & stat.S_ISVTX and status.st_uid != os.geteuid() != 0:
        return CheckRow(
            what, State.WRONG, f"{folder} is sticky: files of others cannot be taken; chmod -t it"
        )
    return row


def _check_file_systems(config: Config) -> CheckRow:
    """A rename is instant; a copy needs time and twice the space."""
    apart = CheckRow(
        "file systems", State.WARNING, "inbox and mediafiles are on two: drops are copied"
    )
    try:
        inbox, mediafiles = nearest(config.inbox), nearest(config.mediafiles)
        if inbox.stat().st_dev != mediafiles.stat().st_dev:
            return apart
        if inbox.is_dir() and mediafiles.is_dir() and not can_rename(inbox, mediafiles):
            return apart
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EPERM}:
            return CheckRow("file systems", State.WRONG, f"{config.inbox} {why_unusable(error)}")
    return CheckRow("file systems", State.OK, "inbox and mediafiles are on one")


def _check_space(config: Config) -> Iterator[CheckRow]:
    try:
        place = nearest(config.mediafiles)
        free, status = free_bytes(place), os.statvfs(place)
    except OSError as error:
        yield CheckRow("disk", State.WRONG, f"{config.mediafiles} {why_unusable(error)}")
        return
    wanted = config.staging.min_free_bytes
    detail = f"{text_from_bytes(free)} free for mediafiles, {text_from_bytes(wanted)} stay free"
    if free > wanted:
        yield CheckRow("disk", State.OK, detail)
    else:
        detail += " (staging.min_free_bytes): every drop would wait"
        yield CheckRow("disk", State.WRONG, detail)
    # a file system that makes inodes as it needs them tells of none
    if status.f_files and status.f_favail < FEW_INODES:
        detail = f"{status.f_favail} files can still be made on the disk of mediafiles (df -i)"
        yield CheckRow("inodes", State.WRONG, detail)


def _check_scratch(config: Config) -> Iterator[CheckRow]:
    """The folder on this host's own disk; with another engine its hosts have theirs."""
    base, keep = config.staging.scratch, config.staging.min_free_bytes
    if base is None or config.engine != "local":
        return
    try:
        free = free_bytes(service_folder(base))
    except (ScratchError, OSError) as error:
        yield CheckRow("scratch", State.WRONG, str(error))
        return
    state = State.OK if free > keep else State.WRONG
    detail = f"{text_from_bytes(free)} free, {text_from_bytes(keep)} stay free"
    yield CheckRow("scratch", state, f"{base}: {detail}")


def _check_group(config: Config) -> CheckRow:
    name = config.permissions.group
    if name is None:
        return CheckRow("group", State.OK, "a ticket takes the group of its inbox folder")
    try:
        number = grp.getgrnam(name).gr_gid
    except KeyError:
        return CheckRow("group", State.WRONG, f"permissions.group: there is no group {name!r}")
    if is_member(number):
        return CheckRow("group", State.OK, name)
    return CheckRow("group", State.WRONG, f"permissions.group: this user is not in {name!r}")


def _check_senders(config: Config) -> Iterator[CheckRow]:
    """A ticket that everybody may not read goes to the group of its folder, if that can be."""
    if config.permissions.status & stat.S_IROTH or config.permissions.group is not None:
        return
    for name in config.targets:
        try:
            group = (config.inbox / name).stat().st_gid
        except OSError:
            continue
        if not is_member(group):
            shown = group_name(group)
            detail = (
                f"the senders of {name}/ cannot read their status: the service is not in their "
                f"group {shown}; usermod -aG {shown} the service's user, and restart it"
            )
            yield CheckRow(f"senders of {name}", State.WRONG, detail)


def _check_profile(config: Config) -> CheckRow:
    """The BagIt profile, which could be read, else there were no configuration."""
    path = config.staging.profile
    detail = "none is required" if path is None else read_profile(path).identifier
    return CheckRow("BagIt profile", State.OK, detail)


def _check_policy(config: Config) -> CheckRow:
    """The operator's own check of bags: only whether it is there, for it needs a bag to run on."""
    argv = config.staging.check_command
    if argv is None:
        return CheckRow("check of bags", State.OK, "none is configured")
    if shutil.which(argv[0]) is None:
        detail = f"{shown(argv[0])} (staging.check_command) is not there: every drop will wait"
        return CheckRow("check of bags", State.WRONG, detail)
    return CheckRow("check of bags", State.OK, f"{shown(argv[0])} looks at every valid bag")
