"""Zips that nobody should send, each wrapped around an otherwise valid bag, and odd good ones."""

import bz2
import io
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from tests.bags import bag_tree, zip_bytes

PAYLOAD = {"Project/a.txt": b"alpha\n" * 50, "Project/sub/b.txt": b"beta\n"}
STORED, DEFLATED, BZIP2, LZMA = 0, 8, 12, 14


@dataclass(frozen=True, kw_only=True)
class Part:
    """One entry, with every field that a liar may want to choose."""

    name: bytes
    content: bytes = b""
    method: int = STORED
    flags: int = 0
    packed: bytes | None = None
    size: int | None = None
    packed_size: int | None = None
    crc: int | None = None
    mode: int = 0
    creator: int = 3
    extra: bytes = b""
    local_name: bytes | None = None
    local_method: int | None = None
    at: int | None = None
    descriptor: bool = False
    large: bool = False
    dos: int = 0


def part(name: str | bytes, content: bytes = b"", **fields: object) -> Part:
    """An entry; a text name is UTF-8 and says so."""
    if isinstance(name, str):
        raw = name.encode()
        flags = 0 if raw.isascii() else 0x800
        return replace(Part(name=raw, content=content, flags=flags), **fields)  # type: ignore[arg-type]
    return replace(Part(name=name, content=content), **fields)  # type: ignore[arg-type]


def pack(content: bytes, method: int) -> bytes:
    """The content as a method packs it."""
    if method == DEFLATED:
        state = zlib.compressobj(6, zlib.DEFLATED, -15)
        return state.compress(content) + state.flush()
    if method == BZIP2:
        return bz2.compress(content)
    if method == LZMA:
        filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}]
        properties = struct.pack("<BL", (2 * 5 + 0) * 9 + 3, 1 << 16)
        state_lzma = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=filters)
        body = state_lzma.compress(content) + state_lzma.flush()
        return struct.pack("<BBH", 9, 4, len(properties)) + properties + body
    return content


