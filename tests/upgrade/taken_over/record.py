"""Makes `mediafiles.tar.xz`: what the program of ce54275 left when it was killed at each point.

usage: python -m tests.upgrade.taken_over.record CHECKOUT OUT.tar.xz

CHECKOUT is a work tree of that commit. Every ticket comes of its real code: one daemon for each
point, killed with SIGKILL where it stands, and the folders of all put together. Places, addresses,
host and boot are replaced by neutral words, which `opened` turns into those of the day.
"""

import base64
import io
import json
import os
import re
import shutil
import signal
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from presqt_daemon.system.host import boot_id, host_name
from tests.bags import bag_zip, drop
from tests.house.house import House, open_house, wait_until
from tests.house.shelf import Shelf
from tests.upgrade.past import presqt
from tests.upgrade.taken_over.recorded import ADDRESS, BOOT, HOST, PLACE, payload

SKIPPED = {".presqt-daemon.lock", ".reserve", "log", "config.yaml"}
FIRST_NUMBER = 10**15


@dataclass(frozen=True, kw_only=True)
class Point:
    """One drop and where its daemon dies: `at` is a failpoint, `how` a way to drop."""

    at: str
    how: str = "moved"
    target: str = "archive"


POINTS = {
    **{
        name: Point(at=name)
        for name in (
            "claim-folder", "claim-info", "claim-zip", "claim-named", "claim-noted", "claim-kept",
            "status-in_progress-received", "stage-unpacked", "stage-validated", "payload-written",
            "stage-hashed", "status-in_progress-hashed", "send-intent", "folder-intent",
            "folder-made", "send-created", "send-opened", "put-written", "put-placed",
            "put-placed:3", "journal-flushed", "receipt-written", "status-finished-uploaded",
        )
    },
    **{
        f"sidecar-{name}": Point(at=name, how="with a side-car")
        for name in ("claim-info", "claim-sidecar", "claim-zip", "claim-named", "stage-hashed")
    },
    **{
        name: Point(at=name, how="linked")
        for name in ("copy-renamed", "copy-copied", "copy-named", "copy-unlinked")
    },
    **{
        f"shelf-{name}": Point(at=name, target="shelf")
        for name in (
            "stage-hashed", "send-intent", "send-created", "send-opened", "journal-flushed",
            "receipt-written", "status-finished-uploaded",
        )
    },
}  # fmt: skip


def main(checkout: Path, out: Path) -> None:
    """Record every point and pack them."""
    os.environ["PYTHONPATH"] = str(checkout)
    with tempfile.TemporaryDirectory() as work, Shelf() as shelf:
        every = Path(work, "every")
        every.mkdir()
        for name, point in POINTS.items():
            _record(Path(work, "place"), every, shelf, partial(_die, name=name, point=point))
            print(name, flush=True)
        for act in (_ended, _asked_again, _waits, _presqt, _half_removed):
            _record(Path(work, "place"), every, shelf, act)
            print(act.__name__, flush=True)
        _pack(every, Path(work, "place"), shelf, out)


def _record(place: Path, every: Path, shelf: Shelf, act: Callable[[House], None]) -> None:
    place.mkdir()
    targets = {
        "archive": {"type": "folder", "path": "archive"},
        "shelf": shelf.target(),
        "closed": {"type": "osf", "token_file": "no-token"},
    }
    with open_house(place, targets=targets) as house:
        act(house)
        if house.process is not None:
            family = house.family() if house.process.poll() is None else []
            house.process.send_signal(signal.SIGKILL)
            house.process.wait(10)
            wait_until(lambda: not any(member.is_running() for member in family[1:]))
            house.process = None
    for base, _folders, files in os.walk(place):
        for name in SKIPPED & set(files):
            os.unlink(Path(base, name))
    _number_folders(place, every)
    for part in ("inbox", "mediafiles", "archive"):
        if (place / part).exists():
            shutil.copytree(
                place / part, every / part, symlinks=True, dirs_exist_ok=True, copy_function=_move
            )
    shutil.rmtree(place)


def _number_folders(place: Path, every: Path) -> None:
    """Give each folder that is told by its inode a number of its own; inodes come again."""
    known = every / "inodes.json"
    inodes: dict[str, str] = json.loads(known.read_bytes()) if known.exists() else {}
    files = [*place.glob("archive/.presqt-*/container.json")]
    files += place.glob("mediafiles/uploads/*/journal.jsonl")
    files += place.glob("mediafiles/uploads/*/claim.json")
    for folder in (*place.glob("archive/[!.]*"), *place.glob("inbox/archive/a-bag")):
        number = str(FIRST_NUMBER + len(inodes))
        inodes[number] = str(folder.relative_to(place))
        for path in files:
            text = path.read_text()
            old = re.compile(rf'(inode": "?){folder.stat().st_ino}\b')
            path.write_text(old.sub(rf"\g<1>{number}", text))
    known.write_text(json.dumps(inodes, indent=1))


