import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from presqt_daemon.tickets.lease import LOCK_NAME, FolderLock, HeldError, is_held, lease_ended

HOLDER = (
    "import sys, time; from pathlib import Path\n"
    "from presqt_daemon.tickets.lease import FolderLock\n"
    "lock = FolderLock(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)\n"
)


def test_a_second_instance_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    with pytest.raises(HeldError, match=f"pid {os.getpid()} on"):
        FolderLock(tmp_path)
    lock.release()
    FolderLock(tmp_path).release()


def test_a_folder_is_held_from_lock_to_release(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    lock = FolderLock(tmp_path)
    assert is_held(tmp_path)
    lock.release()
    assert not is_held(tmp_path)
    assert (tmp_path / LOCK_NAME).exists()


def test_asking_does_not_take_the_lock(tmp_path: Path) -> None:
    FolderLock(tmp_path).release()
    assert not is_held(tmp_path)
    FolderLock(tmp_path).release()


def test_the_kernel_lets_go_of_a_killed_holders_lock(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert is_held(tmp_path)
        holder.send_signal(signal.SIGKILL)
        holder.wait(20)
    assert not is_held(tmp_path)
    FolderLock(tmp_path).release()


def test_a_lock_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"keep")
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / LOCK_NAME).symlink_to(outside)
    with pytest.raises(OSError, match="symbolic link"):
        FolderLock(folder)
    assert outside.read_bytes() == b"keep"


def test_junk_in_the_lock_file_is_no_reason_to_crash(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    (tmp_path / LOCK_NAME).write_bytes(b"[1, 2")
    with pytest.raises(HeldError, match="another presqt-daemon"):
        FolderLock(tmp_path)
    lock.release()


def test_an_ended_ticket_has_one_holder_and_the_next_one_waits(tmp_path: Path) -> None:
    moments = iter([0.0, 1.0, 2.0, 3.0])
    with lease_ended(tmp_path):
        with pytest.raises(HeldError, match="busy"), lease_ended(tmp_path):
            raise AssertionError
        with (
            pytest.raises(HeldError),
            lease_ended(
                tmp_path, wait_seconds=2.5, clock=lambda: next(moments), sleep=lambda _seconds: None
            ),
        ):
            raise AssertionError
        assert next(moments, None) is None
    with lease_ended(tmp_path):
        pass
    with lease_ended(tmp_path) as _, pytest.raises(FileNotFoundError), lease_ended(tmp_path / "x"):
        raise AssertionError


def test_who_waits_gets_the_ticket_when_it_is_let_go(tmp_path: Path) -> None:
    holder = ExitStack()
    holder.enter_context(lease_ended(tmp_path))
    with lease_ended(tmp_path, wait_seconds=60, sleep=lambda _seconds: holder.close()):
        pass
