"""The daemon's own folder among the temporary files: found again, and emptied, after any death."""

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from multiprocessing import process
from pathlib import Path

PREFIX = "presqt-daemon-"
MAX_BASE_BYTES = 50
"""A socket's path has at most 107 bytes (unix(7)), which $TMPDIR must leave room for."""


@contextlib.contextmanager
def temporary_folder(mediafiles: Path) -> Iterator[Path]:
    """A folder of this daemon's, in which multiprocessing keeps its sockets; removed at the end.

    Its name tells whose it is, so that the next daemon of the same `mediafiles`, which the caller
    has locked, removes what a killed one has left. Raises OSError.
    """
    whose = hashlib.sha256(os.fsencode(os.path.realpath(mediafiles))).hexdigest()[:12]
    base = tempfile.gettempdir()
    if len(os.fsencode(base)) > MAX_BASE_BYTES:
        base = "/tmp"  # noqa: S108  (made by us alone, below)
    folder = Path(base, f"{PREFIX}{whose}")
    if _is_own(folder):
        shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(0o700)
    except FileExistsError:  # somebody else's, who may write here too
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    # else it makes a folder of a random name, which nobody finds again
    process.current_process()._config["tempdir"] = str(folder)  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_own(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
