import contextlib
import errno
import os
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from presqt_daemon.errors import HouseFault, UserFault
from presqt_daemon.staging.library import trouble_with
from presqt_daemon.staging.make import bag_and_zip, is_bag
from presqt_daemon.zips import writing as write_zip
from tests.bagit.verdicts import bag, judge

NOBODY = 65534

CONTENT = {
    "a.txt": b"alpha\n",
    "sub/deep/b.bin": bytes(range(256)) * 5000,
    "sub/empty": b"",
    "sub/photo.PNG": b"\x89PNG" * 1000,
    "100%25 sure %0A.txt": b"percent",
    "line\nfeed and tab\t": b"odd",
    " edges ": b"spaces",
    "\u00e9 e\u0301 \U0001f600": b"accents",
    "-rf": b"dash",
    ".hidden": b"dot",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "given" / "My Project"
    for path, content in CONTENT.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(content)
    (place / "nothing here").mkdir()
    os.utime(place / "a.txt", (1_000_000_000, 1_000_000_000))
    os.utime(place / ".hidden", (0, 0))
    (place / "a.txt").chmod(0o440)
    (place / "sub").chmod(0o750)
    return place


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    place = tmp_path / "scratch"
    place.mkdir()
    return place


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    place = tmp_path / "inbox"
    place.mkdir()
    return place / "My Project.zip"


def state(folder: Path) -> dict[str, tuple[int, int, int, int, bytes | None]]:
    """Everything about a folder that bagging must not change."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else None
        found[str(path)] = (
            status.st_ino, status.st_mode, status.st_uid, status.st_mtime_ns, content,
        )  # fmt: skip
    return found


def contents_of(archive: Path, top: str) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        names = [info for info in opened.infolist() if not info.is_dir()]
        assert all(info.filename.startswith(f"{top}/") for info in names)
        return {info.filename.removeprefix(f"{top}/"): opened.read(info) for info in names}


def test_a_folder_becomes_a_zip_of_a_valid_bag_with_the_folder_as_payload(
    folder: Path, destination: Path, scratch: Path, tmp_path: Path
) -> None:
    assert bag_and_zip(folder, destination, scratch=scratch) == destination
    files = contents_of(destination, "My Project")
    payload = {path: content for path, content in files.items() if path.startswith("data/")}
    assert payload == {f"data/My Project/{path}": content for path, content in CONTENT.items()}
    verdict = judge(files)
    assert verdict.errors == []
    assert verdict.structure.algorithms == ("sha256", "sha512")
    with zipfile.ZipFile(destination) as opened:
        assert "My Project/data/My Project/nothing here/" in opened.namelist()


def test_the_library_takes_the_made_bag_for_valid_too(
    destination: Path, scratch: Path, tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "x.txt").write_bytes(b"x")
    bag_and_zip(plain, destination, scratch=scratch)
    with zipfile.ZipFile(destination) as opened:
        opened.extractall(tmp_path / "out")
    assert trouble_with(tmp_path / "out" / "plain") is None


@pytest.mark.parametrize("linking", [True, False])
def test_the_folder_itself_is_untouched(
    folder: Path,
    destination: Path,
    scratch: Path,
    linking: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not linking:

        def other_file_system(*_arguments: object, **_options: object) -> None:
            raise OSError(errno.EXDEV, "Invalid cross-device link")

        monkeypatch.setattr(os, "link", other_file_system)
    before = state(folder)
    bag_and_zip(folder, destination, scratch=scratch, title="T")
    assert state(folder) == before
    assert all(path.lstat().st_nlink == 1 for path in folder.rglob("*") if path.is_file())
    assert judge(contents_of(destination, "My Project")).valid


def test_nothing_is_left_in_scratch_and_the_working_directory_is_the_same(
    folder: Path, destination: Path, scratch: Path
) -> None:
    here = Path.cwd()
    bag_and_zip(folder, destination, scratch=scratch)
    assert list(scratch.iterdir()) == []
    assert list(destination.parent.iterdir()) == [destination]
    assert Path.cwd() == here


def test_nothing_is_left_after_a_failure_either(
    folder: Path, destination: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, before = Path.cwd(), state(folder)

    def full_disk(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(write_zip, "_add", full_disk)
    with pytest.raises(HouseFault) as caught:
        bag_and_zip(folder, destination, scratch=scratch)
    assert caught.value.code == "out-of-space"
    assert list(scratch.iterdir()) == []
    assert list(destination.parent.iterdir()) == []
    assert Path.cwd() == here
    assert state(folder) == before


def test_title_and_labels_stand_in_bag_info(folder: Path, destination: Path, scratch: Path) -> None:
    bag_and_zip(
        folder,
        destination,
        scratch=scratch,
        title="A title: with\na break",
        labels={"External-Identifier": "doi:10.1/x"},
    )
    info = dict(judge(contents_of(destination, "My Project")).structure.info)
    assert info["PresQT-Title"] == "A title: witha break"
    assert info["External-Identifier"] == "doi:10.1/x"
    assert info["Bag-Software-Agent"].startswith("presqt-daemon ")
    assert info["Payload-Oxum"] == f"{sum(map(len, CONTENT.values()))}.{len(CONTENT)}"


def test_what_is_compressed_already_is_stored(
    folder: Path, destination: Path, scratch: Path
) -> None:
    bag_and_zip(folder, destination, scratch=scratch)
    with zipfile.ZipFile(destination) as opened:
        kinds = {info.filename.rpartition("/")[2]: info.compress_type for info in opened.infolist()}
    assert kinds["photo.PNG"] == zipfile.ZIP_STORED
    assert kinds["a.txt"] == kinds["b.bin"] == zipfile.ZIP_DEFLATED


def test_a_bag_is_zipped_as_it_is(tmp_path: Path, destination: Path, scratch: Path) -> None:
    files = bag()
    place = tmp_path / "my bag"
    for path, content in files.items():
        assert isinstance(content, bytes)
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(content)
    before = state(place)
    assert is_bag(place)
    bag_and_zip(place, destination, scratch=scratch, title="ignored")
    assert contents_of(destination, "my bag") == files
    assert state(place) == before


def test_only_a_folder_with_bagit_txt_is_a_bag(tmp_path: Path, folder: Path) -> None:
    assert not is_bag(folder)
    assert not is_bag(folder / "a.txt")
    assert not is_bag(tmp_path / "none")
    (folder / "bagit.txt").mkdir()
    assert not is_bag(folder)


def refusal(folder: Path, destination: Path, scratch: Path) -> UserFault:
    before = state(folder)
    with pytest.raises(UserFault) as caught:
        bag_and_zip(folder, destination, scratch=scratch)
    assert state(folder) == before
    assert list(scratch.iterdir()) == []
    assert not list(destination.parent.glob("*.part"))
    return caught.value


def test_links_are_refused_by_name_and_never_followed(
    folder: Path, destination: Path, scratch: Path
) -> None:
    (folder / "sub" / "to file").symlink_to("/etc/hostname")
    (folder / "to folder").symlink_to("sub")
    (folder / "dangling").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    fault = refusal(folder, destination, scratch)
    assert fault.code == "bad-request"
    assert sorted(entry.path for entry in fault.findings) == [
        "dangling", "pipe", "sub/to file", "to folder",
    ]  # fmt: skip
    assert "(and 1 more)" in fault.message
    assert "is a symbolic link" in fault.message
    assert str(folder.parent) not in fault.message


def test_a_linked_folder_is_refused(
    folder: Path, destination: Path, scratch: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert "no folder" in refusal(link, destination, scratch).message


def test_a_name_that_is_not_utf_8_is_refused(
    folder: Path, destination: Path, scratch: Path
) -> None:
    os.close(os.open(os.fsencode(folder) + b"/caf\xe9", os.O_CREAT | os.O_WRONLY))
    fault = refusal(folder, destination, scratch)
    assert [entry.code for entry in fault.findings] == ["name-not-utf-8"]
    assert "caf\\xe9" in fault.message


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """As an ordinary user for a while, since root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_what_cannot_be_read_is_named() -> None:
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
        folder, scratch = Path("theirs"), Path("scratch")
        for path in ("ok.txt", "secret.txt", "closed/x.txt"):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(b"x")
        scratch.mkdir()
        (folder / "secret.txt").chmod(0)
        (folder / "closed").chmod(0)
        os.chmod(place, 0o755)
        try:
            with without_privileges(), pytest.raises(UserFault) as caught:
                bag_and_zip(folder, Path("x.zip"), scratch=scratch)
        finally:
            (folder / "closed").chmod(0o755)
    assert caught.value.code == "unreadable-file"
    assert {entry.path for entry in caught.value.findings} == {"closed", "secret.txt"}


def test_an_empty_folder_is_refused(tmp_path: Path, destination: Path, scratch: Path) -> None:
    empty = tmp_path / "empty"
    (empty / "sub").mkdir(parents=True)
    assert "holds no file" in refusal(empty, destination, scratch).message


def test_a_missing_folder_is_said(tmp_path: Path, destination: Path, scratch: Path) -> None:
    with pytest.raises(UserFault) as caught:
        bag_and_zip(tmp_path / "none", destination, scratch=scratch)
    assert caught.value.code == "unreadable-file"


def test_names_that_the_library_would_mix_up_are_refused(
    folder: Path, destination: Path, scratch: Path
) -> None:
    (folder / "x%0Ay").write_bytes(b"1")
    (folder / "x\ny").write_bytes(b"2")
    fault = refusal(folder, destination, scratch)
    assert fault.code == "bad-request"
    assert {entry.code for entry in fault.findings} >= {"listed-twice-conflicting"}
    assert str(scratch) not in fault.message


def test_what_another_run_writes_stays_as_it_is(
    folder: Path, destination: Path, scratch: Path
) -> None:
    part = destination.with_name("My Project.zip.part")
    part.write_bytes(b"half")
    with pytest.raises(UserFault) as caught:
        bag_and_zip(folder, destination, scratch=scratch)
    assert "My Project.zip.part exists already" in caught.value.message
    assert part.read_bytes() == b"half"


def test_a_name_that_is_taken_stays_as_it_is(
    folder: Path, destination: Path, scratch: Path
) -> None:
    destination.write_bytes(b"mine")
    assert "exists already" in refusal(folder, destination, scratch).message
    assert destination.read_bytes() == b"mine"


@pytest.mark.parametrize("inner", ["", "sub", "sub/deep"])
def test_a_folder_that_holds_the_inbox_or_scratch_is_refused(
    folder: Path, tmp_path: Path, scratch: Path, inner: str
) -> None:
    before = state(folder)
    with pytest.raises(UserFault):
        bag_and_zip(folder, folder / inner / "x.zip", scratch=scratch)
    with pytest.raises(UserFault):
        bag_and_zip(folder, tmp_path / "x.zip", scratch=folder / inner)
    assert state(folder) == before


def test_a_relative_folder_has_its_real_name(
    folder: Path, destination: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    bag_and_zip(Path("sub/.."), destination, scratch=scratch)
    assert "data/My Project/a.txt" in contents_of(destination, "My Project")
    assert Path.cwd() == folder


def test_the_library_says_nothing_on_its_own(
    folder: Path,
    destination: Path,
    scratch: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    bag_and_zip(folder, destination, scratch=scratch)
    assert trouble_with(folder) is not None
    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""
