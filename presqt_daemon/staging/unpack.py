"""A bag's members on disk, each read back and digested: one pass over the zip.

Many small files are shared with helper processes; large ones are digested by threads behind the
writer.
"""

import errno
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path

from presqt_daemon.staging.folders import Creator, make_folders
from presqt_daemon.staging.readback import Growing, Lanes
from presqt_daemon.staging.second_writer import SecondWriter
from presqt_daemon.staging.small import Kept, OnWritten, Small, is_small, write_small
from presqt_daemon.system.files import write_all
from presqt_daemon.zips.directory import STORED
from presqt_daemon.zips.entries import Archive, Member
from presqt_daemon.zips.faults import damaged, shrunk
from presqt_daemon.zips.inflate import DamagedError, unpacked
from presqt_daemon.zips.window import Window

BATCH_FILES = 100
_BATCH_BYTES = 1 << 20
_COPY_BYTES = 8 << 20
_NO_COPY = frozenset({errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP})


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpackJob:
    """What to unpack where. Paths are relative to the bag root.

    `algorithms` says which digests a file needs, sorted; `shared` gives them as they are kept;
    `progress` hears bytes and files done since it was called last. Helpers do nothing for a job
    with `on_written`.
    """

    archive: Archive
    members: Mapping[str, Member]
    folders: frozenset[str]
    destination: Path
    mode: int
    algorithms: Callable[[str], tuple[str, ...]]
    shared: Callable[[str, dict[str, str]], dict[str, str]]
    progress: Callable[[int, int], None]
    from_disk: bool = False
    helpers: tuple[SecondWriter, ...] = ()
    on_written: OnWritten | None = None


@dataclass(slots=True, kw_only=True)
class Unpacked:
    """What the disk holds: digests by path, and the paths whose bytes are not those of the zip."""

    digests: dict[str, dict[str, str]] = field(default_factory=dict)
    spoilt: list[str] = field(default_factory=list)


def unpack(job: UnpackJob) -> Unpacked:
    """Write every member and take its digests from what was written.

    Raises UserFault `incomplete-zip` for a member that is damaged in the zip, HouseFault
    `worker-died` when a helper is gone, and OSError.
    """
    result = Unpacked()
    small: list[Small] = []
    large: list[Small] = []
    for path, member in job.members.items():
        (small if is_small(member) else large).append(Small(path, member, job.algorithms(path)))
    with ExitStack() as stack:
        root = make_folders(job.destination, job.mode, job.folders)
        stack.callback(os.close, root)
        _write_all_small(job, root, small, result)
        creator = stack.enter_context(Creator(root, job.mode))
        _write_all_large(job, creator, large, result)
    job.archive.check_unchanged()
    return result


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


def _write_all_small(job: UnpackJob, root: int, files: Sequence[Small], result: Unpacked) -> None:
    """Write the files batch by batch; whoever has time takes the next one."""
    left = deque(_batches(files))
    with Creator(root, job.mode) as creator:
        window = Window(job.archive.fd)
        given: dict[object, tuple[SecondWriter, deque[Sequence[Small]]]] = {}
        for helper in job.helpers if job.on_written is None else ():
            helper.work_in(job.destination, job.mode, from_disk=job.from_disk)
            given[helper.channel] = (helper, deque())
            # One batch is worked on, the other waits: a helper is never idle for the answer's way.
            for _ in range(min(2, len(left))):
                helper.send(left[0])
                given[helper.channel][1].append(left.popleft())
        while left or any(batches for _, batches in given.values()):
            busy = [channel for channel, (_, batches) in given.items() if batches]
            for channel in wait(busy, 0 if left else None) if busy else ():  # type: ignore[arg-type]
                helper, batches = given[channel]
                _note_small(job, batches.popleft(), helper.receive(), result)
                if left:
                    helper.send(left[0])
                    batches.append(left.popleft())
            if left:
                batch = left.popleft()
                kept = write_small(
                    window, creator, batch, from_disk=job.from_disk, on_written=job.on_written
                )
                _note_small(job, batch, kept, result)


def _note_small(job: UnpackJob, batch: Sequence[Small], kept: list[Kept], result: Unpacked) -> None:
    total, digests, shared = 0, result.digests, job.shared
    for (path, member, _), (found, is_same) in zip(batch, kept, strict=True):
        digests[path] = shared(path, found)
        if not is_same:
            result.spoilt.append(path)
        total += member.size
    job.progress(total, len(batch))


def _write_all_large(
    job: UnpackJob, creator: Creator, files: Sequence[Small], result: Unpacked
) -> None:
    if not files:
        return
    with Lanes(from_disk=job.from_disk) as lanes:
        for path, member, names in files:
            _write_large(
                job, lanes, lanes.begin(path, creator.create(path), member.size, names), member
            )
        for path, back in lanes.finish().items():
            member = job.members[path]
            result.digests[path] = job.shared(path, back.digests)
            if back.crc != member.crc or back.size != member.size:
                result.spoilt.append(path)


def _write_large(job: UnpackJob, lanes: Lanes, growing: Growing, member: Member) -> None:
    """Write a file block by block while the lanes read it back."""
    if member.method == STORED and _copy(job, lanes, growing, member):
        written = member.size
    else:
        written = 0
        try:
            for block in unpacked(job.archive.fd, member):
                write_all(growing.fd, block)
                written += len(block)
                if written < member.size:
                    _note(job, lanes, growing, len(block))
        except DamagedError as error:
            raise damaged(member.name, str(error)) from error
    if job.on_written is not None:
        job.on_written(growing.path, growing.fd)
    _note(job, lanes, growing, written - growing.written)
    lanes.complete(growing)
    job.progress(0, 1)


def _copy(job: UnpackJob, lanes: Lanes, growing: Growing, member: Member) -> bool:
    """Copy stored bytes inside the kernel; False when it cannot, with nothing written."""
    done = 0
    while done < member.size:
        try:
            count = os.copy_file_range(
                job.archive.fd,
                growing.fd,
                min(_COPY_BYTES, member.size - done),
                offset_src=member.data_offset + done,
            )
        except OSError as error:
            if error.errno in _NO_COPY and not done:
                return False
            raise
        if not count:
            raise shrunk()
        done += count
        if done < member.size:
            _note(job, lanes, growing, count)
    return True


def _note(job: UnpackJob, lanes: Lanes, growing: Growing, count: int) -> None:
    lanes.wrote(growing, count)
    job.progress(count, 0)
