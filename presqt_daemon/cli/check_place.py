"""What `check` finds on this machine: folders, rights, disk, inotify, another daemon."""

import grp
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from presqt_daemon.cli.check_row import CheckRow, State
from presqt_daemon.config import Config
from presqt_daemon.profile import read_profile
from presqt_daemon.system.files import free_bytes
from presqt_daemon.tickets.lease import is_held
from presqt_daemon.units import text_from_bytes

INOTIFY = Path("/proc/sys/fs/inotify")


def check_places(config: Config) -> Iterator[CheckRow]:
    """Every place that the daemon works in."""
    yield _check_drop_folder("inbox", config.inbox)
    for name in config.targets:
        yield _check_drop_folder(f"inbox of {name}", config.inbox / name)
    yield check_folder("mediafiles", config.mediafiles)
    yield _check_file_systems(config)
    yield _check_space(config)
    yield _check_group(config)
    yield _check_profile(config)
    yield from _check_inotify(config)
    running = is_held(config.mediafiles)
    yield CheckRow("daemon", State.OK, "is running" if running else "is not running now")


def check_folder(what: str, folder: Path) -> CheckRow:
    """Whether this user may work in a folder, or make it."""
    if folder.is_dir():
        if os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            return CheckRow(what, State.OK, str(folder))
        return CheckRow(what, State.WRONG, f"{folder} cannot be written by this user")
    if folder.exists():
        return CheckRow(what, State.WRONG, f"{folder} is not a folder")
    above = _nearest(folder)
    if os.access(above, os.W_OK | os.X_OK):
        return CheckRow(what, State.OK, f"{folder} will be made")
    return CheckRow(what, State.WRONG, f"{folder} is missing and cannot be made in {above}")


def _check_drop_folder(what: str, folder: Path) -> CheckRow:
    """A folder that people drop into: the daemon must be able to take their files away."""
    row = check_folder(what, folder)
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
    same = _nearest(config.inbox).stat().st_dev == _nearest(config.mediafiles).stat().st_dev
    if same:
        return CheckRow("file systems", State.OK, "inbox and mediafiles are on one")
    return CheckRow(
        "file systems", State.WARNING, "inbox and mediafiles are on two: drops are copied"
    )


def _check_space(config: Config) -> CheckRow:
    free = free_bytes(_nearest(config.mediafiles))
    wanted = config.staging.min_free_bytes
    detail = f"{text_from_bytes(free)} free for mediafiles, {text_from_bytes(wanted)} stay free"
    if free > wanted:
        return CheckRow("disk", State.OK, detail)
    return CheckRow("disk", State.WRONG, f"{detail}: every drop would wait")


def _check_group(config: Config) -> CheckRow:
    name = config.permissions.group
    if name is None:
        return CheckRow("group", State.OK, "none is set; files get this user's own")
    try:
        number = grp.getgrnam(name).gr_gid
    except KeyError:
        return CheckRow("group", State.WRONG, f"permissions.group: there is no group {name!r}")
    if os.geteuid() == 0 or number in {os.getegid(), *os.getgroups()}:
        return CheckRow("group", State.OK, name)
    return CheckRow("group", State.WRONG, f"permissions.group: this user is not in {name!r}")


def _check_profile(config: Config) -> CheckRow:
    """The BagIt profile, which could be read, else there were no configuration."""
    path = config.staging.profile
    detail = "none is required" if path is None else read_profile(path).identifier
    return CheckRow("BagIt profile", State.OK, detail)


def _check_inotify(config: Config) -> Iterator[CheckRow]:
    """Without inotify drops are found by the scan, later but surely."""
    if config.intake.observer == "off":
        yield CheckRow("inotify", State.OK, "is not used (intake.observer: off)")
        return
    wanted = {"max_user_watches": 1 + len(config.targets), "max_user_instances": 1}
    for name, least in wanted.items():
        try:
            limit = int((INOTIFY / name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            yield CheckRow("inotify", State.WARNING, f"{name} cannot be read; scans still work")
            continue
        if limit >= least:
            yield CheckRow("inotify", State.OK, f"{name} is {limit}")
        else:
            yield CheckRow(
                "inotify", State.WARNING, f"{name} is {limit}, {least} are needed: scans still work"
            )


def _nearest(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return next(place for place in (path, *path.parents) if place.exists())
