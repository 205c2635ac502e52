"""What lies in the inbox and is no ticket, and why: the daemon's word for it, or our own look."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from presqt_daemon.cli.tickets.find import drop_folders
from presqt_daemon.condition import DaemonCondition, UntakenDrop
from presqt_daemon.config import Config
from presqt_daemon.inbox.files.leftover_names import GROWING_SUFFIXES, is_leftover_file
from presqt_daemon.inbox.files.names import NameKind, is_system_folder, is_zip_name, kind_of
from presqt_daemon.system.files import printable_name

NO_DAEMON = "no daemon is running"
LEFTOVER = "by its name it is still being copied; once it is whole, rename it to end in .zip"
MAX_LISTED = 200

_GROWING = tuple(suffix.lower() for suffix in GROWING_SUFFIXES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Untaken:
    """Some of what is not taken, and how much of it there is."""

    drops: tuple[UntakenDrop, ...] = ()
    total: int = 0


def find_untaken(config: Config, condition: DaemonCondition | None) -> Untaken:
    """What is not taken; `condition` is what a running daemon tells, None without one.

    What the daemon waits for it knows itself; what it passes over by its name is found here.
    """
    drops = [] if condition is None else list(condition.untaken)
    total = 0 if condition is None else condition.untaken_total
    for path, name in _names(config):
        if kind_of(name, config.intake.ignore) is NameKind.DROP:
            if condition is not None:
                continue
            why, is_stuck = NO_DAEMON, False
        elif _is_worth_a_word(name, config.intake.ignore):
            why, is_stuck = LEFTOVER, True
        else:
            continue
        total += 1
        if len(drops) < MAX_LISTED:
            shown = printable_name(os.path.relpath(path / name, config.inbox))
            drops.append(UntakenDrop(path=shown, why=why, is_stuck=is_stuck))
    return Untaken(drops=tuple(drops), total=total)


def _is_worth_a_word(name: str, ignore: tuple[str, ...]) -> bool:
    """Whether a person may take a file for a drop that is passed over by its name."""
    is_growing = name.lower().endswith(_GROWING) and not name.startswith(".")
    return is_growing and is_leftover_file(name, ignore)


def _names(config: Config) -> Iterator[tuple[Path, str]]:
    """Every file in the folders where drops are looked for; follows no link."""
    for folder in drop_folders(config):
        if folder.parent.parent == config.inbox and is_system_folder(folder.name):
            continue
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))
            for name in names:
                if folder != config.inbox or is_zip_name(name):
                    yield folder, name
