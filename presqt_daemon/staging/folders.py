"""The folders of a bag while it is written, and the files created in them."""

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Self
from uuid import uuid4

from presqt_daemon.system.files import folder_mode

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_OPEN = 32


def make_folders(root: Path, mode: int, folders: Iterable[str]) -> int:
    """A descriptor of a new folder with all these folders in it.

    `mode` is that of files; folders get x for whoever may read. Names are written as UTF-8,
    whatever the locale. Raises FileExistsError when anything is there already.
    """
    mode = folder_mode(mode)
    os.mkdir(root, 0o700)
    fd = os.open(root, _FOLDER_FLAGS)
    try:
        os.fchmod(fd, mode)
        for folder in sorted(folders):
            os.mkdir(folder.encode(), 0o700, dir_fd=fd)
            if mode != 0o700:
                os.chmod(folder.encode(), mode, dir_fd=fd)
    except BaseException:
        os.close(fd)
        raise
    return fd


def keeps_case_apart(folder: Path) -> bool:
    """Whether a folder's disk keeps two names that differ by case only; found out by trying."""
    probe = folder / f".case-probe-{uuid4().hex[:8]}-a"
    probe.touch()
    try:
        return not os.path.lexists(probe.with_name(probe.name.upper()))
    finally:
        probe.unlink()


class Creator:
    """Creates files below an open folder; owns the descriptors it opens, not the folder's."""

    def __init__(self, root: int, mode: int) -> None:
        self._root = root
        self._mode = mode | 0o600
        self._open: dict[str, int] = {}
        self._must_set_mode: bool | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_how: object) -> None:
        self._close_all()

    def create(self, path: str) -> int:
        """A descriptor of a new, empty file, to write and to read back."""
        folder, _, name = path.rpartition("/")
        fd = self._open.get(folder) if folder else self._root
        if fd is None:
            fd = self._open_folder(folder)
        file = os.open(name.encode(), _FILE_FLAGS, self._mode, dir_fd=fd)
        if self._must_set_mode is not False:
            # What the umask took away from the first file, it takes from all.
            if self._must_set_mode is None:
                self._must_set_mode = os.fstat(file).st_mode & 0o777 != self._mode
            if self._must_set_mode:
                os.fchmod(file, self._mode)
        return file

    def _open_folder(self, folder: str) -> int:
        if len(self._open) >= _MAX_OPEN:
            self._close_all()
        fd = self._open[folder] = os.open(folder.encode(), _FOLDER_FLAGS, dir_fd=self._root)
        return fd

    def _close_all(self) -> None:
        while self._open:
            os.close(self._open.popitem()[1])


def parents(path: str) -> Iterable[str]:
    """The folders above a path, the nearest first."""
    while path := path.rpartition("/")[0]:
        yield path


def differences(root: Path, files: Collection[str], folders: Collection[str]) -> list[str]:
    """What is on disk and was not meant, or was meant and is not there, or is no plain file."""
    found_files: set[str] = set()
    found_folders: set[str] = set()
    odd: list[str] = []
    stack = [""]
    base = os.fsencode(root)
    while stack:
        folder = stack.pop()
        with os.scandir(os.path.join(base, folder.encode()) if folder else base) as entries:
            for entry in entries:
                path = entry.name.decode("utf-8", "surrogateescape")
                path = f"{folder}/{path}" if folder else path
                if entry.is_dir(follow_symlinks=False):
                    found_folders.add(path)
                    stack.append(path)
                elif entry.is_file(follow_symlinks=False):
                    found_files.add(path)
                else:
                    odd.append(path)
    odd += found_files ^ set(files)
    odd += found_folders ^ set(folders)
    return sorted(odd)
