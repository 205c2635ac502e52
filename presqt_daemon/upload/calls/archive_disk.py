"""Whether a folder target's archive is the one that was there before, or an empty mount point.

An archive has an id, in a hidden file of its own; `mediafiles/archives/<target>` holds what is
expected. Where a disk is not mounted, the folder below it is another one, or none: a deposit that
goes there would vanish behind the disk when that is back.
"""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from presqt_daemon.config import TargetConfig
from presqt_daemon.messages import Limited
from presqt_daemon.model import PauseKind, Status
from presqt_daemon.system.files import (
    create_file,
    folder_mode,
    make_folder,
    open_regular,
    replace_file,
)
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.upload.calls.patience import MustWait

ID_NAME = ".presqt-archive-id"
"""Begins as the names do that the folder target keeps for itself, so that nobody deposits there."""

EXPECTED_FOLDER = "archives"
THE_DISK = "the archive's disk"
_MAX_BYTES = 100


def require_archive(target: TargetConfig, mediafiles: Path) -> None:
    """Return when deposits may go into a folder target's archive; other targets have none.

    A new archive gets its id, and one that is met for the first time is known from then on.
    Raises MustWait while the archive is not the one that is expected.
    """
    if target.path is None or target.type != "folder":
        return
    if (problem := missing_archive(target, mediafiles)) is not None:
        kind = PauseKind.OPERATOR
        raise MustWait(Limited(reason=problem, waiting_for=THE_DISK, seconds=None, kind=kind))
    if _read(_expected_file(target, mediafiles)) is None:
        # one that cannot be written to is the deposit's business, which names the reason
        with contextlib.suppress(OSError):
            _make_known(target, mediafiles)


def missing_archive(target: TargetConfig, mediafiles: Path) -> str | None:
    """Why an archive is taken for one that is not mounted, in words; None where all is well."""
    assert target.path is not None
    try:
        expected, found = _read(_expected_file(target, mediafiles)), _read(target.path / ID_NAME)
    except PermissionError as error:
        return f"whose archive it is cannot be read: {error.filename}: {error.strerror}"
    advice = f"is its disk not mounted? `check --accept {target.name}` takes a new one on purpose"
    if expected is not None and found is None:
        return f"the archive of {target.name} is not in its folder: {advice}"
    if expected is not None and found != expected:
        return f"another archive lies in the folder of {target.name}: {advice}"
    if expected is None and found is None and _has_lost_deposits(target, mediafiles):
        return f"no earlier deposit is in the folder of {target.name}: {advice}"
    return None


def accept_archive(target: TargetConfig, mediafiles: Path) -> None:
    """Take what is in the folder now for the archive, on purpose. Raises OSError."""
    _expected_file(target, mediafiles).unlink(missing_ok=True)
    _make_known(target, mediafiles)


def _make_known(target: TargetConfig, mediafiles: Path) -> None:
    """Keep the id in both places, as far as it is not there."""
    assert target.path is not None
    make_folder(target.path, folder_mode(target.mode))
    with contextlib.suppress(FileExistsError):
        create_file(target.path / ID_NAME, f"{uuid.uuid4()}\n".encode("ascii"), mode=0o644)
    found = _read(target.path / ID_NAME)
    if found is not None:
        file = _expected_file(target, mediafiles)
        make_folder(file.parent)
        replace_file(file, f"{found}\n".encode("ascii"), mode=0o600)


def _has_lost_deposits(target: TargetConfig, mediafiles: Path) -> bool:
    """Whether tickets say that they are here and none of them is.

    So it is at the first look after an upgrade, when no id is known yet: one deposit that is found
    shows that the archive is there.
    """
    has_any = False
    for place in _deposits(target, Uploads(mediafiles)):
        if os.path.lexists(place):
            return False
        has_any = True
    return has_any


def _deposits(target: TargetConfig, uploads: Uploads) -> Iterator[Path]:
    """Where finished tickets of a target have put their files."""
    assert target.path is not None
    if not uploads.root.is_dir():
        return  # before the first start there are no tickets
    for name in uploads.tickets():
        info = uploads.folder(name).known_info()
        if info is None or info.target != target.name or info.status is not Status.FINISHED:
            continue
        folder = info.resource_id or info.title
        if folder is not None and ".." not in folder.split("/"):
            yield target.path / folder


def _expected_file(target: TargetConfig, mediafiles: Path) -> Path:
    return mediafiles / EXPECTED_FOLDER / target.name


def _read(file: Path) -> str | None:
    """The id in a file; None without one. Raises PermissionError: it may be there all the same."""
    try:
        with open_regular(file) as stream:
            return stream.read(_MAX_BYTES).decode("ascii").strip() or None
    except PermissionError:
        raise
    except (OSError, ValueError):
        return None
