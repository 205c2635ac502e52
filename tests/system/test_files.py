import errno
import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presqt_daemon.system.copying import copy_durably
from presqt_daemon.system.files import (
    create_file,
    free_bytes,
    is_same_file,
    json_bytes,
    printable_name,
    remove_tree,
    rename_durably,
    rename_to_free,
    replace_file,
)


def test_a_file_is_replaced_with_its_mode_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "status"
    old_umask = os.umask(0o077)
    try:
        replace_file(path, b"one")
        replace_file(path, b"two", mode=0o664, durable=False)
    finally:
        os.umask(old_umask)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o664
    assert os.listdir(tmp_path) == ["status"]


def test_readers_see_the_old_or_the_new_and_never_nothing(tmp_path: Path) -> None:
    path = tmp_path / "status"
    contents = (b"a" * 200_000, b"b" * 200_000)
    replace_file(path, contents[0])
    is_over = threading.Event()
    wrong: list[int] = []

    def read() -> None:
        while not is_over.is_set():
            content = path.read_bytes()
            if content not in contents:
                wrong.append(len(content))

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(200):
        replace_file(path, contents[turn % 2], durable=False)
    is_over.set()
    reader.join()
    assert wrong == []


def test_a_failed_replacement_leaves_the_old_file_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "status"
    replace_file(path, b"old")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["status"]


def test_a_planted_link_is_not_written_through(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"keep")
    (tmp_path / ".status.tmp").symlink_to(outside)
    replace_file(tmp_path / "status", b"mine")
    (tmp_path / "note").symlink_to(tmp_path / "dangling")
    with pytest.raises(FileExistsError):
        create_file(tmp_path / "note", b"x")
    assert outside.read_bytes() == b"keep"
    assert not (tmp_path / "dangling").exists()


def test_a_file_is_created_once(tmp_path: Path) -> None:
    create_file(tmp_path / "a", b"one", mode=0o600)
    with pytest.raises(FileExistsError):
        create_file(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"one"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_a_copy_is_whole_and_never_onto_another(tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    source = tmp_path / "source"
    source.write_bytes(content)
    with source.open("rb") as stream:
        stream.read(10)
        count = copy_durably(stream.fileno(), tmp_path / "copy", mode=0o640)
        with pytest.raises(FileExistsError):
            copy_durably(stream.fileno(), tmp_path / "copy", mode=0o640)
    assert count == len(content)
    assert (tmp_path / "copy").read_bytes() == content
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o640


def test_a_rename_goes_between_folders(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"x")
    rename_durably(tmp_path / "a" / "x", tmp_path / "b" / "y")
    assert (tmp_path / "b" / "y").read_bytes() == b"x"


def test_a_tree_goes_whatever_its_rights_and_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep").write_bytes(b"")
    tree = tmp_path / "tree"
    (tree / "locked" / "inner").mkdir(parents=True)
    (tree / "locked" / "inner" / "a").write_bytes(b"")
    (tree / "way out").symlink_to(outside)
    (tree / "locked" / "inner").chmod(0o500)
    (tree / "unread" / "inner").mkdir(parents=True)
    (tree / "unread").chmod(0o300)
    (tree / "locked").chmod(0o500)
    remove_tree(tree)
    remove_tree(tree)
    assert sorted(os.listdir(tmp_path)) == ["outside"]
    assert (outside / "keep").exists()
    (tmp_path / "link").symlink_to(outside)
    remove_tree(tmp_path / "link")
    assert (outside / "keep").exists()


def test_a_changed_file_is_not_the_same(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"one")
    before = path.stat()
    assert is_same_file(before, path.stat())
    os.utime(path, ns=(1, 1))
    assert not is_same_file(before, path.stat())


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_every_name_can_be_written_into_a_status(name: bytes) -> None:
    shown = printable_name(os.fsdecode(name))
    assert shown.encode("utf-8")
    assert json_bytes({"name": shown})


def test_bytes_that_are_not_utf8_are_shown_as_such() -> None:
    assert printable_name(os.fsdecode(b"caf\xe9.zip")) == "caf\\xe9.zip"
    assert printable_name("Größe") == "Größe"


def test_json_is_indented_by_four_and_keeps_letters() -> None:
    assert json_bytes({"a": "ü"}) == '{\n    "a": "ü"\n}\n'.encode()


def test_free_space_is_a_number_of_bytes(tmp_path: Path) -> None:
    assert free_bytes(tmp_path) > 0


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_rename_to_a_name_that_is_taken_overwrites_nothing(tmp_path: Path, kind: str) -> None:
    source, taken = tmp_path / "source", tmp_path / "taken"
    source.write_bytes(b"new")
    if kind == "file":
        taken.write_bytes(b"old")
    elif kind == "folder":
        taken.mkdir()
    else:
        taken.symlink_to("nowhere")
    before = taken.lstat()
    with pytest.raises(FileExistsError):
        rename_to_free(str(source), str(taken))
    assert taken.lstat() == before
    handle = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    rename_to_free("source", "free", src_dir_fd=handle, dst_dir_fd=handle)
    os.close(handle)
    assert (tmp_path / "free").read_bytes() == b"new"
    assert not source.exists()
    with pytest.raises(FileNotFoundError):
        rename_to_free(str(source), str(tmp_path / "other"))
