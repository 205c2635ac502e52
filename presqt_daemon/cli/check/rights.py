"""What `check` finds about rights: who else may give orders, drop, or read a token."""

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from presqt_daemon.cli.check.orders import keeps_modes
from presqt_daemon.cli.check.rows import CheckRow, State
from presqt_daemon.config import Config

TOKENS = Path("/etc/presqt-daemon/tokens")


def check_rights(file: Path | None, config: Config) -> Iterator[CheckRow]:
    """Rows for what is not as it should be, and one that says so where all is."""
    found = [
        *_check_orders(file, config),
        *_check_own_group(config),
        *_check_inbox(config),
        *_check_tokens(config),
    ]
    yield from found or [CheckRow("rights", State.OK, "nobody else gives orders or reads tokens")]


def check_secret_file(what: str, file: Path | None) -> CheckRow | None:
    """A row for a secret that other users can read, which is a secret given away."""
    try:
        mode = 0 if file is None else file.stat().st_mode
    except OSError:
        return None
    if not mode & (stat.S_IRWXG | stat.S_IRWXO):
        return None
    return CheckRow(what, State.WRONG, f"others may read or change {file}: chmod 0400 it")


def _check_orders(file: Path | None, config: Config) -> Iterator[CheckRow]:
    """What a group may write is no reason not to start, and still none to be content."""
    places = {} if file is None else {"configuration": file}
    places |= {
        "mediafiles": config.mediafiles,
        "uploads": config.uploads_folder,
        "control": config.control_folder,
    }
    for what, place in places.items():
        try:
            status = place.stat()
        except OSError:
            continue
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and keeps_modes(config.mediafiles):
            whose = group_name(status.st_gid)
            detail = f"{place} can be changed by the group {whose}: chmod g-w,o-w it"
            yield CheckRow(f"rights of {what}", State.WRONG, detail)


def _check_own_group(config: Config) -> Iterator[CheckRow]:
    """The service's own group is its own: a member could read what senders must not."""
    try:
        status = config.mediafiles.stat()
        group, owner = grp.getgrgid(status.st_gid), pwd.getpwuid(status.st_uid).pw_name
    except (OSError, KeyError):
        return
    others = [name for name in group.gr_mem if name != owner]
    if others and status.st_uid != 0:
        detail = (
            f"{', '.join(others[:5])} in the service's own group {group.gr_name}: senders belong "
            f"into the group of an inbox folder; gpasswd -d {others[0]} {group.gr_name}"
        )
        yield CheckRow("own group", State.WRONG, detail)


def _check_inbox(config: Config) -> Iterator[CheckRow]:
    """Who may rename a lab's folder may put another in its place, and use that lab's token."""
    try:
        inbox = config.inbox.stat()
    except OSError:
        return
    for name in config.targets:
        try:
            folder = (config.inbox / name).stat()
        except OSError:
            continue
        is_open = inbox.st_mode & stat.S_IWOTH or (
            inbox.st_mode & stat.S_IWGRP and folder.st_gid != inbox.st_gid
        )
        if is_open:
            detail = (
                f"whoever may write {config.inbox} can put another folder in the place of {name}/, "
                f"which is the group {group_name(folder.st_gid)}'s: chmod g-w,o-w the inbox"
            )
            yield CheckRow(f"inbox of {name}", State.WRONG, detail)
        if not folder.st_mode & stat.S_ISGID and folder.st_mode & stat.S_IWGRP:
            detail = f"{config.inbox / name} does not hand on its group: chmod g+s it"
            yield CheckRow(f"inbox of {name}", State.WARNING, detail)


def _check_tokens(config: Config) -> Iterator[CheckRow]:
    for target in config.targets.values():
        row = check_secret_file(f"token of {target.name}", target.token_file)
        if row is not None:
            yield row
    for place in (TOKENS, *_files_in(TOKENS)):
        try:
            status = place.stat()
        except OSError:
            continue
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or status.st_uid != 0:
            right = "0700" if place == TOKENS else "0600"
            detail = f"{place} must be root's alone: chown root:root it, chmod {right} it"
            yield CheckRow("credentials", State.WRONG, detail)


def _files_in(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def group_name(number: int) -> str:
    """A group as a person knows it; its number where it has no name."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def is_member(group: int) -> bool:
    """Whether this process may give files to a group."""
    return os.geteuid() == 0 or group in {os.getegid(), *os.getgroups()}
