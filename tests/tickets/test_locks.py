import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from presqt_daemon.tickets.locks import LOCK_NAME, FolderLock, HeldError, is_held, lease_ended

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to others")
HOLDER = (
    "import sys, time; from pathlib import Path\n"
    "from presqt_daemon.tickets.locks import FolderLock\n"
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


def plant(kind: str, path: Path, outside: Path) -> None:
    """What a sender may put under the lock's name."""
    match kind:
        case "link":
            path.symlink_to(outside)
        case "second name":
            path.hardlink_to(outside)
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
            (path / "full").touch()


@pytest.mark.parametrize("kind", ["link", "second name", "pipe", "folder"])
def test_what_a_sender_plants_under_the_locks_name_does_not_stop_the_service(
    tmp_path: Path, kind: str
) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"keep")
    folder = tmp_path / "inbox"
    folder.mkdir()
    plant(kind, folder / LOCK_NAME, outside)
    lock = FolderLock(folder)
    status = (folder / LOCK_NAME).lstat()
    assert stat.S_ISREG(status.st_mode)
    assert status.st_mode & 0o777 == 0o600
    with pytest.raises(HeldError):
        FolderLock(folder)
    lock.release()
    assert outside.read_bytes() == b"keep"


@needs_root
def test_a_sender_who_holds_a_lock_file_of_his_own_does_not_stop_the_service(
    tmp_path: Path,
) -> None:
    path = tmp_path / LOCK_NAME
    path.touch()
    os.chown(path, 65_533, 65_533)
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        lock = FolderLock(tmp_path)
    with pytest.raises(HeldError):
        FolderLock(tmp_path)
    lock.release()


@needs_root
def test_a_start_by_root_respects_the_lock_of_the_service_that_owns_the_folder(
    tmp_path: Path,
) -> None:
    os.chown(tmp_path, 65_534, 65_534)
    lock = FolderLock(tmp_path)
    os.chown(tmp_path / LOCK_NAME, 65_534, 65_534)
    with pytest.raises(HeldError):
        FolderLock(tmp_path)
    lock.release()


@needs_root
def test_who_may_not_open_the_lock_file_is_told_as_well() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        lock = FolderLock(folder)
        assert ask_as_somebody(folder) == "True"
        lock.release()
        assert ask_as_somebody(folder) == "False"


def ask_as_somebody(folder: Path) -> str:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from presqt_daemon.tickets.locks import is_held\n"
        "os.setuid(65533); print(is_held(Path(sys.argv[1])))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_start_outwaits_somebody_who_asks(tmp_path: Path) -> None:
    FolderLock(tmp_path).release()
    asking = (tmp_path / LOCK_NAME).open("rb")
    fcntl.flock(asking, fcntl.LOCK_SH)
    timer = threading.Timer(0.05, asking.close)
    timer.start()
    FolderLock(tmp_path).release()
    timer.join()


def test_junk_in_the_lock_file_is_no_reason_to_crash(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    (tmp_path / LOCK_NAME).write_bytes(b"[1, 2")
    with pytest.raises(HeldError, match="another presqt-daemon"):
        FolderLock(tmp_path)
    lock.release()


@pytest.fixture
def ticket(tmp_path: Path) -> Path:
    folder = tmp_path / "uploads" / "ticket"
    folder.mkdir(parents=True)
    return folder


def test_an_ended_ticket_has_one_holder_and_the_next_one_waits(ticket: Path) -> None:
    moments = iter([0.0, 1.0, 2.0, 3.0])
    with lease_ended(ticket):
        with pytest.raises(HeldError, match="busy"), lease_ended(ticket):
            raise AssertionError
        with (
            pytest.raises(HeldError),
            lease_ended(
                ticket, wait_seconds=2.5, clock=lambda: next(moments), sleep=lambda _seconds: None
            ),
        ):
            raise AssertionError
        assert next(moments, None) is None
    with lease_ended(ticket):
        pass
    with lease_ended(ticket) as _, pytest.raises(FileNotFoundError), lease_ended(ticket / "x"):
        raise AssertionError


def test_the_lock_of_one_ended_ticket_is_not_anothers(ticket: Path) -> None:
    other = ticket.with_name("other")
    other.mkdir()
    with lease_ended(ticket), lease_ended(other):
        pass


def test_a_file_system_without_such_locks_is_not_taken_for_a_holder(
    ticket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_handle: int, _operation: int, *_more: object) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    with pytest.raises(OSError, match="Bad file descriptor"), lease_ended(ticket, wait_seconds=60):
        raise AssertionError


def test_who_waits_gets_the_ticket_when_it_is_let_go(ticket: Path) -> None:
    holder = ExitStack()
    holder.enter_context(lease_ended(ticket))
    with lease_ended(ticket, wait_seconds=60, sleep=lambda _seconds: holder.close()):
        pass