def _move(source: str, destination: str) -> str:
    """Keep the file itself, with its inode's links and its times."""
    if os.path.lexists(destination):
        os.unlink(destination)
    os.link(source, destination, follow_symlinks=False)
    return destination


def _die(house: House, name: str, point: Point) -> None:
    house.start(failpoint=point.at, ready=False)
    folder = house.inbox / point.target
    wait_until(folder.is_dir)
    place = folder / f"{name}.zip"
    content = bag_zip(payload(name))
    if point.how == "with a side-car":
        place.with_name(f"{place.name}.yaml").write_text(f"title: With {name}\n")
    if point.how == "linked":
        kept = house.inbox / f".kept-{name}"
        kept.write_bytes(content)
        place.hardlink_to(kept)
    else:
        drop(content, place)
    _killed(house)


def _killed(house: House) -> None:
    """The daemon has died at its point, or its worker has, and then it at once."""
    assert house.process is not None
    process = house.process
    wait_until(
        lambda: process.poll() is not None or "was killed by signal 9" in house.log, every=0.001
    )
    if process.poll() is None:
        process.kill()


def _ended(house: House) -> None:
    """Tickets of all ends."""
    house.start()
    folder = house.inbox / "archive"
    drop(bag_zip(payload("verified")), folder / "verified.zip")
    drop(b"no zip at all", folder / "rejected.zip")
    folder.joinpath("refused.zip.yaml").write_text("colour: green\n")
    drop(bag_zip(payload("refused")), folder / "refused.zip")
    (folder / "a-bag" / "data").mkdir(parents=True)
    (folder / "a-bag" / "bagit.txt").write_text("BagIt-Version: 1.0\n")
    for name in ("verified.zip", "rejected.zip", "refused.zip", "a-bag"):
        house.ended(name)
    (folder / "verified").mkdir()
    drop(bag_zip({"verified/later.txt": b"later"}), folder / "verified" / "into.zip")
    house.ended("into.zip")
    # the sender's notes and the folder stay as they are


def _asked_again(house: House) -> None:
    """A failed ticket that was to go again; its daemon died when that was written."""
    house.start(failpoint="reopened")
    drop(bag_zip({"bad/a.txt": b"a"}, algorithms=("sha512",)), house.inbox / "closed" / "again.zip")
    ticket = wait_until(lambda: house.of("again.zip"))["ticket_number"]
    wait_until(lambda: house.info(ticket)["waiting_for"] == "a token")
    house.run("cancel", ticket)
    house.ended("again.zip")
    house.run("retry", ticket)
    _killed(house)


def _waits(house: House) -> None:
    """A ticket whose target has no token."""
    house.start()
    drop(bag_zip(payload("waits")), house.inbox / "closed" / "waits.zip")
    wait_until(lambda: (i := house.of("waits.zip")) and i["waiting_for"] == "a token")


def _presqt(house: House) -> None:
    """Folders that PresQT itself would have left."""
    presqt(house.uploads)
    presqt(house.uploads, status="failed", status_code="500", message="Refused.")


def _half_removed(house: House) -> None:
    """A ticket whose records were being removed."""
    house.configure(retention={"verified": "1ms", "records": "1ms"})
    (house.inbox / "archive").mkdir(parents=True)
    drop(bag_zip(payload("gone")), house.inbox / "archive" / "gone.zip")
    house.run("run", "--once")
    house.run("prune", failpoint="expiry-renamed")


def _pack(every: Path, place: Path, shelf: Shelf, out: Path) -> None:
    rooms = [
        {
            "id": number,
            "title": room.title,
            "mark": room.mark,
            "files": {n: base64.b64encode(c).decode() for n, c in room.files.items()},
        }
        for number, room in shelf.rooms.items()
    ]
    (every / "rooms.json").write_text(json.dumps(rooms, indent=1))
    words = {
        str(place): PLACE,
        os.path.realpath(place): PLACE,
        shelf.address: ADDRESS,
        boot_id(): BOOT,
        host_name(): HOST,
    }
    with tarfile.open(out, "w:xz", preset=9) as archive:
        for path in sorted(every.rglob("*")):
            member = archive.gettarinfo(str(path), str(path.relative_to(every)))
            member.uid = member.gid = 0
            member.uname = member.gname = "root"
            if member.issym():
                member.linkname = _neutral(member.linkname, words)
            if not member.isreg():
                archive.addfile(member)
                continue
            content = path.read_bytes()
            if ".json" in path.name:
                content = _neutral(content.decode(), words).encode()
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def _neutral(text: str, words: dict[str, str]) -> str:
    pattern = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.sub(pattern, lambda found: words[found.group()], text)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
