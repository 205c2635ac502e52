"""What senders can make the daemon's log say, from outside."""

import io
import os
import re
import zipfile
from pathlib import Path

from tests.bags import bag_zip, drop
from tests.house.house import House, open_house, wait_until

TARGETS = {name: {"type": "folder", "path": name} for name in ("lab", "other")}
EACH, FEW = 70, 20


def no_bag(number: int) -> bytes:
    """A whole zip without a bag in it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(f"{number}.txt", "x")
    return content.getvalue()


def drop_junk(house: House, each: int) -> int:
    """Junk of every kind that a sender of one lab can leave; the number of tickets it makes."""
    lab = house.inbox / "lab"
    for number in range(each):
        os.symlink("/etc/passwd", lab / f"link-{number}.zip")
        os.symlink("/etc/passwd", lab / f"odd-{number}")
        os.mkfifo(lab / f"pipe-{number}.zip")
        drop(no_bag(number), lab / f"nobag-{number}.zip")
        drop(b"junk", lab / f"junk-{number}.zip")
        (lab / f"side-{number}.zip.yaml").write_text("title: [")
        drop(bag_zip(), lab / f"side-{number}.zip")
        (lab / f"x-{number}.zip.0123abcd.cancel").touch()
        (lab / f"bag-{number}").mkdir()
        (lab / f"bag-{number}" / "bagit.txt").touch()
        # any number of folders must not be any number of shares
        unknown = house.inbox / f"nosuch-{number}"
        unknown.mkdir()
        os.symlink("/etc/passwd", unknown / "y.zip")
    return 7 * each


def failed(house: House) -> int:
    return sum(info["status"] == "failed" for info in house.infos())


def test_junk_of_every_kind_makes_few_lines_and_hides_nobody_elses(
    tmp_path: Path, full: bool
) -> None:
    with open_house(tmp_path, targets=TARGETS) as house:
        house.start()
        before = house.log.count("\n")
        wanted = drop_junk(house, EACH if full else FEW)
        wait_until(lambda: failed(house) >= wanted, 240, what="for all junk", every=0.5)
        drop(no_bag(0), house.inbox / "other" / "theirs.zip")
        theirs = house.ended("theirs.zip", 60)
        assert f"{theirs['ticket_number']} failed: " in house.log
        assert house.stop() == 0
        lines = house.log.splitlines()[before:]
        # under a slow machine a kind may have had a second line, or a third
        assert len(lines) < 100, house.log
        told = sum(
            int(count) for line in lines for count in re.findall(r"(\d+) more of this", line)
        )
        said = sum(" failed: " in line for line in lines)
        assert told + said > wanted
        counts = [line for line in lines if "failed (" in line]
        assert any("inbox/lab: failed (malformed-bag): " in line for line in counts), lines
        assert any("inbox: failed (unreadable-file): " in line for line in counts), lines
