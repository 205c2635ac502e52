"""A drop made so that the daemon sees all of it or nothing, and nothing of anybody is replaced."""

import contextlib
import json
import os
import stat
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from presqt_daemon.cli.command_line.exits import refused
from presqt_daemon.inbox.files.names import SIDECAR_SUFFIX
from presqt_daemon.inbox.files.whole_file import mark_whole
from presqt_daemon.system.files import create_file, open_regular, rename_to_free, sync_folder
from presqt_daemon.tickets.claim_record import NAME_MAX_BYTES, shorten_name
from presqt_daemon.tickets.options import choices_from_sidecar

MAX_NAMES = 1000
TEMPORARY_PREFIX = ".submit-"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedDrop:
    """What is dropped where, and the options that its side-car holds."""

    folder: Path
    name: str
    title: str | None = None
    duplicates: str | None = None


def place(drop: PlacedDrop, fill: Callable[[Path], None]) -> Path:
    """Where the drop lies now: under its name, or `<name>-2.zip` where that is in use.

    `fill` makes the file under a hidden name in the same folder; the side-car is there before the
    zip gets its name. Raises OSError, and what `fill` raises.
    """
    _make_folder(drop.folder)
    sidecar = _sidecar(drop)
    temporary = drop.folder / f"{TEMPORARY_PREFIX}{uuid.uuid4()}.part"
    try:
        fill(temporary)
        # it spares the drop the time in which the daemon waits for others to let go of a name
        with open_regular(temporary) as file:
            mark_whole(file.fileno())
        for name in _names(drop.name):
            if _take_name(drop.folder / name, temporary, sidecar):
                sync_folder(drop.folder)
                return drop.folder / name
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
    raise refused(f"{drop.name}: {MAX_NAMES} drops of this name wait already")


def _take_name(path: Path, temporary: Path, sidecar: bytes | None) -> bool:
    """Give the file its name; False when the name or that of its side-car is in use."""
    beside = path.with_name(path.name + SIDECAR_SUFFIX)
    if os.path.lexists(path) or os.path.lexists(beside):
        return False
    if sidecar is not None:
        try:
            create_file(beside, sidecar)
        except FileExistsError:
            return False
    try:
        try:
            rename_to_free(os.fspath(temporary), os.fspath(path))
        except FileExistsError:
            raise
        except OSError:
            # neither way is known here: what remains is the look that was taken a moment ago
            os.rename(temporary, path)
    except BaseException as error:
        if sidecar is not None:
            beside.unlink(missing_ok=True)
        if isinstance(error, FileExistsError):
            return False
        raise
    return True


def _names(name: str) -> Iterator[str]:
    """The name, then numbered ones; the number stands before the suffix."""
    yield name
    stem, suffix = name[:-4], name[-4:]
    for number in range(2, MAX_NAMES):
        yield f"{shorten_name(stem, NAME_MAX_BYTES - 64)}-{number}{suffix}"


def _sidecar(drop: PlacedDrop) -> bytes | None:
    """The side-car's content: JSON, which YAML can read; None where there is nothing to say."""
    choices = {"title": drop.title, "file_duplicate_action": drop.duplicates}
    given = {key: value for key, value in choices.items() if value is not None}
    if not given:
        return None
    content = json.dumps(given, ensure_ascii=False).encode() + b"\n"
    choices_from_sidecar(content, drop.name + SIDECAR_SUFFIX)
    return content


def _make_folder(folder: Path) -> None:
    """Make what is missing, with the rights of the folder above, so that the daemon may work."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    with contextlib.suppress(PermissionError):
        folder.chmod(stat.S_IMODE(folder.parent.stat().st_mode))
