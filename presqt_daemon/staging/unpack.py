"""A bag's members on disk, each read back and digested: one pass over the zip.

Many small files are shared with helper processes; large ones are digested by threads behind the
writer.
"""

import errno
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path

from presqt_daemon.config import StagingConfig
from presqt_daemon.model import Finding
from presqt_daemon.staging.folders import Creator, make_folders
from presqt_daemon.staging.preview import PAYLOAD, BagPreview
from presqt_daemon.staging.readback import Lanes
from presqt_daemon.staging.second_writer import SecondWriter
from presqt_daemon.staging.small import Kept, Small, is_small, write_small
from presqt_daemon.system.files import write_all
from presqt_daemon.zips.directory import STORED, Window
from presqt_daemon.zips.entries import Archive, Member
from presqt_daemon.zips.faults import shrunk
from presqt_daemon.zips.inflate import unpacked

BATCH_FILES = 100
_BATCH_BYTES = 1 << 20
_COPY_BYTES = 8 << 20
_NO_COPY = frozenset({errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP})


Digests = dict[str, dict[str, str]]
"""By path relative to the bag, then by algorithm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How a bag is written. `folder` is not there yet; `mode` is that of files.

    `algorithm` is wanted of payload files beside those of the manifests. `began` hears the number
    of each attempt and why it is made, `progress` bytes and files done since it was called last,
    `alive` that blocks of the zip are read, `refused` what is wrong with an invalid bag while it is
    on disk.
    """

    folder: Path
    mode: int
    config: StagingConfig
    algorithm: str | None = None
    began: Callable[[int, str], None] = lambda *_: None
    progress: Callable[[int, int], None] = lambda *_: None
    alive: Callable[[], None] = lambda: None
    refused: Callable[[tuple[Finding, ...]], None] = lambda *_: None
    helpers: tuple[SecondWriter, ...] = ()

    @property
    def from_disk(self) -> bool:
        """Whether files are read back from the disk itself, not from the page cache."""
        return self.config.read_back == "disk"


@dataclass(slots=True, kw_only=True)
class Unpacked:
    """What the disk holds: digests by path, and the paths whose bytes are not those of the zip."""

    digests: Digests = field(default_factory=dict)
    spoilt: list[str] = field(default_factory=list)


def unpack(archive: Archive, bag: BagPreview, how: Writing) -> Unpacked:
    """Write every member of a bag and take its digests from what was written.

    Raises UserFault `incomplete-zip` for a member that is damaged in the zip, HouseFault
    `worker-died` when a helper is gone, and OSError.
    """
    with ExitStack() as stack:
        root = make_folders(how.folder, how.mode, bag.folders)
        stack.callback(os.close, root)
        creator = stack.enter_context(Creator(root, how.mode))
        job = _Unpacking(archive, bag, how, creator)
        small, large = job.files()
        job.write_all_small(small)
        if large:
            job.write_all_large(large)
    archive.check_unchanged()
    return job.result


class _Unpacking:
    """One pass over the zip, that writes into an open folder."""

    def __init__(self, archive: Archive, bag: BagPreview, how: Writing, creator: Creator) -> None:
        self.archive, self.bag, self.how, self.creator = archive, bag, how, creator
        self.result = Unpacked()

    def files(self) -> tuple[list[Small], list[Small]]:
        """Small files and large ones; each with the digests that it needs, sorted."""
        small: list[Small] = []
        large: list[Small] = []
        kinds: dict[frozenset[str], tuple[str, ...]] = {}
        target = frozenset(filter(None, [self.how.algorithm]))
        for path, member in self.bag.members.items():
            needed = self.bag.structure.needed(path)
            if path.startswith(PAYLOAD):
                needed |= target
            if needed not in kinds:
                kinds[needed] = tuple(sorted(needed))
            (small if is_small(member) else large).append(Small(path, member, kinds[needed]))
        return small, large

    def write_all_small(self, files: Sequence[Small]) -> None:
        """Write the files batch by batch; whoever has time takes the next one."""
        how, left = self.how, deque(_batches(files))
        window = Window(self.archive.fd)
        helpers: dict[object, SecondWriter] = {helper.channel: helper for helper in how.helpers}
        for helper in how.helpers:
            helper.work_in(how.folder, how.mode, from_disk=how.from_disk)
            # One batch is worked on, the other waits: a helper is never idle for the answer's way.
            for _ in range(min(2, len(left))):
                helper.send(left.popleft())
        while left or any(helper.given for helper in how.helpers):
            busy = [helper.channel for helper in how.helpers if helper.given]
            for channel in wait(busy, 0 if left else None) if busy else ():
                self._note_small(*helpers[channel].receive())
                if left:
                    helpers[channel].send(left.popleft())
            if left:
                batch = left.popleft()
                kept = write_small(window, self.creator, batch, from_disk=how.from_disk)
                self._note_small(batch, kept)

    def _note_small(self, batch: Sequence[Small], kept: list[Kept]) -> None:
        for (path, _, _), (digests, is_same) in zip(batch, kept, strict=True):
            self._note_file(path, digests, is_same=is_same)
        self.how.progress(sum(file.member.size for file in batch), len(batch))

    def _note_file(self, path: str, digests: dict[str, str], *, is_same: bool) -> None:
        self.result.digests[path] = self.bag.structure.shared(path, digests)
        if not is_same:
            self.result.spoilt.append(path)

    def write_all_large(self, files: Sequence[Small]) -> None:
        """Write the files one by one, while they are read back."""
        with Lanes(from_disk=self.how.from_disk) as lanes:
            for path, member, names in files:
                growing = lanes.begin(path, self.creator.create(path), member.size, names)
                for count in self._pieces(growing.fd, member):
                    lanes.wrote(growing, count)
                    self.how.progress(count, 0)
                lanes.complete(growing)
                self.how.progress(0, 1)
            for back in lanes.finish():
                member = self.bag.members[back.path]
                is_same = back.crc == member.crc and back.size_read == member.size
                self._note_file(back.path, back.digests, is_same=is_same)

    def _pieces(self, fd: int, member: Member) -> Iterator[int]:
        """Write a file piece by piece, their bytes; stored ones are copied inside the kernel."""
        done = 0
        try:
            while member.method == STORED and done < member.size:
                count = os.copy_file_range(
                    self.archive.fd,
                    fd,
                    min(_COPY_BYTES, member.size - done),
                    offset_src=member.data_offset + done,
                )
                if not count:
                    raise shrunk()
                done += count
                yield count
        except OSError as error:
            if error.errno not in _NO_COPY or done:
                raise
        if not done:
            for block in unpacked(self.archive.fd, member):
                write_all(fd, block)
                yield len(block)


def _batches(files: Sequence[Small]) -> Iterator[Sequence[Small]]:
    """Neighbours in the zip, so many that handing them over costs little."""
    start = total = 0
    for index, file in enumerate(files):
        if index - start >= BATCH_FILES or total > _BATCH_BYTES:
            yield files[start:index]
            start, total = index, 0
        total += file.member.size
    if start < len(files):
        yield files[start:]
