"""A member's bytes out of the zip: block by block, bounded, damage told from our own faults."""

import bz2
import lzma
import os
import zlib
from collections.abc import Callable, Collection, Iterator
from typing import Protocol, cast

from presqt_daemon.digest import new_hash
from presqt_daemon.zips.directory import BZIP2, LZMA, STORED
from presqt_daemon.zips.entries import Archive, Member
from presqt_daemon.zips.faults import check_crc, damaged, shrunk

try:
    from isal import igzip_lib, isal_zlib
except ImportError:  # the extra `fast` is not installed
    igzip_lib = isal_zlib = None  # type: ignore[assignment]

BLOCK_BYTES = 256 << 10
"""Larger blocks are fresh memory each time, and leave the cache before they are written."""

_INPUT_BYTES = 128 << 10
_LZMA_HEADER_BYTES = 9
_MAX_DICTIONARY_BYTES = 64 << 20


class Decompressor(Protocol):
    """The interface that bz2, lzma and igzip share."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, /, max_length: int = -1) -> bytes: ...


class _Inflate:
    """The standard library's raw inflate behind the same interface."""

    def __init__(self) -> None:
        self._state = zlib.decompressobj(-zlib.MAX_WBITS)
        self._is_full = False

    @property
    def eof(self) -> bool:
        return self._state.eof

    @property
    def needs_input(self) -> bool:
        return not (self._is_full or self._state.unconsumed_tail or self._state.eof)

    def decompress(self, data: bytes, /, max_length: int = -1) -> bytes:
        block = self._state.decompress(self._state.unconsumed_tail + data, max_length)
        self._is_full = len(block) == max_length
        return block


def crc32(data: bytes | memoryview, value: int = 0) -> int:
    """The zip's checksum, continued from `value`."""
    return _crc32(data, value)


def unpacked(fd: int, member: Member, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    """The member's bytes in blocks of at most `block_bytes`; never more than it declares.

    Raises UserFault `incomplete-zip` when they do not unpack, or are more or fewer than declared.
    The checksum is not looked at.
    """
    left = member.size
    blocks = (
        _stored(fd, member, block_bytes)
        if member.method == STORED
        else (_inflated(fd, member, block_bytes))
    )
    for block in blocks:
        left -= len(block)
        if left < 0:
            raise damaged(member.name, "unpacks to more bytes than the zip declares")
        yield block
    if left:
        raise damaged(member.name, "unpacks to fewer bytes than the zip declares")


def stream_digests(
    archive: Archive, member: Member, algorithms: Collection[str], alive: Callable[[], None]
) -> dict[str, str]:
    """Digests of a member straight from its zip, nothing written: what the sender really sent.

    `alive` is called for each block. Raises UserFault `incomplete-zip` for a damaged member.
    """
    states = {name: new_hash(name, member.size) for name in algorithms}
    crc = 0
    for block in unpacked(archive.fd, member):
        alive()
        crc = crc32(block, crc)
        for state in states.values():
            state.update(block)
    check_crc(member.name, member.crc, crc)
    return {name: state.hexdigest() for name, state in states.items()}


def unpack_small(packed: bytes, member: Member) -> bytes:
    """All bytes of a small deflated or stored member. Raises UserFault as `unpacked` does."""
    if member.method == STORED:
        content = packed
    else:
        state = _new_inflate()
        content = _feed(state, packed, member, member.size + 1)
        if not state.eof and len(content) <= member.size:
            # An end-of-block code may stand behind the last byte: ask once more.
            content += _feed(state, b"", member, member.size + 1 - len(content))
            if not state.eof:
                raise damaged(member.name, _CUT)
    if len(content) != member.size:
        more = "more" if len(content) > member.size else "fewer"
        raise damaged(member.name, f"unpacks to {more} bytes than the zip declares")
    return content


def _stored(fd: int, member: Member, block_bytes: int) -> Iterator[bytes]:
    for offset in range(0, member.packed_size, block_bytes):
        yield _read(fd, member.data_offset + offset, min(block_bytes, member.packed_size - offset))


def _inflated(fd: int, member: Member, block_bytes: int) -> Iterator[bytes]:
    offset, end = member.data_offset, member.data_offset + member.packed_size
    state: Decompressor
    if member.method == LZMA:
        state = _lzma(_read(fd, offset, min(_LZMA_HEADER_BYTES, member.packed_size)), member)
        offset += _LZMA_HEADER_BYTES
    else:
        state = bz2.BZ2Decompressor() if member.method == BZIP2 else _new_inflate()
    while not state.eof:
        packed = b""
        if state.needs_input:
            if offset >= end:
                break
            packed = _read(fd, offset, min(_INPUT_BYTES, end - offset))
            offset += len(packed)
        block = _feed(state, packed, member, block_bytes)
        if block:
            yield block
    if not state.eof and member.method != LZMA:
        raise damaged(member.name, _CUT)


def _feed(state: Decompressor, packed: bytes, member: Member, limit: int) -> bytes:
    try:
        return state.decompress(packed, limit)
    except _ERRORS as error:
        raise damaged(member.name, "its packed data are broken") from error


def _lzma(header: bytes, member: Member) -> lzma.LZMADecompressor:
    """A decompressor from the header that stands before the data (APPNOTE.TXT 5.8.8)."""
    if len(header) < _LZMA_HEADER_BYTES or header[2:4] != b"\x05\x00" or header[4] >= 9 * 5 * 5:
        raise damaged(member.name, "its LZMA header is broken")
    rest, lc = divmod(header[4], 9)
    pb, lp = divmod(rest, 5)
    dictionary = min(int.from_bytes(header[5:9], "little"), max(member.size, 4096))
    if dictionary > _MAX_DICTIONARY_BYTES:
        raise damaged(member.name, "needs more memory to unpack than allowed (LZMA dictionary)")
    options = {"id": lzma.FILTER_LZMA1, "lc": lc, "lp": lp, "pb": pb, "dict_size": dictionary}
    try:
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[options])
    except (lzma.LZMAError, ValueError) as error:
        raise damaged(member.name, "its LZMA header is broken") from error


def _read(fd: int, offset: int, count: int) -> bytes:
    """Exactly `count` bytes; one read returns at most what is left of the file."""
    block = os.pread(fd, count, offset)
    if len(block) < count:
        raise shrunk()
    return block


_CUT = "its packed data end too early"
_BROKEN_DATA = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)
_ERRORS: tuple[type[Exception], ...]
_new_inflate: Callable[[], Decompressor]
_crc32: Callable[[bytes | memoryview, int], int]
if igzip_lib is None:
    _new_inflate, _crc32, _ERRORS = _Inflate, zlib.crc32, _BROKEN_DATA
else:
    _DEFLATE = igzip_lib.DECOMP_DEFLATE
    _new_inflate = lambda: igzip_lib.IgzipDecompressor(_DEFLATE)
    _crc32 = isal_zlib.crc32
    _ERRORS = (*_BROKEN_DATA, cast("type[Exception]", igzip_lib.IsalError))
