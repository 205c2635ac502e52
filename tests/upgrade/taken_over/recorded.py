"""The recorded `mediafiles` of ce54275, laid out for a test: `record.py` says how it was made."""

import base64
import json
import os
import tarfile
from pathlib import Path
from typing import Any

from presqt_daemon.system.host import boot_id, host_name
from tests.house.shelf import Room, Shelf

PLACE = "/srv/presqt"
ADDRESS = "shelf.example:80"
BOOT = "0b001b00-0000-4000-8000-000000000000"
HOST = "the-host-of-then"
ARCHIVE = Path(__file__).parent / "mediafiles.tar.xz"


def payload(name: str) -> dict[str, bytes]:
    """What the bag of a recorded drop holds; its title is the drop's name."""
    title = name.replace(":", "-")
    return {f"{title}/{part}.txt": f"{name} {part}".encode() for part in ("a", "b", "deep/c")}


def lay_out(place: Path, shelf: Shelf, *, same_boot: bool) -> None:
    """Inbox, mediafiles and archive as they were, in a place of today; the shelf's rooms too."""
    words = {PLACE: str(place), ADDRESS: shelf.address}
    if same_boot:
        words |= {BOOT: boot_id(), HOST: host_name()}
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            _unpack(archive, member, place, words)
    made: dict[str, str] = json.loads((place / "inodes.json").read_bytes())
    for number, folder in made.items():
        _change(place, number, str((place / folder).stat().st_ino))
    for room in json.loads((place / "rooms.json").read_bytes()):
        files = {name: base64.b64decode(text) for name, text in room["files"].items()}
        shelf.rooms[room["id"]] = Room(room["title"], room["mark"], files)


def _unpack(
    archive: tarfile.TarFile, member: tarfile.TarInfo, place: Path, words: dict[str, str]
) -> None:
    path = place / member.name
    if member.isdir():
        path.mkdir(exist_ok=True)
        path.chmod(member.mode)
    elif member.issym():
        path.symlink_to(_of_today(member.linkname, words))
    elif member.islnk():
        path.hardlink_to(place / member.linkname)
    else:
        stream = archive.extractfile(member)
        assert stream is not None
        content = stream.read()
        if ".json" in path.name:
            content = _of_today(content.decode(), words).encode()
        path.write_bytes(content)
        path.chmod(member.mode)
        os.utime(path, (member.mtime, member.mtime))


def _of_today(text: str, words: dict[str, str]) -> str:
    for old, new in words.items():
        text = text.replace(old, new)
    return text


def _change(place: Path, old: str, new: str) -> None:
    """A folder's number of then, in marks, journals and claims, becomes the one of today."""
    files: list[Any] = [
        *(place / "archive").glob(".presqt-*/container.json"),
        *(place / "mediafiles" / "uploads").glob("*/journal.jsonl"),
        *(place / "mediafiles" / "uploads").glob("*/claim.json"),
    ]
    for path in files:
        text = path.read_text()
        if old in text:
            path.write_text(text.replace(old, new))
