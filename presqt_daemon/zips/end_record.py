"""Whether a file is one whole zip, judged strictly by its end record; and what else it may be."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

HEAD_BYTES = 512
"""What `describe_head` wants to see of a file."""

_LOCAL_SIGNATURE = b"PK\x03\x04"
_LOCAL_BYTES = 30
_DIRECTORY_SIGNATURE = b"PK\x01\x02"
_END_SIGNATURE = b"PK\x05\x06"
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_LOCATOR_SIGNATURE = b"PK\x06\x07"
_END64 = struct.Struct("<4sQ2H2L4Q")
_END64_SIGNATURE = b"PK\x06\x06"
_SPLIT_MARKS = frozenset({b"PK\x07\x08", b"PK00"})
_MAX_COMMENT_BYTES = 0xFFFF
_MAX_ZEROS_BEHIND = 64 << 10
_DIRECTORY_ENTRY_BYTES = 46
_WRAPPED_BYTES = 0x10000 * _DIRECTORY_ENTRY_BYTES

_HEADS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x1f\x8b", "a gzip file (.gz, .tgz)"),
    (0, b"BZh", "a bzip2 file"),
    (0, b"\xfd7zXZ\x00", "an xz file"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"GIF8", "a GIF picture"),
    (0, b"\xd0\xcf\x11\xe0", "an old Office document"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"CDF\x01", "a NetCDF file"),
    (0, b"MZ", "a Windows program, perhaps a self-extracting archive"),
    (0, b"\x7fELF", "a program"),
    (0, b"PK\x07\x08", "a part of a split zip"),
    (0, b"PK00", "a part of a split zip"),
    (0, b"BagIt-Version", "a loose bagit.txt"),
    (0, b"<!DOCTYPE", "a web page"),
    (0, b"<!doctype", "a web page"),
    (0, b"<html", "a web page"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRecord:
    """Where a zip's central directory is. All figures in bytes from the file's start.

    `offset` is where the end records begin: the directory ends exactly there. `may_be_more`: the
    count has 16 bits and the list is long enough for 65,536 entries more, as old Finders write.
    `behind` says what stands behind the end record; `is_marked_split`, that the mark of a split
    zip stands in front of the first entry.
    """

    offset: int
    entries: int
    directory_offset: int
    directory_size: int
    may_be_more: bool = False
    is_marked_split: bool = False
    behind: Literal["", "zeros", "line end"] = ""

    @property
    def most_entries(self) -> int:
        """The largest number of entries that the directory has room for and the count allows."""
        if not self.may_be_more:
            return self.entries
        room = self.directory_size // _DIRECTORY_ENTRY_BYTES
        return self.entries + max(0, room - self.entries) // 0x10000 * 0x10000


_OLD_FINDER = (
    "; an old Finder writes such zips above 4 GB: make it with `zip -r` in the Terminal instead"
)


class ZipEndError(Exception):
    """The file is not one whole zip; `reason` is a clause such as "the end record is missing"."""

    def __init__(self, code: Literal["not-a-zip", "incomplete-zip"], reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def read_end(fd: int) -> EndRecord:
    """The end record of a zip that fills its file from the first byte to the last.

    The end record ends at the file's end, the central directory lies directly before it and a
    local header at the very start; so neither a prefix that ends behind a stored inner zip, nor
    joined zips, nor anything before or behind a zip pass. Two habits of makers are let through:
    the mark of a split zip before the first entry (APPNOTE.TXT 8.5.4 and 8.5.5), and at most
    64 KiB of zero bytes, or one line end, behind the end record. Leaves the file position alone.

    Raises ZipEndError: `incomplete-zip` for what more bytes could make whole, else `not-a-zip`.
    """
    size = os.fstat(fd).st_size
    is_marked = _check_head(os.pread(fd, HEAD_BYTES, 0))
    tail_offset = max(0, size - _END.size - _MAX_COMMENT_BYTES - _MAX_ZEROS_BEHIND)
    tail = _read_exactly(fd, tail_offset, size - tail_offset)
    found: list[EndRecord] = []
    problem: ZipEndError | None = None
    for index, behind in _ends(tail):
        try:
            record = _end_at(fd, tail, index, tail_offset + index)
            found.append(replace(record, behind=behind, is_marked_split=is_marked))
        except ZipEndError as error:
            problem = problem or error
    if len(found) > 1:
        raise ZipEndError("not-a-zip", "the zip has two end records that contradict each other")
    if found:
        return found[0]
    if problem is None:
        is_followed = _END_SIGNATURE in tail
        problem = ZipEndError(
            "incomplete-zip",
            "other bytes follow the zip's end record"
            if is_followed
            else "the zip's end record is missing, as if the file were cut short",
        )
    raise problem


def describe_head(head: bytes) -> str | None:
    """What a file that is no zip looks like, from its first bytes; None when nothing is known.

    A noun with its article, such as "a tar archive".
    """
    for offset, signature, name in _HEADS:
        if head[offset : offset + len(signature)] == signature:
            return name
    return None


def _check_head(head: bytes) -> bool:
    """Whether the mark of a split zip stands before the first entry; raises for what is no zip."""
    if not head:
        raise ZipEndError("incomplete-zip", "the file is empty")
    if head[:4] in {_LOCAL_SIGNATURE, _END_SIGNATURE}:
        return False
    if head[:4] in _SPLIT_MARKS and head[4:8] == _LOCAL_SIGNATURE:
        return True
    if len(head) < 4 and _LOCAL_SIGNATURE.startswith(head):
        raise ZipEndError("incomplete-zip", "the file is cut short after its first bytes")
    if not any(head[:_LOCAL_BYTES]):
        raise ZipEndError("incomplete-zip", "the file begins with a gap of empty bytes")
    what = describe_head(head)
    raise ZipEndError(
        "not-a-zip", f"it is {what}" if what else "it does not begin with a zip's first entry"
    )


def _ends(tail: bytes) -> Iterator[tuple[int, Literal["", "zeros", "line end"]]]:
    """Where end records begin that end at the file's end, and what stands behind them.

    The last one comes first. Nothing may stand there but zero bytes or one line end.
    """
    index = len(tail)
    zeros_from = max(len(tail.rstrip(b"\0")), len(tail) - _MAX_ZEROS_BEHIND)
    while (index := tail.rfind(_END_SIGNATURE, 0, index)) >= 0:
        if index + _END.size <= len(tail):
            comment_bytes = int.from_bytes(tail[index + 20 : index + 22], "little")
            stop = index + _END.size + comment_bytes
            if stop == len(tail):
                yield index, ""
            elif zeros_from <= stop < len(tail):
                yield index, "zeros"
            elif len(tail) - 2 <= stop < len(tail) and tail[stop:] in {b"\n", b"\r\n"}:
                yield index, "line end"


def _end_at(fd: int, tail: bytes, index: int, offset: int) -> EndRecord:
    _, disk, first_disk, here, entries, size, start, _ = _END.unpack_from(tail, index)
    plain = (disk, first_disk, here, entries, size, start)
    end64 = _end64_before(fd, offset)
    if end64 is not None:
        offset, large = end64
        limits = (0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
        for small_value, large_value, limit in zip(plain, large, limits, strict=True):
            if small_value not in {large_value, limit}:
                raise ZipEndError("not-a-zip", "the zip's two end records contradict each other")
        disk, first_disk, here, entries, size, start = large
    if disk or first_disk or here != entries:
        raise ZipEndError("not-a-zip", "it is a part of a split zip")
    if start + size != offset:
        is_large = end64 is None and offset - start - size >= 1 << 32
        raise ZipEndError(
            "incomplete-zip",
            "the zip's list of entries does not lie directly before its end record"
            + (_OLD_FINDER if is_large else ""),
        )
    may_be_more = end64 is None and size - entries * _DIRECTORY_ENTRY_BYTES >= _WRAPPED_BYTES
    if entries * _DIRECTORY_ENTRY_BYTES > size or (size and not entries and not may_be_more):
        raise ZipEndError("not-a-zip", "the zip's list of entries has not the size it says")
    if entries and os.pread(fd, 4, start) != _DIRECTORY_SIGNATURE:
        raise ZipEndError("incomplete-zip", "the zip's list of entries is not where the zip says")
    if not entries and not may_be_more and start:
        raise ZipEndError("not-a-zip", "the zip lists no entries, but holds other bytes")
    return EndRecord(
        offset=offset,
        entries=entries,
        directory_offset=start,
        directory_size=size,
        may_be_more=may_be_more,
    )


def _end64_before(fd: int, offset: int) -> tuple[int, tuple[int, ...]] | None:
    """Offset and values of the zip64 end record that belongs to the end record at `offset`."""
    if offset < _LOCATOR.size + _END64.size:
        return None
    row = _read_exactly(fd, offset - _LOCATOR.size, _LOCATOR.size)
    signature, _, start, _ = _LOCATOR.unpack(row)
    if signature != _LOCATOR_SIGNATURE or start > offset - _LOCATOR.size - _END64.size:
        return None
    row = _read_exactly(fd, start, _END64.size)
    signature, size, _, _, disk, first_disk, here, entries, length, first = _END64.unpack(row)
    if signature != _END64_SIGNATURE or start + 12 + size != offset - _LOCATOR.size:
        return None
    return start, (disk, first_disk, here, entries, length, first)


def _read_exactly(fd: int, offset: int, count: int) -> bytes:
    parts = []
    while count:
        part = os.pread(fd, count, offset)
        if not part:
            raise ZipEndError("incomplete-zip", "the file became shorter while it was read")
        parts.append(part)
        offset += len(part)
        count -= len(part)
    return b"".join(parts)
