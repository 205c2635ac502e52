"""The operator's own check of a bag, by the daemon as a process; with ClamAV itself where it is."""

import contextlib
import os
import shutil
import signal
from pathlib import Path

import psutil
import pytest

from tests.bags import bag_zip, drop
from tests.house.house import open_house, wait_until
from tests.house.shelf import Fault, Shelf
from tests.house.users import SERVICE, house_of_users

CLEAN = {"P/good.txt": b"harmless\n"}
MARK = b"presqt-daemon test signature 8c3f"
DIRTY = {"P/good.txt": b"harmless\n", "P/bad dir/bad.bin": b"\x00\x01" + MARK + b"\x02"}


def test_a_refused_bag_is_told_its_findings_and_nothing_is_sent(tmp_path: Path) -> None:
    script = "grep -rl --null-data 'test signature' data | sed 's/$/: not allowed/' ; exit 0"
    check = ["sh", "-c", f'out=$({script.removesuffix("; exit 0")}); echo "$out"; [ -z "$out" ]']
    with open_house(tmp_path, staging={"check_command": check}) as house:
        house.start()
        drop(bag_zip(DIRTY), house.inbox / "archive" / "bad.zip")
        drop(bag_zip(CLEAN), house.inbox / "archive" / "good.zip")
        assert house.ended("good.zip")["status"] == "finished"
        info = house.ended("bad.zip")
        assert (info["status"], info["status_code"]) == ("failed", 400)
        assert info["error_code"] == "refused-by-policy"
        assert [(item["path"], item["message"]) for item in info["errors"]] == [
            ("data/P/bad dir/bad.bin", "data/P/bad dir/bad.bin: not allowed")
        ]
        assert [name for name in house.deposited() if "bad" in name] == []
        left = {path.name for path in (house.uploads / info["ticket_number"]).iterdir()}
        assert "bag" not in left
        assert "bad.zip" in left


def test_a_ticket_waits_for_a_check_that_cannot_run_and_is_checked_later(tmp_path: Path) -> None:
    program = tmp_path / "check"
    with open_house(tmp_path, staging={"check_command": [str(program)]}) as house:
        house.start()
        drop(bag_zip(CLEAN), house.inbox / "archive" / "one.zip")
        info = wait_until(
            lambda: (i := house.of("one.zip")) and i["next_attempt_at"] and i, what="to wait"
        )
        assert info["waiting_for"] == "the check of this service's rules"
        assert str(program) not in info["message"]
        assert f"{program} is not there" in house.log
        assert house.deposited() == {}
        # killed while it waits: the next start checks at once, and lets nothing pass unchecked
        house.stop(signal.SIGKILL)
        program.write_text("#!/bin/sh\necho 'still not'\nexit 9\n")
        program.chmod(0o755)
        house.start()
        info = house.ended("one.zip")
        assert info["error_code"] == "refused-by-policy"
        assert house.deposited() == {}
        program.write_text("#!/bin/sh\nexit 0\n")
        assert house.run("retry", info["ticket_number"]).returncode == 0
        wait_until(lambda: house.info(info["ticket_number"])["status"] == "finished")


def test_a_kill_in_the_middle_of_a_check_leaves_no_bag_unchecked(tmp_path: Path) -> None:
    flag = tmp_path / "go"
    began = tmp_path / "began"
    check = ["sh", "-c", f"touch {began}; until [ -e {flag} ]; do sleep 0.05; done; exit 4"]
    with open_house(tmp_path, staging={"check_command": check}) as house:
        house.start()
        drop(bag_zip(CLEAN), house.inbox / "archive" / "one.zip")
        wait_until(began.exists)
        family = house.family()
        house.stop(signal.SIGKILL)
        for process in family[1:]:
            if process.is_running():
                process.kill()
        began.unlink()
        house.start()
        wait_until(began.exists)
        flag.touch()
        assert house.ended("one.zip")["error_code"] == "refused-by-policy"
        assert house.deposited() == {}


