"""Small files of a bag: each written, read back, compared and digested in one go."""

import os
from collections.abc import Iterable
from typing import NamedTuple

from presqt_daemon.digest import digest_bytes
from presqt_daemon.staging.folders import Creator
from presqt_daemon.system.files import write_all
from presqt_daemon.zips.directory import DEFLATED, STORED, Window
from presqt_daemon.zips.entries import Member
from presqt_daemon.zips.faults import check_crc
from presqt_daemon.zips.inflate import crc32, unpack_small

SMALL_BYTES = 256 << 10
"""Above, handing a file to other threads costs little beside its digests."""

_METHODS = (STORED, DEFLATED)


class Small(NamedTuple):
    """A file to write; `algorithms` are the digests it needs."""

    path: str
    member: Member
    algorithms: tuple[str, ...]


class Kept(NamedTuple):
    """What the disk holds of a file; `is_same` tells whether that is what the zip holds."""

    digests: dict[str, str]
    is_same: bool


def is_small(member: Member) -> bool:
    """Whether a member is unpacked in one piece; the other methods may need much memory."""
    return (
        member.size <= SMALL_BYTES
        and member.packed_size <= SMALL_BYTES
        and member.method in _METHODS
    )


def write_small(
    window: Window,
    creator: Creator,
    files: Iterable[Small],
    *,
    from_disk: bool = False,
) -> list[Kept]:
    """Write files and read them back, in order.

    `from_disk` reads back from the disk itself. Raises UserFault `incomplete-zip` for a file that
    is damaged in the zip, and OSError.
    """
    results = []
    create, take = creator.create, window.take
    for path, member, algorithms in files:
        packed = take(member.data_offset, member.packed_size)
        content = unpack_small(packed, member)
        check_crc(member.name, member.crc, crc32(content))
        fd = create(path)
        try:
            write_all(fd, content)
            if from_disk:
                os.fdatasync(fd)
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            back = os.pread(fd, member.size + 1, 0)
        finally:
            os.close(fd)
        digests = {name: digest_bytes(name, back) for name in algorithms}
        results.append(Kept(digests, back == content))
    return results
