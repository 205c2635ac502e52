"""What the daemon does in a folder, done once: create, write through to the disk, link, rename."""

import contextlib
import errno
import os
import uuid
from pathlib import Path

from presqt_daemon.cli.check.rows import CheckRow, State, why_unusable
from presqt_daemon.system.files import sync_folder


def try_folder(what: str, folder: Path) -> CheckRow:
    """Whether this user may work in a folder, or make it; by trying, not by its mode."""
    try:
        above = nearest(folder)
    except OSError as error:
        return CheckRow(what, State.WRONG, f"{folder} {why_unusable(error)}")
    if not above.is_dir():
        return CheckRow(what, State.WRONG, f"{above} is not a folder")
    try:
        _try_out(above)
    except OSError as error:
        if above == folder:
            return CheckRow(what, State.WRONG, f"{folder} {why_unusable(error)}")
        detail = f"{folder} is missing and cannot be made in {above}, which {why_unusable(error)}"
        return CheckRow(what, State.WRONG, detail)
    return CheckRow(what, State.OK, str(folder) if above == folder else f"{folder} will be made")


def can_rename(source: Path, destination: Path) -> bool:
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


def nearest(path: Path) -> Path:
    """The path, or the nearest above it that exists. Raises OSError for a mount that is dead."""
    for place in (path, *path.parents):
        try:
            place.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        return place
    return Path("/")


def _try_out(folder: Path) -> None:
    """Create, write through, give a second name, rename, remove. Raises OSError."""
    first, second, third = (folder / _trial_name() for _ in range(3))
    try:
        handle = os.open(first, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            os.write(handle, b"presqt-daemon check\n")
            os.fsync(handle)
        finally:
            os.close(handle)
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