@pytest.mark.full
def test_a_bag_is_checked_once_whatever_dies_after_it_was_staged(tmp_path: Path) -> None:
    count = tmp_path / "count"
    with Shelf() as shelf:
        shelf.faults.append(Fault("hang", times=1))
        with open_house(
            tmp_path,
            targets={"shelf": shelf.target()},
            staging={"check_command": ["sh", "-c", f"echo once >> {count}"]},
        ) as house:
            house.start()
            # small, so that its staging goes straight on into sending
            drop(bag_zip(CLEAN), house.inbox / "shelf" / "one.zip")
            wait_until(lambda: any(method == "PUT" for method, _ in shelf.requests))
            assert count.read_text() == "once\n"
            wait_until(lambda: (i := house.of("one.zip")) and i["stage"] == "hashed")
            house.stop(signal.SIGKILL)
            shelf.released.set()
            house.start()
            assert house.ended("one.zip")["status"] == "finished"
            assert count.read_text() == "once\n"


@pytest.mark.full
@pytest.mark.parametrize("then", ["goes on", "cancel"])
def test_a_kill_in_a_check_leaves_no_folder_that_a_service_without_roots_rights_cannot_remove(
    then: str,
) -> None:
    archive = {"archive": {"type": "folder", "path": "archive"}}
    with house_of_users({"archive": SERVICE}, lambda _shelf: archive) as (house, _shelf):
        flag, began = house.root / "go", house.root / "began"
        check = f"touch {began}; until [ -e {flag} ]; do sleep 0.05; done; cat {flag}"
        house.configure(staging={"check_command": ["sh", "-c", check]})
        house.start()
        place = house.inbox / "archive" / "one.zip"
        aside = house.root / "one.zip"
        aside.write_bytes(bag_zip({"P/deep/er/good.txt": b"harmless"}))
        os.chown(aside, SERVICE, SERVICE)
        aside.rename(place)
        wait_until(began.exists)
        ticket = house.tickets()[0]
        folder = house.uploads / ticket
        (left,) = folder.glob(".staging-*")
        assert not any(path.stat().st_mode & 0o222 for path in [left, *left.rglob("*")])
        family = house.family()
        house.stop(signal.SIGKILL)
        for process in family[1:]:
            with contextlib.suppress(psutil.Error):
                process.kill()
        began.unlink()
        house.start()
        wait_until(began.exists)
        assert not left.exists()
        if then == "cancel":
            (house.control / f"{ticket}.cancel").touch()
            assert house.ended("one.zip")["error_code"] == "cancelled"
            wait_until(lambda: not [path for path in folder.iterdir() if path.is_dir()])
        else:
            flag.touch()
            assert house.ended("one.zip")["status"] == "finished"
        assert "stays" not in house.log


@pytest.mark.full
@pytest.mark.skipif(shutil.which("clamscan") is None, reason="clamscan is missing (clamav)")
def test_clamav_as_the_page_runs_it_finds_a_virus_and_lets_the_rest_pass(tmp_path: Path) -> None:
    signatures = tmp_path / "own.ndb"
    page = Path("presqt_daemon/settings/README.md").read_text(encoding="utf-8")
    (line,) = [text.strip(" -") for text in page.splitlines() if "clamscan --recursive" in text]
    line = line.replace("clamscan ", f"clamscan --database={signatures} ", 1)
    check = ["sh", "-c", line]
    with open_house(tmp_path, staging={"check_command": check}) as house:
        house.start()
        drop(bag_zip(CLEAN), house.inbox / "archive" / "early.zip")
        # without signatures it cannot look: exit code 2, which says nothing of the bag
        wait_until(lambda: (i := house.of("early.zip")) and i["next_attempt_at"], 120)
        assert house.deposited() == {}
        signatures.write_text(f"Test.OfOurs:0:*:{MARK.hex()}\n")
        drop(bag_zip(DIRTY), house.inbox / "archive" / "bad.zip")
        drop(bag_zip(CLEAN), house.inbox / "archive" / "good.zip")
        info = house.ended("bad.zip", 120)
        assert info["error_code"] == "refused-by-policy", info
        assert [item["path"] for item in info["errors"]] == ["data/P/bad dir/bad.bin"]
        assert "Test.OfOurs.UNOFFICIAL FOUND" in info["message"]
        assert house.ended("good.zip", 120)["status"] == "finished"
        assert os.listdir(house.archive)
