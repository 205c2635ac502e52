"""A zip that may be unpacked: every entry is judged before a byte is written."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from presqt_daemon.config import StagingConfig
from presqt_daemon.errors import UserFault
from presqt_daemon.findings import refusal
from presqt_daemon.model import Finding
from presqt_daemon.system.files import is_same_file
from presqt_daemon.zips.directory import (
    BZIP2,
    DEFLATED,
    ENCRYPTED_FLAGS,
    LZMA,
    STORED,
    Row,
    Window,
    data_offset,
)
from presqt_daemon.zips.end_record import EndRecord, ZipEndError, read_end
from presqt_daemon.zips.faults import NEW_ZIP, Problems, shrunk
from presqt_daemon.zips.limits import check_list, check_sizes
from presqt_daemon.zips.listed_names import ListedNames, name_bytes_allowed, refuse_names
from presqt_daemon.zips.makers import Habit, Habits
from presqt_daemon.zips.places import Places

_FEWEST_FOLDERS = 1000
"""However few files are allowed, a zip may have so many folders."""

_METHODS = frozenset({STORED, DEFLATED, BZIP2, LZMA})
_OTHER_METHODS = {
    1: "Shrink", 6: "Implode", 9: "Deflate64 (Windows uses it for large files)", 93: "Zstandard",
    94: "MP3", 95: "xz", 96: "JPEG", 97: "WavPack", 98: "PPMd", 99: "AES encryption",
}  # fmt: skip
_PLAIN_KINDS = frozenset({0, stat.S_IFREG >> 12})
_REPACK = "Make the zip again with the method Deflate, or Store"


class Member(NamedTuple):
    """One entry of a zip. `name` has no slash at its end; sizes and offsets in bytes.

    A tuple, since a zip may have 100,000 of them, and frozen dataclasses take four times as long
    to make.
    """

    name: str
    is_folder: bool
    method: int
    crc: int
    size: int
    packed_size: int
    data_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A zip behind one open descriptor; `members` stand in the order of their data.

    `undeclared` are the names whose encoding the zip does not tell; `warnings` say which habits of
    makers were undone.
    """

    fd: int
    status: os.stat_result
    members: tuple[Member, ...]
    undeclared: frozenset[str] = frozenset()
    warnings: tuple[Finding, ...] = ()

    def check_unchanged(self) -> None:
        """Raise UserFault `incomplete-zip` when the file was written to since it was opened."""
        if not is_same_file(self.status, os.fstat(self.fd)):
            raise shrunk()


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipFile:
    """A regular file open for reading that should be a zip."""

    fd: int
    status: os.stat_result

    def read(self, config: StagingConfig, page: str | None = None) -> Archive:
        """The zip, all its entries safe to unpack; undeclared names read in a code page.

        Raises UserFault `not-a-zip`, `incomplete-zip`, `unsafe-archive` or `too-large`, with every
        problem of its entries as a finding, and UndeclaredNames with that fault where another code
        page could make it good. CodePageError where a name is no text of the page.
        """
        habits = Habits()
        names = ListedNames(config, page, habits)
        try:
            members = _members(self.fd, self.status.st_size, config, names, habits)
        except UserFault as fault:
            if names.is_any_undeclared and page is None and fault.code == "unsafe-archive":
                raise UndeclaredNamesError(fault) from fault
            raise
        return Archive(
            fd=self.fd,
            status=self.status,
            members=members,
            undeclared=names.undeclared,
            warnings=habits.warnings(),
        )


class UndeclaredNamesError(Exception):
    """A zip that cannot be unpacked as its names are usually read; `fault` says why."""

    def __init__(self, fault: UserFault) -> None:
        super().__init__(str(fault))
        self.fault = fault


