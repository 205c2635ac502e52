"""The ways to stage a bag that are measured, and the limits of the machine for the same bytes.

A way takes its imports first and gives back the work; only the work is timed, since workers are
warm and a library is imported once.
"""

import hashlib
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PIECE = 1 << 20

Work = Callable[[Path, Path], None]
"""Takes a zip, with its payload bytes in a row beside it as `payload`, and a folder to work in."""


def here(algorithm: str, *, read_back: str = "cache", is_spread: bool = True) -> Work:
    """What a worker does with a ticket whose target gives `algorithm`."""
    from presqt_daemon.config import StagingConfig  # noqa: PLC0415  (each pays its own imports)
    from presqt_daemon.staging import attempts  # noqa: PLC0415
    from presqt_daemon.staging.stage import StageJob, stage  # noqa: PLC0415

    if not is_spread:
        attempts.spread_folders = _keep_together  # type: ignore[attr-defined,assignment]

    def work(path: Path, place: Path) -> None:
        config = StagingConfig(read_back=read_back)
        job = StageJob(
            folder=place, zip_name=path.name, config=config, payload_mode=0o600, boot_id=""
        )
        stage(job, lambda _: (algorithm,), lambda _: None)

    return work


def presqt(algorithm: str) -> Work:
    """PresQT's way, without its web part: three reads of every byte, each file whole at last."""
    import bagit  # noqa: PLC0415

    def work(path: Path, place: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(place)
        bag = bagit.Bag(str(place / "bag"))
        bag.validate()
        for name in bag.payload_files():
            hashlib.new(algorithm, (place / "bag" / name).read_bytes()).hexdigest()

    return work


def person() -> Work:
    """`unzip`, then `bagit.py --validate`; takes no digest for the target."""

    def work(path: Path, place: Path) -> None:
        subprocess.run(["unzip", "-q", path.name], cwd=place, check=True)
        command = [sys.executable, "-m", "bagit", "--quiet", "--validate", str(place / "bag")]
        subprocess.run(command, check=True)

    return work


def bare_digest(algorithm: str) -> Work:
    """One digest of the payload bytes, on one core."""

    def work(path: Path, _place: Path) -> None:
        digest = hashlib.new(algorithm)
        for block in _blocks(path.with_name("payload")):
            digest.update(block)
        digest.hexdigest()

    return work


def bare_inflate() -> Work:
    """The zip's members inflated and thrown away, by the library that staging uses here."""
    inflater: Callable[..., Any]
    try:
        from isal import isal_zlib  # noqa: PLC0415  (may be missing)

        inflater = isal_zlib.decompressobj
    except ImportError:
        inflater = zlib.decompressobj

    def work(path: Path, _place: Path) -> None:
        with zipfile.ZipFile(path) as archive, path.open("rb") as stream:
            for member in archive.infolist():
                stream.seek(member.header_offset + 26)
                name, extra = struct.unpack("<HH", stream.read(4))
                stream.seek(name + extra, 1)
                left = member.compress_size
                inflate = inflater(wbits=-15)
                while left:
                    block = stream.read(min(1 << 18, left))
                    left -= len(block)
                    if member.compress_type == zipfile.ZIP_DEFLATED:
                        inflate.decompress(block)

    return work


def bare_write() -> Work:
    """As many files with as many bytes, made and closed."""

    def work(path: Path, place: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            sizes = [(member.filename, member.file_size) for member in archive.infolist()]
        piece = bytes(PIECE)
        for folder in sorted({(place / name).parent for name, _ in sizes}):
            folder.mkdir(parents=True, exist_ok=True)
        for name, size in sizes:
            with (place / name).open("xb", buffering=0) as stream:
                left = size
                while left:
                    left -= stream.write(piece[: min(PIECE, left)])

    return work


WAYS: dict[str, Callable[[], Work]] = {
    "here, md5": lambda: here("md5"),
    "PresQT, md5": lambda: presqt("md5"),
    "here, sha256": lambda: here("sha256"),
    "PresQT, sha256": lambda: presqt("sha256"),
    "unzip + bagit.py": person,
    "here, md5, read_back: disk": lambda: here("md5", read_back="disk"),
    "here, md5, folders not spread": lambda: here("md5", is_spread=False),
    "limit: sha512": lambda: bare_digest("sha512"),
    "limit: sha512 + md5": lambda: _both(bare_digest("sha512"), bare_digest("md5")),
    "limit: inflate": bare_inflate,
    "limit: write": bare_write,
}

PEERS = {
    "here, sha256": "PresQT, sha256",
    "here, md5": "PresQT, md5",
    "here, md5, read_back: disk": "PresQT, md5",
    "here, md5, folders not spread": "PresQT, md5",
}


def _keep_together(_: Path) -> bool:
    return False


def _both(first: Work, second: Work) -> Work:
    def work(path: Path, place: Path) -> None:
        first(path, place)
        second(path, place)

    return work


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as stream:
        while block := stream.read(PIECE):
            yield block
