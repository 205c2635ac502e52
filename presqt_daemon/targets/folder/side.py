"""The hidden folder beside the deposits in which one ticket works: its mark and what is unfinished.

`<archive>/.presqt-<ticket>/` lies on the deposits' file system, so that a finished file gets its
place by a link or a rename, and a half one is never seen there. Others may write in the archive:
the folder is worked in by its descriptor alone, no name in it is followed through a link, and one
that is not the service's own, or that others may write in, is refused.
"""

import contextlib
import errno
import itertools
import json
import os
import secrets
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from presqt_daemon.errors import TargetFault
from presqt_daemon.system.untrusted_json import UntrustedJsonError, read_untrusted_json
from presqt_daemon.targets.folder import PREFIX
from presqt_daemon.targets.folder.owned import is_title, open_owned

_MARK = "container.json"
_TOUCHED = "touched.jsonl"
_PUT = "put-"
_NEW = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_NOTE_BYTES = 64 << 20
_MAX_MARK_BYTES = 64 << 10

_NOT_OURS = frozenset({errno.ELOOP, errno.ENXIO, errno.EACCES, errno.EPERM})
"""What a link, a socket, or a file that is closed to us says when it is opened."""

Spoilt = Callable[[str], Exception]
"""Makes the error for a note of this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SideMark:
    """The container that a ticket makes: its title, and its inode once it has been made.

    The inode tells it from another of that title.
    `noted_ns` is when the note was written, by the archive's own clock.
    """

    title: str
    inode: int | None = None
    noted_ns: int = 0


class SideFolder:
    """One ticket's working place, made when it is first needed."""

    def __init__(self, root: int, ticket: str, target: str) -> None:
        self.name = f"{PREFIX}{ticket}"
        self._root = root
        self._target = target
        self.handle = -1
        """The folder's descriptor, once it is open."""
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._touched: set[PurePosixPath] = set()
        self._notes: int | None = None

    def open(self) -> None:
        """Make it, or take over what an earlier go has left; half files of that are removed.

        Raises TargetFault where somebody has put another in its place or spoilt a note in it.
        """
        self.handle = open_owned(self._root, self.name, self._target)
        self._drop_puts()
        content = read_note(self.handle, _TOUCHED, _MAX_NOTE_BYTES, self._spoilt)
        for line in (content or b"").splitlines(keepends=True):
            # the last one may be torn by a crash
            if line.endswith(b"\n"):
                self._touched.add(self._path_from(line))

    def read_mark(self) -> SideMark | None:
        """The mark of an earlier go, None without one. Raises TargetFault where it is spoilt."""
        content = read_note(self.handle, _MARK, _MAX_MARK_BYTES, self._spoilt)
        if content is None:
            return None
        mark = mark_from(content)
        if mark is None:
            if _is_torn(content):
                return None
            raise self._spoilt(_MARK)
        # a power loss may leave the file its new time without the line; its name has the intent's
        times = (os.stat(_MARK, dir_fd=self.handle, follow_symlinks=False), os.fstat(self.handle))
        noted = min(status.st_mtime_ns for status in times)
        return SideMark(title=mark.title, inode=mark.inode, noted_ns=noted)

    def write_intent(self, title: str) -> None:
        """Note durably what is to be made.

        It is written under its name, not moved there: so one sync keeps it, its name and the name
        of this folder (see `tickets`).
        """
        self.drop_mark()
        handle = os.open(_MARK, os.O_WRONLY | _NEW, 0o600, dir_fd=self.handle)
        with open(handle, "wb") as stream:
            stream.write(_line_from(SideMark(title=title)))
            stream.flush()
            os.fsync(handle)

    def write_made(self, title: str, inode: int) -> SideMark:
        """Note what has been made, behind the intent; it may be lost, and torn, with the power.

        Nothing is put there before the ticket's journal has noted the same durably, and until then
        an empty folder is known by the intent alone.
        """
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(_MARK, flags, dir_fd=self.handle)
        with open(handle, "wb") as stream:
            mark = SideMark(title=title, inode=inode)
            stream.write(b"\n" + _line_from(mark))
        return mark

    def drop_mark(self) -> None:
        """Forget the intent: the title was another's."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_MARK, dir_fd=self.handle)

    def new_file(self) -> tuple[str, int]:
        """Name and descriptor of a new unfinished file."""
        # by chance too: a name that somebody has taken would look like a file that is there already
        name = f"{_PUT}{next(self._numbers)}-{secrets.token_hex(8)}"
        return name, os.open(name, os.O_RDWR | _NEW, 0o600, dir_fd=self.handle)

    def drop_file(self, name: str) -> None:
        """Remove an unfinished file."""
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=self.handle)

    def touch(self, folder: PurePosixPath) -> None:
        """Note that a folder of the container has new names, for the commit.

        The note outlives the process, as the names do, but not a power loss, as the names may not.
        """
        with self._lock:
            if folder in self._touched:
                return
            if self._notes is None:
                self._notes = self._open_notes()
            os.write(self._notes, f"{json.dumps(str(folder))}\n".encode())
            self._touched.add(folder)

    def touched(self) -> list[PurePosixPath]:
        """The folders with new names, deepest first."""
        with self._lock:
            return sorted(self._touched, key=lambda path: -len(path.parts))

    def close(self, *, is_done: bool) -> None:
        """Remove it when all is done, else only what no later go can use."""
        if self.handle < 0:
            return
        try:
            if is_done:
                for name in os.listdir(self.handle):
                    os.unlink(name, dir_fd=self.handle)
            else:
                self._drop_puts()
            # what stands under the name by now may be another's, but an empty folder is no loss
            os.rmdir(self.name, dir_fd=self._root)
        finally:
            if self._notes is not None:
                os.close(self._notes)
            os.close(self.handle)
            self.handle = -1

    def _open_notes(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        handle = os.open(_TOUCHED, flags | os.O_CLOEXEC, 0o600, dir_fd=self.handle)
        if not _is_plain(os.fstat(handle)):
            os.close(handle)
            raise self._spoilt(_TOUCHED)
        return handle

    def _path_from(self, line: bytes) -> PurePosixPath:
        try:
            text = read_untrusted_json(line)
        except UntrustedJsonError:
            raise self._spoilt(_TOUCHED) from None
        if not isinstance(text, str) or "\0" in text:
            raise self._spoilt(_TOUCHED)
        path = PurePosixPath(text)
        if path.is_absolute() or ".." in path.parts:
            raise self._spoilt(_TOUCHED)
        return path

    def _spoilt(self, name: str) -> TargetFault:
        return TargetFault(
            "target-misbehaved",
            f"{self._target}: the service's own note {self.name}/{name} has been spoilt by "
            "somebody who may write there. Nothing is sent on the word of it: look at the deposit, "
            f"remove the folder {self.name}, and retry.",
        )

    def _drop_puts(self) -> None:
        for name in os.listdir(self.handle):
            if name.startswith(_PUT):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=self.handle)


def wanted_title(root: int, name: str) -> str | None:
    """The title in the mark of another ticket's side folder, None where it says nothing."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        side = os.open(name, flags, dir_fd=root)
    except OSError:
        return None
    try:
        content = read_note(side, _MARK, _MAX_MARK_BYTES, OSError)
    except OSError:
        return None
    finally:
        os.close(side)
    mark = None if content is None else mark_from(content)
    return None if mark is None else mark.title


