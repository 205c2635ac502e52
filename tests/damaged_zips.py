"""Bags whose manifests are right, in zips whose payload bytes are not what the zip declares."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from tests.hostile_zips import BZIP2, DEFLATED, LZMA, STORED, bag_parts, build, pack

TEXT = b"some text to pack " * 100
NOISE = bytes(range(256)) * 3
LARGE = random.Random(1).randbytes(1 << 20)
"""More than what is unpacked in one piece, and nothing that packs."""


def damaged(content: bytes = TEXT, **fields: object) -> bytes:
    """A bag whose payload file is listed rightly, and packed as the fields say."""
    parts = bag_parts({"Project/a.txt": content})
    return build(
        [
            replace(entry, **fields) if b"data/" in entry.name else entry  # type: ignore[arg-type]
            for entry in parts
        ]
    )


DAMAGED: Mapping[str, Callable[[], bytes]] = {
    "more than declared": lambda: damaged(packed=pack(TEXT + b"!", DEFLATED)),
    "a bomb behind a small size": lambda: damaged(packed=pack(TEXT + bytes(64 << 20), DEFLATED)),
    "a large bomb behind a small size": lambda: damaged(
        LARGE, packed=pack(LARGE + bytes(64 << 20), DEFLATED)
    ),
    "declared too small": lambda: damaged(size=10),
    "declared too small, large": lambda: damaged(LARGE, size=len(LARGE) - 1),
    "declared too small, bzip2": lambda: damaged(method=BZIP2, size=10),
    "declared too small, lzma": lambda: damaged(method=LZMA, size=10),
    "declared too large": lambda: damaged(size=len(TEXT) + 1),
    "declared too large, large": lambda: damaged(LARGE, size=len(LARGE) + 1),
    "declared too large, bzip2": lambda: damaged(method=BZIP2, size=len(TEXT) + 1),
    "declared too large, lzma": lambda: damaged(method=LZMA, size=len(TEXT) + 1),
    "fewer than declared": lambda: damaged(packed=pack(TEXT[:-1], DEFLATED)),
    "broken deflate": lambda: damaged(packed=NOISE),
    "broken large deflate": lambda: damaged(
        LARGE, packed=pack(LARGE, DEFLATED)[: len(LARGE) // 2] + NOISE * 99
    ),
    "cut deflate": lambda: damaged(packed=pack(TEXT, DEFLATED)[:-5]),
    "cut large deflate": lambda: damaged(LARGE, packed=pack(LARGE, DEFLATED)[:-5]),
    "no deflate": lambda: damaged(packed=b""),
    "broken bzip2": lambda: damaged(method=BZIP2, packed=NOISE),
    "cut bzip2": lambda: damaged(method=BZIP2, packed=pack(TEXT, BZIP2)[:-5]),
    "broken lzma header": lambda: damaged(method=LZMA, packed=NOISE),
    "no lzma": lambda: damaged(method=LZMA, packed=b""),
    "cut lzma": lambda: damaged(method=LZMA, packed=pack(TEXT, LZMA)[:20]),
    "broken lzma": lambda: damaged(method=LZMA, packed=pack(TEXT, LZMA)[:9] + NOISE),
    "wrong crc": lambda: damaged(crc=0),
    "wrong crc, stored": lambda: damaged(crc=0, method=STORED),
    "wrong crc, bzip2": lambda: damaged(crc=0, method=BZIP2),
    "wrong crc, lzma": lambda: damaged(crc=0, method=LZMA),
    "wrong crc, large and stored": lambda: damaged(LARGE, crc=0, method=STORED),
    "wrong crc, large and deflated": lambda: damaged(LARGE, crc=0),
    "stored hole": lambda: damaged(method=STORED, packed=bytes(len(TEXT))),
    "large stored hole": lambda: damaged(LARGE, method=STORED, packed=bytes(len(LARGE))),
}
