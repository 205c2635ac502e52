"""Rights: who else may give orders, drop, or read a token; some of that stops a start."""

import grp
import logging
import os
import pwd
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

from presqt_daemon.cli.check.rows import CheckRow, ok, warning, wrong
from presqt_daemon.config import Config
from presqt_daemon.errors import ConfigError

TOKENS = Path("/etc/presqt-daemon/tokens")

_BY_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_log = logging.getLogger(__name__)


def refuse_orders_of_others(file: Path | None, config: Config) -> None:
    """Raise ConfigError where everybody, or a third user, could give the daemon orders.

    Such are a configuration or a `control/` that everybody may write, or that belongs to neither
    root nor this user (nor, for root, the owner of mediafiles). A group's right to write is told by
    `check` and stops nothing.
    """
    problems: list[str] = []
    if file is not None:
        problems += _problems_of(file, {0, os.geteuid()}, "the configuration")
        problems += _problems_of(file.resolve().parent, None, "the configuration")
    if config.control_folder.is_dir():
        trusted = {0, os.geteuid(), config.mediafiles.stat().st_uid}
        found = _problems_of(config.control_folder, trusted, "control/")
        if found and not _keeps_modes(config.mediafiles):
            _log.warning(
                "%s is on a mount that keeps no rights: who may write there may give orders; "
                "see its mount options",
                config.mediafiles,
            )
        else:
            problems += found
    if problems:
        raise ConfigError(tuple(problems))


def check_rights(file: Path | None, config: Config) -> Iterator[CheckRow]:
    """Rows for what is not as it should be, and one that says so where all is."""
    found = [
        *_check_orders(file, config),
        *_check_own_group(config),
        *_check_inbox(config),
        *_check_tokens(config),
    ]
    yield from found or [ok("rights", "nobody else gives orders or reads tokens")]


def check_secret_file(what: str, file: Path | None) -> CheckRow | None:
    """A row for a secret that other users can read, which is a secret given away."""
    status = None if file is None else _stat(file)
    if status is None or not status.st_mode & _BY_OTHERS:
        return None
    return wrong(what, f"others may read or change {file}: chmod 0400 it")


def _stat(place: Path) -> os.stat_result | None:
    """None for what is missing, or cannot be seen."""
    try:
        return place.stat()
    except OSError:
        return None


def _problems_of(place: Path, trusted: set[int] | None, what: str) -> list[str]:
    """What is wrong with one place, in words; `trusted` is who may own it, if that counts."""
    status = _stat(place)
    if status is None:
        return []
    problems = []
    is_sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    if status.st_mode & stat.S_IWOTH and not is_sticky:
        problems.append(f"{place}: everybody may change {what}; chmod o-w it")
    if trusted is not None and status.st_uid not in trusted:
        problems.append(
            f"{place}: belongs to user {status.st_uid}, who could change {what}; "
            "chown it to root or to the service"
        )
    return problems


def _keeps_modes(folder: Path) -> bool:
    """Whether a folder made here has the mode that it was given; True where none can be made."""
    trial = folder / f".rights-{uuid.uuid4()}"
    try:
        trial.mkdir(0o700)
    except OSError:
        return True
    try:
        return stat.S_IMODE(trial.stat().st_mode) & 0o077 == 0
    finally:
        trial.rmdir()


def _check_orders(file: Path | None, config: Config) -> Iterator[CheckRow]:
    """What a group may write is no reason not to start, and still none to be content."""
    places = {} if file is None else {"configuration": file}
    places |= {
        "mediafiles": config.mediafiles,
        "uploads": config.uploads_folder,
        "control": config.control_folder,
    }
    for what, place in places.items():
        status = _stat(place)
        if status is None or not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            continue
        if _keeps_modes(config.mediafiles):
            whose = group_name(status.st_gid)
            yield wrong(
                f"rights of {what}",
                f"{place} can be changed by the group {whose}: chmod g-w,o-w it",
            )


def _check_own_group(config: Config) -> Iterator[CheckRow]:
    """The service's own group is its own: a member could read what senders must not."""
    try:
        status = config.mediafiles.stat()
        group, owner = grp.getgrgid(status.st_gid), pwd.getpwuid(status.st_uid).pw_name
    except (OSError, KeyError):
        return
    others = [name for name in group.gr_mem if name != owner]
    if others and status.st_uid != 0:
        yield wrong(
            "own group",
            f"{', '.join(others[:5])} in the service's own group {group.gr_name}: senders belong "
            f"into the group of an inbox folder; gpasswd -d {others[0]} {group.gr_name}",
        )


def _check_inbox(config: Config) -> Iterator[CheckRow]:
    """Who may rename a lab's folder may put another in its place, and use that lab's token."""
    inbox = _stat(config.inbox)
    for name in config.targets:
        folder = _stat(config.inbox / name)
        if inbox is None or folder is None:
            continue
        is_open = inbox.st_mode & stat.S_IWOTH or (
            inbox.st_mode & stat.S_IWGRP and folder.st_gid != inbox.st_gid
        )
        if is_open:
            yield wrong(
                f"inbox of {name}",
                f"whoever may write {config.inbox} can put another folder in the place of {name}/, "
                f"which is the group {group_name(folder.st_gid)}'s: chmod g-w,o-w the inbox",
            )
        if not folder.st_mode & stat.S_ISGID and folder.st_mode & stat.S_IWGRP:
            yield warning(
                f"inbox of {name}",
                f"{config.inbox / name} does not hand on its group: chmod g+s it",
            )


def _check_tokens(config: Config) -> Iterator[CheckRow]:
    for target in config.targets.values():
        row = check_secret_file(f"token of {target.name}", target.token_file)
        if row is not None:
            yield row
    try:
        files = sorted(TOKENS.iterdir())
    except OSError:
        files = []
    for place in (TOKENS, *files):
        status = _stat(place)
        if status is not None and (status.st_mode & _BY_OTHERS or status.st_uid != 0):
            right = "0700" if place == TOKENS else "0600"
            yield wrong(
                "credentials",
                f"{place} must be root's alone: chown root:root it, chmod {right} it",
            )


def group_name(number: int) -> str:
    """A group as a person knows it; its number where it has no name."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def is_member(group: int) -> bool:
    """Whether this process may give files to a group."""
    return os.geteuid() == 0 or group in {os.getegid(), *os.getgroups()}