def mark_from(content: bytes) -> SideMark | None:
    """The last mark that a note holds, None for one that we cannot have written.

    Earlier versions wrote one, over several lines.
    """
    whole, _, _torn = content.rpartition(b"\n")
    for text in (*reversed(whole.split(b"\n")), content):
        mark = _mark_from(text)
        if mark is not None:
            return mark
    return None


def _is_torn(content: bytes) -> bool:
    """Whether a crash may have left this of an intent: then it was not synced, and nothing made."""
    try:
        read_untrusted_json(content)
    except UntrustedJsonError:
        return b"\n" not in content
    return False


def _line_from(mark: SideMark) -> bytes:
    tree = {"title": mark.title, "inode": mark.inode}
    return json.dumps(tree, ensure_ascii=False).encode() + b"\n"


def _mark_from(text: bytes) -> SideMark | None:
    try:
        tree = read_untrusted_json(text)
    except UntrustedJsonError:
        return None
    if not isinstance(tree, dict):
        return None
    title, inode = tree.get("title"), tree.get("inode")
    is_number = inode is None or (isinstance(inode, int) and not isinstance(inode, bool))
    if not isinstance(title, str) or not is_title(title) or not is_number:
        return None
    return SideMark(title=title, inode=inode)


def read_note(side: int, name: str, most: int, spoilt: Spoilt) -> bytes | None:
    """The bytes of a note, None without one; raises what `spoilt` makes of its name.

    Spoilt is what we cannot have left there: a link, a pipe, a folder, a file with a second name.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(name, flags, dir_fd=side)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno not in _NOT_OURS:
            raise
        raise spoilt(name) from error
    try:
        status = os.fstat(handle)
        if not _is_plain(status) or status.st_size > most:
            raise spoilt(name)
        with open(handle, "rb", closefd=False) as stream:
            return stream.read(most)
    finally:
        os.close(handle)


def _is_plain(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1
