import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from presqt_daemon.staging.policy.untouched import changes_in, make_read_only, make_writable


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    folder = tmp_path / "bag"
    (folder / "data" / "deep").mkdir(parents=True)
    (folder / "bagit.txt").write_bytes(b"bagit")
    (folder / "data" / "deep" / os.fsdecode(b"caf\xe9")).write_bytes(b"payload")
    (folder / "data" / "a.txt").write_bytes(b"a")
    (folder / "data" / "a.txt").chmod(0o640)
    return folder


def modes(bag: Path) -> dict[str, int]:
    return {str(path): stat.S_IMODE(path.lstat().st_mode) for path in [bag, *bag.rglob("*")]}


def test_nobody_may_write_until_the_rights_are_given_back(bag: Path) -> None:
    was = modes(bag)
    before = make_read_only(bag)
    assert not any(mode & 0o222 for mode in modes(bag).values())
    assert changes_in(bag, before) is None
    make_writable(bag, before)
    assert modes(bag) == was


def test_reading_is_no_change(bag: Path) -> None:
    before = make_read_only(bag)
    for path in bag.rglob("*"):
        if path.is_file():
            path.read_bytes()
    assert changes_in(bag, before) is None


def rewrite(bag: Path) -> None:
    path = bag / "data" / "a.txt"
    times = path.stat()
    path.chmod(0o600)
    path.write_bytes(b"b")
    path.chmod(0o440)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def put_a_link_in_place(bag: Path) -> None:
    (bag / "data").chmod(0o700)
    (bag / "data" / "a.txt").unlink()
    (bag / "data" / "a.txt").symlink_to(bag.parent / "other")


def remove(bag: Path) -> None:
    (bag / "data").chmod(0o700)
    (bag / "data" / "a.txt").unlink()


def add(bag: Path) -> None:
    bag.chmod(0o700)
    (bag / "quarantine").mkdir()
    bag.chmod(0o500)


@pytest.mark.parametrize("act", [rewrite, remove, add, put_a_link_in_place])
def test_whatever_is_changed_is_found(bag: Path, act: Callable[[Path], None]) -> None:
    other = bag.parent / "other"
    other.write_bytes(b"not of the bag")
    other.chmod(0o600)
    before = make_read_only(bag)
    act(bag)
    assert changes_in(bag, before) is not None
    make_writable(bag, before)
    assert stat.S_IMODE(other.stat().st_mode) == 0o600
