"""Who else could give the daemon orders: the rights of its configuration and control folder."""

import logging
import os
import stat
import uuid
from pathlib import Path

from presqt_daemon.config import Config
from presqt_daemon.errors import ConfigError

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
        if found and not keeps_modes(config.mediafiles):
            _log.warning(
                "%s is on a mount that keeps no rights: who may write there may give orders; "
                "see its mount options",
                config.mediafiles,
            )
        else:
            problems += found
    if problems:
        raise ConfigError(tuple(problems))


def keeps_modes(folder: Path) -> bool:
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


def _problems_of(place: Path, trusted: set[int] | None, what: str) -> list[str]:
    """What is wrong with one place, in words; `trusted` is who may own it, if that counts."""
    try:
        status = place.stat()
    except OSError:
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