@contextmanager
def open_zip(path: Path) -> Iterator[ZipFile]:
    """A file that may be a zip, open while the context lasts.

    Raises UserFault `not-a-zip` where it is no regular file, `unreadable-file`.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(path, flags)
    except PermissionError:
        raise refusal(
            "unreadable-file",
            "no-right-to-read",
            "The zip cannot be read: give the service the right to read it.",
            hint="Give the service the right to read it",
        ) from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise refusal(
                "not-a-zip",
                "no-regular-file",
                "The drop is not a regular file: drop a zip.",
                hint="Drop a zip",
            )
        yield ZipFile(fd=fd, status=status)
    finally:
        os.close(fd)


def _members(
    fd: int, zip_bytes: int, config: StagingConfig, names: ListedNames, habits: Habits
) -> tuple[Member, ...]:
    try:
        end = read_end(fd)
    except ZipEndError as error:
        raise _no_zip(error) from None
    problems = Problems()
    check_list(end, zip_bytes, config, problems)
    problems.raise_any()
    if end.is_marked_split:
        habits.note(Habit.SPLIT_MARK)
    if end.behind:
        habits.note(Habit.ZEROS_BEHIND if end.behind == "zeros" else Habit.LINE_END_BEHIND)
    named = names.read(fd, end, problems)
    _check_places(named, config, problems, habits)
    check_sizes((row for row, _ in named), zip_bytes, config, problems)
    members = _locate(Window(fd), named, end, problems)
    problems.raise_any()
    return members


def _check_places(
    named: list[tuple[Row, str | None]],
    config: StagingConfig,
    problems: Problems,
    habits: Habits,
) -> None:
    """No two entries for one place, and nothing but plain files and folders that we can read."""
    places = Places(problems)
    max_folders = max(config.max_files, _FEWEST_FOLDERS)
    max_folder_bytes = name_bytes_allowed(config)
    for row, name in named:
        if name is None:
            continue
        is_folder = name.endswith("/")
        if is_folder:
            places.add_folder(name[:-1])
        else:
            places.add_file(name)
        if places.folders > max_folders:
            what = f"the zip has more than {max_folders} folders"
            problems.refuse("too-many-folders", what, key="staging.max_files")
        if places.folder_bytes > max_folder_bytes:
            refuse_names(problems)
        is_plain = row.mode >> 12 in _PLAIN_KINDS and not row.flags & ENCRYPTED_FLAGS
        if is_folder or not is_plain or row.method not in _METHODS:
            _check_kind(row, name, problems, habits)
    places.finish()


def _check_kind(row: Row, name: str, problems: Problems, habits: Habits) -> None:
    kind = stat.S_IFMT(row.mode)
    is_folder = name.endswith("/")
    if kind == stat.S_IFLNK:
        problems.add(
            "symbolic-link",
            name,
            "is a symbolic link; a bag holds plain files only",
            hint="Replace the link by the file, make the bag again and zip it",
        )
    elif is_folder:
        if kind not in {0, stat.S_IFDIR}:
            habits.note(Habit.FOLDER_KIND, name)
    elif kind not in {0, stat.S_IFREG}:
        problems.add("special-file", name, "is neither a plain file nor a folder")
    if row.flags & ENCRYPTED_FLAGS:
        problems.add("encrypted", name, "is encrypted", hint="Make the zip without a password")
    elif row.method not in _METHODS:
        method = _OTHER_METHODS.get(row.method, f"number {row.method}")
        problems.add(
            "unknown-method", name, f"is packed by a method not read here: {method}", hint=_REPACK
        )
    if is_folder and row.size:
        problems.add("folder-with-content", name, "is a folder that is said to hold bytes")


def _locate(
    window: Window, named: list[tuple[Row, str | None]], end: EndRecord, problems: Problems
) -> tuple[Member, ...]:
    """The members in the order of their data; reports those whose data overlap."""
    named.sort(key=lambda pair: pair[0].header_offset)
    members = []
    free_from = 0
    for row, name in named:
        shown = row.shown_name() if name is None else name
        if row.header_offset < free_from or row.header_offset + 30 > end.directory_offset:
            problems.add("overlap", shown, _OVERLAP, hint=NEW_ZIP)
            continue
        start = data_offset(window, row)
        if isinstance(start, str):
            problems.add("header-mismatch", shown, start, hint=NEW_ZIP)
            continue
        free_from = start + row.packed_size
        if free_from > end.directory_offset:
            problems.add("overlap", shown, _OVERLAP, hint=NEW_ZIP)
        if name is not None:
            is_folder = name.endswith("/")
            plain = name[:-1] if is_folder else name
            members.append(
                Member(plain, is_folder, row.method, row.crc, row.size, row.packed_size, start)
            )
    return tuple(members)


_OVERLAP = "the entry's data overlap another entry's, or the zip's list"


def _no_zip(error: ZipEndError) -> UserFault:
    what, todo = "The drop is not a zip", "Zip the bag folder and drop the zip"
    if error.code == "incomplete-zip":
        what, todo = "The zip is not whole", "Drop it again once it is copied completely"
    return refusal(error.code, error.code, f"{what}: {error.reason}. {todo}.", hint=todo)
