"""The bags that staging is measured with, and how much faster than PresQT each is to go."""

import hashlib
import random
import string
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PIECE = 1 << 20
FILES_A_FOLDER = 200


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A bag: how many files of how many bytes, and the factors to reach (must, aim).

    `deleted` small files are made and deleted beside it before each measurement.
    """

    files: int
    size: int
    is_text: bool
    method: int
    must: float
    aim: float
    deleted: int = 0

    @property
    def is_many(self) -> bool:
        """Whether it is the number of files that makes the work."""
        return self.files > 100

    def scaled(self, scale: float) -> "Kind":
        """The same at a part of its size: fewer small files, or smaller large ones."""
        files = max(1, round(self.files * scale)) if self.is_many else self.files
        size = self.size if self.is_many else max(PIECE, round(self.size * scale / PIECE) * PIECE)
        return Kind(
            files=files, size=size, is_text=self.is_text, method=self.method, must=self.must,
            aim=self.aim, deleted=round(self.deleted * scale),
        )  # fmt: skip


STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED

KINDS = {
    "20,000 x 4 KB": Kind(
        files=20_000, size=4096, is_text=True, method=DEFLATED, must=4, aim=8
    ),
    "100,000 x 1 KB": Kind(
        files=100_000, size=1024, is_text=True, method=DEFLATED, must=3, aim=6
    ),
    "2 GB stored": Kind(
        files=1, size=2000 << 20, is_text=False, method=STORED, must=2.5, aim=3.4
    ),
    "2 GB deflated": Kind(
        files=1, size=2000 << 20, is_text=False, method=DEFLATED, must=1.7, aim=2.8
    ),
    "10 x 200 MB text": Kind(
        files=10, size=200 << 20, is_text=True, method=DEFLATED, must=1.5, aim=3
    ),
    "20,000 x 4 KB, 100,000 files just deleted": Kind(
        files=20_000, size=4096, is_text=True, method=DEFLATED, must=1, aim=4, deleted=100_000
    ),
}  # fmt: skip


def write_payload(kind: Kind, path: Path) -> None:
    """All payload bytes in a row: text of few words, or bytes of which a half can be deflated."""
    pieces = _pieces(kind)
    with path.open("wb") as stream:
        for _ in range(kind.files):
            for _ in range(max(1, kind.size // PIECE)):
                stream.write(next(pieces))


def write_zip(kind: Kind, payload: Path, path: Path) -> None:
    """A valid bag with a sha512 manifest in a zip, made of `payload` cut into files."""
    rows = []
    with payload.open("rb") as source, zipfile.ZipFile(path, "w", kind.method) as archive:
        for number in range(kind.files):
            name = f"data/P/d{number // FILES_A_FOLDER:04}/f{number:06}"
            with archive.open(f"bag/{name}", "w", force_zip64=True) as stream:
                digest = _copy(source, stream, kind.size)
            rows.append(f"{digest}  {name}\n")
        tags = {
            "bagit.txt": "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
            "bag-info.txt": f"Payload-Oxum: {kind.size * kind.files}.{kind.files}\n",
            "manifest-sha512.txt": "".join(rows),
        }
        sums = (f"{hashlib.sha512(text.encode()).hexdigest()}  {n}\n" for n, text in tags.items())
        for name, text in {**tags, "tagmanifest-sha512.txt": "".join(sums)}.items():
            archive.writestr(f"bag/{name}", text)


def make_and_delete(count: int, place: Path) -> None:
    """Leave a file system on which so many small files have just been deleted."""
    folders = [place / f"gone-{number:04}" for number in range(-(-count // FILES_A_FOLDER))]
    names = [folders[index // FILES_A_FOLDER] / f"{index:06}" for index in range(count)]
    _each(folders, Path.mkdir)
    _each(names, lambda name: name.write_bytes(bytes(1024)))
    _each(names, Path.unlink)
    _each(folders, Path.rmdir)


def _each(paths: list[Path], do: Callable[[Path], object]) -> None:
    for path in paths:
        do(path)


def _pieces(kind: Kind) -> Iterator[bytes]:
    """Endless pieces, each a little different from all others."""
    generator = random.Random(5)
    words = ["".join(generator.choices(string.ascii_lowercase, k=6)) for _ in range(5000)]
    length = min(kind.size, PIECE)
    pool = [
        " ".join(generator.choices(words, k=length // 6 + 1)).encode()[:length]
        for _ in range(FILES_A_FOLDER if kind.is_many else 16)
    ]
    number = 0
    while True:
        piece = pool[number % len(pool)]
        if not kind.is_text:
            piece = generator.randbytes(length // 2) + piece[: length - length // 2]
        yield b"%08d" % number + piece[8:]
        number += 1


def _copy(source: IO[bytes], stream: IO[bytes], size: int) -> str:
    digest = hashlib.sha512()
    left = size
    while left:
        block = source.read(min(PIECE, left))
        digest.update(block)
        stream.write(block)
        left -= len(block)
    return digest.hexdigest()