def build(parts: Iterable[Part], *, comment: bytes = b"", zip64_end: bool = False) -> bytes:
    """A zip of these entries, written as they say; their number modulo 65,536."""
    body = io.BytesIO()
    directory = io.BytesIO()
    count = 0
    for entry in parts:
        count += 1
        packed = pack(entry.content, entry.method) if entry.packed is None else entry.packed
        size = len(entry.content) if entry.size is None else entry.size
        crc = zlib.crc32(entry.content) if entry.crc is None else entry.crc
        offset = body.tell() if entry.at is None else entry.at
        flags = entry.flags | (0x8 if entry.descriptor else 0)
        local_name = entry.name if entry.local_name is None else entry.local_name
        method = entry.method if entry.local_method is None else entry.local_method
        if entry.at is None:
            shown = (0, 0, 0) if entry.descriptor else (crc, len(packed), size)
            local_extra = entry.extra
            if entry.large:
                local_extra += struct.pack("<HHQQ", 1, 16, size, len(packed))
                shown = (crc, 0xFFFFFFFF, 0xFFFFFFFF)
            body.write(
                struct.pack(
                    "<4sHHHHHLLLHH",
                    b"PK\x03\x04",
                    45,
                    flags,
                    method,
                    0,
                    0x21,
                    shown[0],
                    shown[1] & 0xFFFFFFFF,
                    shown[2] & 0xFFFFFFFF,
                    len(local_name),
                    len(local_extra),
                )
            )
            body.write(local_name + local_extra + packed)
            if entry.descriptor:
                body.write(struct.pack("<4sLLL", b"PK\x07\x08", crc, len(packed), size))
        extra = entry.extra
        listed_size = len(packed) if entry.packed_size is None else entry.packed_size
        sizes = (listed_size, size, offset)
        if entry.large or max(sizes) > 0xFFFFFFFE:
            extra += struct.pack("<HHQQQ", 1, 24, size, len(packed), offset)
            sizes = (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
        directory.write(
            struct.pack(
                "<4sBBHHHHHLLLHHHHHLL",
                b"PK\x01\x02",
                45,
                entry.creator,
                45,
                flags,
                entry.method,
                0,
                0x21,
                crc,
                sizes[0],
                sizes[1],
                len(entry.name),
                len(extra),
                0,
                0,
                0,
                (entry.mode << 16 | entry.dos) & 0xFFFFFFFF,
                sizes[2],
            )
        )
        directory.write(entry.name + extra)
    start = body.tell()
    listed = directory.getvalue()
    end = b""
    shown_end = (count & 0xFFFF, len(listed), start)
    if zip64_end:
        end += struct.pack(
            "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(listed), start
        )
        end += struct.pack("<4sLQL", b"PK\x06\x07", 0, start + len(listed), 1)
        shown_end = (0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    end += struct.pack(
        "<4s4H2LH",
        b"PK\x05\x06",
        0,
        0,
        shown_end[0],
        shown_end[0],
        shown_end[1],
        shown_end[2],
        len(comment),
    )
    return body.getvalue() + listed + end + comment


def bag_parts(
    payload: Mapping[str, bytes] | None = None, *, folder: str = "bag/", method: int = DEFLATED
) -> list[Part]:
    """The entries of a valid bag."""
    tree = bag_tree(payload if payload is not None else PAYLOAD)
    return [part(folder + name, content, method=method) for name, content in tree.items()]


def with_parts(*more: Part) -> bytes:
    """A zip of a valid bag and these entries."""
    return build([*bag_parts(), *more])


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """A zip that must be refused: by which error, with which finding."""

    make: Callable[[], bytes]
    error: str
    finding: str | None = None


def _refused(finding: str, *more: Part) -> Hostile:
    return Hostile(make=lambda: with_parts(*more), error="unsafe-archive", finding=finding)


def _overlapping() -> bytes:
    """Entries that share one member's data (the quoted overlap is the same to an interval)."""
    parts = bag_parts()
    return build([*parts, *(part(f"bag/data/x{n}", b"", at=0) for n in range(60))])


def _quoted_overlap() -> bytes:
    """Each file's data hold the next file's header (Fifield's non-recursive bomb)."""
    kernel = pack(b"\0" * 100_000, DEFLATED)
    names = [f"bag/data/o{n}".encode() for n in range(20)]
    size, crc = 100_000, zlib.crc32(b"\0" * 100_000)
    chain = _local(names[-1], size, crc, kernel) + kernel
    lengths = [len(kernel)]
    for name in reversed(names[:-1]):
        quoted = struct.pack("<BHH", 0, len(_head(chain)), len(_head(chain)) ^ 0xFFFF)
        lengths.append(lengths[-1] + len(quoted) + len(_head(chain)))
        chain = _local(name, size, crc, b"\0" * lengths[-1]) + quoted + chain
    start = 0
    rows = []
    for index, name in enumerate(names):
        rows.append(
            Part(
                name=name,
                size=size,
                crc=crc,
                method=DEFLATED,
                at=start,
                packed=b"\0" * lengths[-1 - index],
            )
        )
        start += 30 + len(name) + 5
    return chain_zip(chain, rows)


def chain_zip(body: bytes, rows: list[Part]) -> bytes:
    """A zip with a given body; the rows only stand in the directory."""
    empty = build(rows)
    end = empty[-22:]
    count, size = struct.unpack_from("<HL", end, 10)
    return (
        body
        + empty[:-22]
        + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, size, len(body), 0)
    )


def _head(chain: bytes) -> bytes:
    return chain[: 30 + struct.unpack_from("<H", chain, 26)[0]]


def _local(name: bytes, size: int, crc: int, packed: bytes) -> bytes:
    return struct.pack(
        "<4sHHHHHLLLHH", b"PK\x03\x04", 20, 0, DEFLATED, 0, 0x21, crc, len(packed), size,
        len(name), 0,
    ) + name  # fmt: skip


def _slack(content: bytes) -> bytes:
    """Bytes behind the last entry of the list that belong to it only by its length."""
    end = bytearray(content[-22:])
    struct.pack_into("<L", end, 12, struct.unpack_from("<L", end, 12)[0] + 50)
    return content[:-22] + b"\0" * 50 + bytes(end)


def _bomb() -> bytes:
    return with_parts(part("bag/data/zeros", b"\0" * (200 << 20), method=DEFLATED))


def _cut(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


def _good() -> bytes:
    return zip_bytes(bag_tree(PAYLOAD))


def _broken(*, method: int = DEFLATED, at: int = 20) -> bytes:
    packed = bytearray(pack(b"some text to pack " * 100, method))
    packed[at] ^= 0xFF
    return with_parts(
        part("bag/data/x", b"some text to pack " * 100, method=method, packed=bytes(packed))
    )


_TEN = {"Project/a.txt": b"ten bytes\n"}

HOSTILE: Mapping[str, Hostile] = {
    "parent": _refused("path-climbs", part("../evil", b"x")),
    "parent inside": _refused("path-climbs", part("bag/data/../../../evil", b"x")),
    "absolute": _refused("absolute-path", part("/tmp/evil", b"x")),
    "backslash": _refused("backslash", part("bag\\..\\..\\evil", b"x")),
    "drive": _refused("drive-prefix", part("C:/evil", b"x")),
    "colon": _refused("drive-prefix", part(":evil", b"x")),
    "NUL": _refused("control-character", part("bag/data/good.txt\0.exe", b"x")),
    "escape": _refused("control-character", part("bag/data/a\x1b[2J", b"x")),
    "C1 control": _refused("control-character", part("bag/data/a\x9b2J", b"x")),
    "line separator": _refused("control-character", part("bag/data/a\u2028b", b"x")),
    "no name": _refused("empty-name", part("", b"x")),
    "a slash only, with bytes": _refused("absolute-path", part("/", b"x")),
    "a slash only, a link": _refused("absolute-path", part("/", mode=stat.S_IFLNK | 0o777)),
    "two slashes": _refused("absolute-path", part("//", b"")),
    "a dot and a slash, climbing": _refused("path-climbs", part("./../evil", b"x")),
    "a dot and a slash, absolute": _refused("absolute-path", part(".//tmp/evil", b"x")),
    "a dot inside": _refused("path-not-plain", part("bag/./data/x", b"x")),
    "the same file with and without dot": _refused(
        "duplicate-entry", part("./bag/data/Project/a.txt", b"x")
    ),
    "a dot": _refused("path-not-plain", part(".", b"x")),
    "an empty part": _refused("path-not-plain", part("bag//x", b"x")),
    "link": _refused("symbolic-link", part("bag/data/l", b"/etc", mode=stat.S_IFLNK | 0o777)),
    "link by another system": _refused(
        "symbolic-link", part("bag/data/l", b"/etc", mode=stat.S_IFLNK | 0o777, creator=0)
    ),
    "fifo": _refused("special-file", part("bag/data/f", mode=stat.S_IFIFO | 0o644)),
    "device": _refused("special-file", part("bag/data/f", mode=stat.S_IFBLK | 0o644)),
    "socket": _refused("special-file", part("bag/data/f", mode=stat.S_IFSOCK | 0o644)),
    "folder by mode only": _refused("special-file", part("bag/data/f", mode=stat.S_IFDIR | 0o755)),
    "twice": _refused("duplicate-entry", part("bag/data/Project/a.txt", b"x")),
    "folder twice, once with bytes": _refused(
        "folder-with-content", part("bag/data/e/"), part("bag/data/e/", b"x")
    ),
    "folder twice, once a link": _refused(
        "symbolic-link", part("bag/data/e/"), part("bag/data/e/", mode=stat.S_IFLNK | 0o777)
    ),
    "folder twice, two forms": _refused(
        "name-collision", part("bag/data/\u00e9/"), part("bag/data/e\u0301/")
    ),
    "folder by its DOS bit, with bytes": _refused(
        "folder-with-content", part("bag/data/f", b"x", dos=0x10)
    ),
    "a link with a slash": _refused("symbolic-link", part("bag/l/", mode=stat.S_IFLNK | 0o777)),
    "file and folder": _refused("file-is-folder", part("bag/data/x", b"x"), part("bag/data/x/")),
    "file and parent": _refused(
        "file-is-folder", part("bag/data/x", b"x"), part("bag/data/x/y", b"x")
    ),
    "form": _refused(
        "name-collision", part("bag/data/\u00e9", b"x"), part("bag/data/e\u0301", b"x")
    ),
    "long name": _refused("name-too-long", part("bag/data/" + "x" * 300, b"x")),
    "long path": _refused("path-too-long", part("bag/data/" + ("y" * 99 + "/") * 30 + "x", b"x")),
    "long path of wide letters": _refused(
        "path-too-long", part("bag/data/" + ("\u6f22" * 60 + "/") * 17 + "x", b"x")
    ),
    "deep": _refused("too-deep", part("bag/data/" + "d/" * 2000 + "x", b"x")),
    "deep, with short names": _refused("too-deep", part("bag/data/" + "d/" * 70 + "x", b"x")),
    "long name of wide letters": _refused("name-too-long", part("bag/data/" + "\u6f22" * 90, b"x")),
    "not UTF-8": _refused("name-not-utf-8", part(b"bag/data/\xff\xfe", b"x", flags=0x800)),
    "local name": _refused("header-mismatch", part("bag/data/x", b"x", local_name=b"bag/data/y")),
    "local method": _refused("header-mismatch", part("bag/data/x", b"x", local_method=DEFLATED)),
    "stored sizes": _refused("header-mismatch", part("bag/data/x", b"x", size=1000)),
    "nothing there": Hostile(
        make=lambda: with_parts(part("bag/data/x", b"", at=40)),
        error="unsafe-archive",
        finding="overlap",
    ),
    "overlap": Hostile(make=_overlapping, error="unsafe-archive", finding="overlap"),
    "quoted overlap": Hostile(make=_quoted_overlap, error="unsafe-archive", finding="overlap"),
    "data over the list": _refused("overlap", part("bag/data/x", b"x", packed=b"x", at=10**12)),
    "data into the list": _refused(
        "overlap", part("bag/data/x", b"x" * 9, size=500, packed_size=500)
    ),
    "slack behind the list": Hostile(
        make=lambda: _slack(with_parts(part("bag/data/x", b"x"))), error="not-a-zip"
    ),
    "a padded list": Hostile(
        make=lambda: build(
            [replace(e, extra=b"\x99\x99\0\xf0" + bytes(0xF000)) for e in bag_parts()]
        ),
        error="unsafe-archive",
        finding="list-too-large",
    ),
    "folder with bytes": _refused("folder-with-content", part("bag/data/e/", b"x")),
    "bomb": Hostile(make=_bomb, error="unsafe-archive", finding="ratio"),
    "encrypted": _refused("encrypted", part("bag/data/x", b"x" * 20, flags=0x1)),
    "strongly encrypted": _refused("encrypted", part("bag/data/x", b"x" * 20, flags=0x41)),
    "method 99": _refused("unknown-method", part("bag/data/x", b"x", method=99)),
    "method 93": _refused("unknown-method", part("bag/data/x", b"x", method=93)),
    "method 9": _refused("unknown-method", part("bag/data/x", b"x", method=9)),
    "huge": Hostile(
        make=lambda: with_parts(part("bag/data/x", size=2**63, method=DEFLATED)),
        error="unsafe-archive",
        finding="file-too-large",
    ),
    "declared 2 GB, real 10 B": Hostile(
        make=lambda: build(
            [replace(e, size=2 * 10**9) if b"data/" in e.name else e for e in bag_parts(_TEN)]
        ),
        error="unsafe-archive",
        finding="ratio",
    ),
    "crc": Hostile(
        make=lambda: build([replace(entry, crc=1) for entry in bag_parts()]),
        error="incomplete-zip",
    ),
    "cut": Hostile(make=lambda: _cut(_good()), error="incomplete-zip"),
    "empty": Hostile(make=lambda: b"", error="incomplete-zip"),
    "garbage": Hostile(make=lambda: b"no zip at all " * 100, error="not-a-zip"),
    "prefix": Hostile(make=lambda: b"#!/bin/sh\n" + _good(), error="not-a-zip"),
    "junk behind": Hostile(make=lambda: _good() + b"junk", error="incomplete-zip"),
    "joined": Hostile(make=lambda: _good() + _good(), error="incomplete-zip"),
    "split": Hostile(make=lambda: _good()[:-18] + b"\1\0" + _good()[-16:], error="not-a-zip"),
    "torn list": Hostile(
        make=lambda: with_parts(part("bag/data/x", b"x")).replace(b"PK\x01\x02", b"PK\x01\x03"),
        error="incomplete-zip",
    ),
}
"""By name; every one holds a bag that would be valid without what is wrong with its zip."""


def made_by_zipfile(**options: object) -> bytes:
    """A bag zip from the standard library."""
    return zip_bytes(bag_tree(PAYLOAD), **options)  # type: ignore[arg-type]


def made_by_mac() -> bytes:
    """As the Finder makes it: resource forks beside, no UTF-8 flag, data descriptors."""
    payload = {"Projet \u00e9t\u00e9/a.txt": b"alpha\n", "Projet \u00e9t\u00e9/.DS_Store": b"junk"}
    parts = [
        replace(entry, flags=0, descriptor=True, mode=0o100644) for entry in bag_parts(payload)
    ]
    return build(
        [
            part("bag/", mode=0o040755),
            *parts,
            part("__MACOSX/", mode=0o040755),
            part("__MACOSX/._bag", b"fork", descriptor=True),
            part("__MACOSX/bag/._bagit.txt", b"fork"),
            part(".DS_Store", b"junk"),
        ]
    )


def made_by_windows() -> bytes:
    """As the Explorer makes it: names in code page 437, DOS attributes."""
    payload = {"B\u00fccher/\u00c4pfel.txt": b"alpha\n"}
    return build(
        [
            replace(entry, name=entry.name.decode().encode("cp437"), flags=0, creator=0)
            for entry in bag_parts(payload)
        ]
    )


def made_by_infozip() -> bytes:
    """Names in another code page, the true one in the Unicode Path field."""
    payload = {"\u6f22\u5b57.txt": b"alpha\n"}

    def renamed(entry: Part) -> Part:
        if entry.name.isascii():
            return entry
        local = entry.name.decode().encode("gbk")
        field = struct.pack("<BL", 1, zlib.crc32(local)) + entry.name
        extra = struct.pack("<HH", 0x7075, len(field)) + field
        return replace(entry, name=local, flags=0, extra=extra)

    return build([renamed(entry) for entry in bag_parts(payload)])


GOOD: Mapping[str, Callable[[], bytes]] = {
    "zipfile, deflated": made_by_zipfile,
    "zipfile, stored": lambda: made_by_zipfile(method=zipfile.ZIP_STORED),
    "zipfile, bzip2": lambda: made_by_zipfile(method=zipfile.ZIP_BZIP2),
    "zipfile, lzma": lambda: made_by_zipfile(method=zipfile.ZIP_LZMA),
    "raw lzma without an end mark": lambda: build(bag_parts(method=LZMA)),
    "at the zip's root": lambda: made_by_zipfile(folder=None),
    "at the zip's root, by a Mac": lambda: made_by_zipfile(
        folder=None, extra={"__MACOSX/._bagit.txt": b"fork"}
    ),
    "Mac": made_by_mac,
    "Windows": made_by_windows,
    "Info-ZIP, another code page": made_by_infozip,
    "data descriptors": lambda: build([replace(e, descriptor=True) for e in bag_parts()]),
    "zip64": lambda: build([replace(e, large=True) for e in bag_parts()], zip64_end=True),
    "zip64 end only": lambda: build(bag_parts(), zip64_end=True),
    "comment": lambda: build(bag_parts(), comment=b"made by hand"),
    "folder entries": lambda: with_parts(
        part("bag/", mode=0o040755), part("bag/data/Project/", mode=0o040755)
    ),
    "deflated folder entries": lambda: with_parts(part("bag/data/e/", method=DEFLATED)),
    "folders after files": lambda: with_parts(part("bag/data/"), part("bag/data/Project/sub/")),
    "an empty file": lambda: build(bag_parts({"Project/empty": b"", "Project/a": b"a"})),
    "a bag in a bag": lambda: build(
        bag_parts({f"inner/{name}": text for name, text in bag_tree({"x": b"x"}).items()})
    ),
    "setuid": lambda: build([replace(e, mode=0o104755) for e in bag_parts()]),
}
