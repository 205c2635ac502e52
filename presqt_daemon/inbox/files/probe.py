"""What a file in the inbox is, and what lies beside it: looked at without following anything."""

import contextlib
import errno
import fcntl
import os
import re
import signal

from presqt_daemon.inbox.files.stability import Content, Probe, Writer, sight_of
from presqt_daemon.inbox.files.whole_file import is_marked_whole
from presqt_daemon.tickets.claim_record import DropFile
from presqt_daemon.zips.end_record import HEAD_BYTES, ZipEndError, read_end

_RANDOM_PART = re.compile(r"[\w+-]{8}\.zip\.part")
_OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def open_file(name: str, folder: int) -> int:
    """A descriptor to read a file by its name in an open folder; waits for no pipe or lease."""
    return os.open(name, _OPEN_FLAGS, dir_fd=folder)


def probe_file(handle: int, *, sees_writers: bool) -> Probe:
    """Who writes to the open file, and what its first and last bytes say."""
    writer = writer_of(handle) if sees_writers else Writer.UNKNOWN
    head = os.pread(handle, HEAD_BYTES, 0)
    if not head:
        return Probe(writer=writer, content=Content.EMPTY, says="it is empty")
    try:
        read_end(handle)
    except ZipEndError as error:
        is_foreign = any(head[:4]) and head[:2] != b"PK"[: len(head)]
        content = Content.FOREIGN if is_foreign else Content.INCOMPLETE
        return Probe(writer=writer, content=content, says=error.reason)
    return Probe(
        writer=writer,
        content=Content.WHOLE,
        has_holes=_has_holes(handle),
        is_marked=is_marked_whole(handle),
    )


def _has_holes(handle: int) -> bool:
    """Whether blocks of the file were never written, as in a copy that several streams make.

    A copying tool may also leave them for zeros; so this makes a file wait, and never fail.
    """
    size = os.fstat(handle).st_size
    try:
        return os.lseek(handle, 0, os.SEEK_HOLE) < size
    except OSError:
        return False


def writer_of(handle: int) -> Writer:
    """Whether a process has the file open for writing.

    A read lease is granted only while nobody has; asking needs the file's owner or CAP_LEASE.
    The answer means nothing where other machines write too.
    """
    try:
        # An opener who comes in the moment of the lease sends its holder a signal; SIGIO, the
        # default, would end this process.
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return Writer.OPEN if error.errno == errno.EAGAIN else Writer.UNKNOWN
    fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return Writer.NONE


def file_beside(name: str, suffixes: tuple[str, ...], folder: int) -> DropFile | None:
    """The file whose name is this one and a suffix; None without.

    As `x.zip.part` grows beside the placeholder `x.zip` (`GROWING_SUFFIXES`), and as the control
    file of a download in pieces lies there until all have come (`CONTROL_SUFFIXES`).
    """
    for suffix in suffixes:
        try:
            return sight_of(os.stat(name + suffix, dir_fd=folder, follow_symlinks=False))
        except OSError:  # missing, or the name leaves no room
            continue
    return None


def part_file_of(name: str, folder: int) -> DropFile | None:
    """Of the parts of downloads that may become this file, the one that has grown last.

    Firefox names it after eight random characters, with or without the file's own name before them
    (its tests test_tempfilename); to see which one it is, the whole folder must be listed.
    """
    stem = name.rpartition(".")[0]
    found = []
    for other in os.listdir(folder):
        if other.endswith(".zip.part") and (
            other.startswith(f"{stem}.") or _RANDOM_PART.fullmatch(other)
        ):
            with contextlib.suppress(OSError):
                found.append(sight_of(os.stat(other, dir_fd=folder, follow_symlinks=False)))
    return max(found, key=lambda sight: sight.mtime_ns, default=None)
