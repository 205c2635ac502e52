"""What programs do that cannot be installed here: their calls in their order, with the source."""

import os
import secrets
from pathlib import Path

from tests.drops.programs import Client, each

_TIMES = (1_600_000_000, 1_600_000_000)
_PIECE = 16_384


def _write(path: Path, content: bytes) -> None:
    with path.open("r+b" if path.exists() else "wb") as stream:
        for begin in range(0, len(content), _PIECE):
            stream.write(content[begin : begin + _PIECE])


def firefox(source: Path, destination: Path) -> None:
    """An empty file holds the name; the content grows beside it and is renamed over it.

    The part is `<name>.<random>.zip.part`: Firefox's own test test_tempfilename wants a bit of the
    name in it, and more than just `.part` behind it.
    """
    destination.touch()
    part = destination.with_name(f"{destination.stem}.{secrets.token_urlsafe(6)}.zip.part")
    _write(part, source.read_bytes())
    os.rename(part, destination)


def chrome(source: Path, destination: Path) -> None:
    """`Unconfirmed 123456.crdownload`, then `<name>.crdownload`, then the name.

    Source: chromium, chrome/browser/download/download_target_determiner.cc.
    """
    part = destination.with_name(f"Unconfirmed {secrets.randbelow(900_000) + 100_000}.crdownload")
    content = source.read_bytes()
    _write(part, content[: len(content) // 2])
    named = destination.with_name(f"{destination.name}.crdownload")
    os.rename(part, named)
    with named.open("ab") as stream:
        stream.write(content[len(content) // 2 :])
    os.rename(named, destination)


def safari(source: Path, destination: Path) -> None:
    """`<name>.download/` holds the part beside an Info.plist; then it is moved out."""
    folder = destination.with_name(f"{destination.name}.download")
    folder.mkdir()
    (folder / "Info.plist").write_bytes(b"<plist/>")
    _write(folder / destination.name, source.read_bytes())
    os.rename(folder / destination.name, destination)
    (folder / "Info.plist").unlink()
    folder.rmdir()


def finder(source: Path, destination: Path) -> None:
    """macOS Finder onto a server: an empty file, its `._` twin for the attributes, the content.

    Then times and rights by name; a `.DS_Store` for the folder's view. Names: Apple's AppleDouble
    (RFC 1740); the order is from memory of traces, not measured here.
    """
    destination.touch()
    twin = destination.with_name(f"._{destination.name}")
    twin.write_bytes(b"\0\5\x16\7" + b"\0" * 4092)
    content = source.read_bytes()
    os.truncate(destination, len(content))
    _write(destination, content)
    os.utime(destination, _TIMES)
    destination.chmod(0o644)
    view = destination.with_name(".DS_Store")
    view.write_bytes(b"\0\0\0\1Bud1")
    twin.unlink()
    view.unlink(missing_ok=True)


def explorer(source: Path, destination: Path) -> None:
    """Windows Explorer: the whole length first, then the content, then times after the close.

    Then a `Zone.Identifier` as servers without streams show it, and a last look at the size
    (learn.microsoft.com, CopyFileEx and the stream Zone.Identifier, MS-FSCC 5.6.1).
    """
    content = source.read_bytes()
    with destination.open("wb") as stream:
        stream.truncate(len(content))
        for begin in range(0, len(content), _PIECE):
            stream.write(content[begin : begin + _PIECE])
    os.utime(destination, _TIMES)
    zone = destination.with_name(f"{destination.name}:Zone.Identifier")
    zone.write_bytes(b"[ZoneTransfer]\r\nZoneId=3\r\n")
    assert destination.stat().st_size == len(content)
    zone.unlink()


def robocopy(source: Path, destination: Path) -> None:
    """robocopy: the content under an early time (1980), then the true time and the attributes.

    Each by opening the name anew (learn.microsoft.com, robocopy /COPY:DAT).
    """
    content = source.read_bytes()
    with destination.open("wb") as stream:
        stream.truncate(len(content))
    os.utime(destination, (315_532_800, 315_532_800))
    _write(destination, content)
    os.utime(destination, _TIMES)
    destination.chmod(0o644)
    assert destination.stat().st_size == len(content)


def nextcloud(source: Path, destination: Path) -> None:
    """Nextcloud's server: `<name>.ocTransferId<number>.part`, then rename and touch.

    Source: ocTransferId in its lib/private/Files/Storage/Wrapper/PermissionsMask.php.
    """
    part = destination.with_name(f"{destination.name}.ocTransferId{secrets.randbelow(10**9)}.part")
    _write(part, source.read_bytes())
    os.rename(part, destination)
    os.utime(destination, _TIMES)


def syncthing(source: Path, destination: Path) -> None:
    """`.syncthing.<name>.tmp` written in blocks in any order, then times, rights and rename.

    Source: docs.syncthing.net, Understanding Synchronization, temporary files.
    """
    part = destination.with_name(f".syncthing.{destination.name}.tmp")
    content = source.read_bytes()
    with part.open("wb") as stream:
        stream.truncate(len(content))
        for begin in reversed(range(0, len(content), _PIECE)):
            stream.seek(begin)
            stream.write(content[begin : begin + _PIECE])
    part.chmod(0o644)
    os.utime(part, _TIMES)
    os.rename(part, destination)


def in_two_streams(source: Path, destination: Path) -> None:
    """The whole length first, then the last half before the first, under the final name."""
    content = source.read_bytes()
    half = len(content) // 2
    with destination.open("wb") as stream:
        stream.truncate(len(content))
        stream.seek(half)
        stream.write(content[half:])
        stream.flush()
        stream.seek(0)
        stream.write(content[:half])


IMITATED: dict[str, Client] = {
    "firefox": each(firefox),
    "chrome": each(chrome),
    "safari": each(safari),
    "finder": each(finder),
    "explorer": each(explorer),
    "robocopy": each(robocopy),
    "nextcloud": each(nextcloud),
    "syncthing": each(syncthing),
    "two streams": each(in_two_streams),
}
