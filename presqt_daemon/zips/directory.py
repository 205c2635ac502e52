"""A zip's central directory, entry by entry, and the local headers it points to."""

import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

from presqt_daemon.errors import UserFault
from presqt_daemon.findings import refusal
from presqt_daemon.zips.end_record import EndRecord
from presqt_daemon.zips.faults import shrunk
from presqt_daemon.zips.names import UTF8_FLAG, extra_field

_ROW = struct.Struct("<4sBBHHHLLLLHHHHHLL")
_ROW_SIGNATURE = b"PK\x01\x02"
_LOCAL = struct.Struct("<4s2xHH16xHH")
"""Signature, flags, method, lengths of name and extra field; the rest may be zero here."""

_LOCAL_SIGNATURE = b"PK\x03\x04"
_ZIP64 = 1
_LARGE = 0xFFFFFFFF
_DOS_FOLDER = 0x10
_BIG_BYTES = 32 << 10
_HEADER_BYTES = 2048
_BLOCK_BYTES = 1 << 20
_MAX_ROW_BYTES = _ROW.size + 3 * 0xFFFF
STORED, DEFLATED, BZIP2, LZMA = 0, 8, 12, 14
_WINDOW_BYTES = 256 << 10
ENCRYPTED_FLAGS = 0x1 | 0x40 | 0x2000


class Row(NamedTuple):
    """One entry as the central directory describes it; `mode` holds the Unix mode or 0.

    `extra` is there only where the name cannot be read without it. `creator` is the system that
    "version made by" tells, `is_dos_folder` the folder bit of its attributes.
    """

    raw_name: bytes
    extra: bytes
    flags: int
    method: int
    crc: int
    packed_size: int
    size: int
    header_offset: int
    mode: int
    creator: int
    is_dos_folder: bool

    def shown_name(self) -> str:
        """The name's bytes as text for a message, where it cannot be told how they read."""
        return self.raw_name.decode("utf-8", "surrogateescape")


class Window:
    """Gives any range of an open file; neighbours come from one read. For one thread."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._start = 0
        self._block = b""

    def take(self, offset: int, count: int) -> bytes:
        """Exactly `count` bytes. Raises UserFault `incomplete-zip` when the file ends before."""
        block, start = self.find(offset, count)
        return block[start : start + count]

    def find(self, offset: int, count: int, ahead: int | None = None) -> tuple[bytes, int]:
        """A block that holds `count` bytes, and where in it they begin.

        `ahead` (bytes) is how much to read when they are not at hand. Raises UserFault
        `incomplete-zip` when the file ends before.
        """
        start = offset - self._start
        if start < 0 or start + count > len(self._block):
            self._start = offset
            self._block = os.pread(self.fd, max(count, ahead or _WINDOW_BYTES), offset)
            start = 0
            if len(self._block) < count:
                raise shrunk()
        return self._block, start


def read_directory(fd: int, end: EndRecord) -> Iterator[Row]:
    """Every entry in the order of the directory (APPNOTE.TXT 4.3.12).

    The end record counts modulo 65,536 where `end.may_be_more`; the directory is followed to its
    end then, and has to agree. Raises UserFault `not-a-zip` when the directory is torn.
    """
    block, start, next_block = b"", 0, end.directory_offset
    unpack = _ROW.unpack_from
    count = 0
    while count < end.entries or (end.may_be_more and next_block - len(block) + start < end.offset):
        count += 1
        if len(block) - start < _MAX_ROW_BYTES and next_block < end.offset:
            more = os.pread(fd, min(_BLOCK_BYTES, end.offset - next_block), next_block)
            if not more:
                raise shrunk()
            next_block += len(more)
            block, start = block[start:] + more, 0
        if start + _ROW.size > len(block):
            raise _torn()
        (
            signature, _, creator, _, flags, method, _, crc, packed_size, size,
            name_bytes, extra_bytes, comment_bytes, disk, _, attributes, header_offset,
        ) = unpack(block, start)  # fmt: skip
        start += _ROW.size
        name_end = start + name_bytes
        extra_end = name_end + extra_bytes
        raw_name, extra = block[start:name_end], block[name_end:extra_end]
        start = extra_end + comment_bytes
        if signature != _ROW_SIGNATURE or start > len(block):
            raise _torn()
        if _LARGE in {size, packed_size, header_offset} or disk == 0xFFFF:
            size, packed_size, header_offset, disk = _large(
                extra, size, packed_size, header_offset, disk
            )
        if disk:
            raise refusal(
                "not-a-zip",
                "zip-split",
                "The file is a part of a split zip: make one whole zip and drop that.",
                hint="Make one whole zip",
                expected="0",
                found=str(disk),
            )
        is_clear = flags & UTF8_FLAG or raw_name.isascii()
        yield Row(
            raw_name, b"" if is_clear else extra, flags, method, crc, packed_size, size,
            header_offset, attributes >> 16, creator, attributes & _DOS_FOLDER != 0,
        )  # fmt: skip
    if start != len(block) or next_block != end.offset or (count - end.entries) % 0x10000:
        raise _torn()


def data_offset(window: Window, row: Row) -> int | str:
    """Where an entry's data begin; a clause that says how its local header contradicts."""
    ahead = None if row.packed_size < _BIG_BYTES else _HEADER_BYTES
    block, start = window.find(row.header_offset, _LOCAL.size + len(row.raw_name), ahead)
    signature, flags, method, name_bytes, extra_bytes = _LOCAL.unpack_from(block, start)
    if signature != _LOCAL_SIGNATURE:
        return "the zip holds no entry where its list says"
    if name_bytes != len(row.raw_name) or not block.startswith(row.raw_name, start + _LOCAL.size):
        return "the entry has another name than in the zip's list"
    if method != row.method or (flags ^ row.flags) & ENCRYPTED_FLAGS:
        return "the entry is packed in another way than the zip's list says"
    offset: int = row.header_offset + _LOCAL.size + name_bytes + extra_bytes
    return offset


def _large(
    extra: bytes, size: int, packed_size: int, header_offset: int, disk: int
) -> tuple[int, int, int, int]:
    """The four values, those that did not fit taken from the zip64 field (APPNOTE.TXT 4.5.3)."""
    field = extra_field(extra, _ZIP64) or b""
    values = []
    for value, limit, width in (
        (size, _LARGE, 8),
        (packed_size, _LARGE, 8),
        (header_offset, _LARGE, 8),
        (disk, 0xFFFF, 4),
    ):
        if value == limit:
            if len(field) < width:
                raise _torn()
            value = int.from_bytes(field[:width], "little")
            field = field[width:]
        values.append(value)
    return values[0], values[1], values[2], values[3]


def _torn() -> UserFault:
    return refusal(
        "not-a-zip",
        "list-torn",
        "The zip's list of entries is damaged: make the zip again and drop it again.",
        hint="Make the zip again",
    )
