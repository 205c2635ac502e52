"""The service's folder on a host's own disk: whose it must be, and who removes what is left."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from presqt_daemon.staging.scratch import own_folder
from presqt_daemon.staging.scratch.own_folder import ScratchError, open_scratch, service_folder
from presqt_daemon.system.files import remove_tree
from presqt_daemon.system.host import boot_id, host_name, instance_id

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give folders away")


@pytest.fixture(autouse=True)
def _no_part_stays_known() -> Iterator[None]:
    yield
    own_folder._opened.clear()


def part_of(base: Path, instance: str) -> Path:
    """What a process of that instance has left."""
    part = service_folder(base) / instance
    (part / "ticket.1" / "bag").mkdir(parents=True)
    (part / "ticket.1" / "bag" / "file").write_bytes(b"x")
    (part / ".lock").touch()
    return part


def test_a_run_has_a_folder_of_its_own_that_goes_with_it(tmp_path: Path) -> None:
    scratch = open_scratch(tmp_path)
    with scratch.place("one", 1) as place, scratch.place("one", 2) as other:
        (place / "file").write_bytes(b"x")
        assert place != other
        assert {path.stat().st_mode & 0o777 for path in (place, service_folder(tmp_path))} == {
            0o700
        }
    assert not place.exists()
    assert not other.exists()
    assert open_scratch(tmp_path) is scratch


def test_a_part_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    first = open_scratch(tmp_path)
    remove_tree(first.folder)
    with open_scratch(tmp_path).place("one", 1) as place:
        assert place.is_dir()


def test_what_a_dead_process_of_this_host_left_goes_and_nothing_else(tmp_path: Path) -> None:
    here = f"{host_name()}:{boot_id()}"
    dead = part_of(tmp_path, f"{here}:1-aa")
    before_boot = part_of(tmp_path, f"{host_name()}:another-boot:1-bb")
    elsewhere = part_of(tmp_path, f"another-host:{boot_id()}:1-cc")
    alive = part_of(tmp_path, f"{here}:1-dd")
    handle = os.open(alive / ".lock", os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        own = open_scratch(tmp_path).folder
    finally:
        os.close(handle)
    assert own.name == instance_id()
    assert [path.exists() for path in (dead, before_boot, elsewhere, alive)] == [
        False, False, True, True,
    ]  # fmt: skip


@needs_root
@pytest.mark.parametrize(
    ("owner", "mode", "words"),
    [
        (NOBODY, 0o700, f"was made by user {NOBODY}"),
        (0, 0o750, "is open to other users"),
    ],
    ids=["another user's", "open"],
)
def test_a_folder_of_that_name_that_is_not_the_services_is_refused(
    tmp_path: Path, owner: int, mode: int, words: str
) -> None:
    own = tmp_path / "presqt-daemon-0"
    own.mkdir()
    own.chmod(mode)
    os.chown(own, owner, owner)
    with pytest.raises(ScratchError, match=words):
        open_scratch(tmp_path)


@needs_root
@pytest.mark.parametrize(
    ("owner", "mode", "words"),
    [
        (NOBODY, 0o755, f"belongs to user {NOBODY}"),
        (0, 0o777, "lets others rename"),
        (0, 0o1777, None),
    ],
    ids=["another user's", "open", "sticky"],
)
def test_a_place_where_others_could_exchange_a_bag_is_refused(
    tmp_path: Path, owner: int, mode: int, words: str | None
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    base.chmod(mode)
    os.chown(base, owner, owner)
    if words is None:
        open_scratch(base)
        return
    with pytest.raises(ScratchError, match=words):
        open_scratch(base)
    assert os.listdir(base) == []


def test_links_files_and_what_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ScratchError, match="mount its disk"):
        open_scratch(tmp_path / "not mounted")
    (tmp_path / "file").touch()
    with pytest.raises(ScratchError, match="is no folder"):
        open_scratch(tmp_path / "file")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"presqt-daemon-{os.geteuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ScratchError, match="not by the service"):
        open_scratch(tmp_path)
