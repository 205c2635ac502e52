import hashlib
import os
import stat
import threading
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from presqt_daemon.bagit.bag import Structure
from presqt_daemon.bagit.manifests import Manifest, ManifestName
from presqt_daemon.config import StagingConfig
from presqt_daemon.errors import HouseFault, UserFault
from presqt_daemon.model import Labels
from presqt_daemon.staging.code_page import open_bag_zip
from presqt_daemon.staging.folders import differences
from presqt_daemon.staging.preview import BagPreview
from presqt_daemon.staging.second_writer import helper_count, helpers_for, spare_cores
from presqt_daemon.staging.unpack import Unpacked, Writing, unpack
from presqt_daemon.zips import inflate
from presqt_daemon.zips.entries import Member
from tests.hostile_zips import BZIP2, DEFLATED, LZMA, STORED, build, pack, part
from tests.memory import traced_peak_bytes
from tests.staging.disk import OnWritten, hears_of_files

CONFIG = StagingConfig()
ALGORITHMS = frozenset({"md5", "sha512", "git-blob-sha1"})
LARGE = os.urandom(1 << 20) + b"text that deflates well " * 60_000
METHODS = {"stored": STORED, "deflated": DEFLATED, "bzip2": BZIP2, "lzma": LZMA}


def unpack_zip(
    content: bytes,
    folder: Path,
    *,
    mode: int = 0o600,
    from_disk: bool = False,
    algorithms: frozenset[str] = ALGORITHMS,
    on_written: OnWritten | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Unpacked:
    path = folder / "x.zip"
    path.write_bytes(content)
    with open_bag_zip(path, CONFIG) as archive, helpers_for(archive) as helpers:
        members = {entry.name: entry for entry in archive.members if not entry.is_folder}
        folders = {entry.name for entry in archive.members if entry.is_folder}
        for name in (*members, *folders):
            while name := name.rpartition("/")[0]:
                folders.add(name)
        bag = BagPreview(
            root="",
            members=members,
            folders=frozenset(folders),
            structure=listing(members, algorithms),
            labels=Labels(),
            payload_files=0,
            payload_bytes=0,
            unpacked_bytes=0,
        )
        how = Writing(
            folder=folder / "out",
            mode=mode,
            config=replace(CONFIG, read_back="disk" if from_disk else "cache"),
            progress=progress,
            helpers=helpers,
        )
        with hears_of_files(on_written):
            return unpack(archive, bag, how)


def listing(members: Collection[str], algorithms: Collection[str]) -> Structure:
    """A bag's structure whose manifests list every member, whatever its digests."""
    files = [
        ManifestName(name=f"manifest-{name}.txt", algorithm=name, is_tag=False, verifiable=True)
        for name in algorithms
    ]
    return Structure(
        version="1.0",
        algorithms=tuple(algorithms),
        info=(),
        findings=(),
        errors_total=0,
        warnings_total=0,
        manifests=tuple(
            Manifest(file=file, listed=dict.fromkeys(members, ""), absent={}) for file in files
        ),
    )


def expected(content: bytes) -> dict[str, str]:
    blob = b"blob %d\0" % len(content)
    return {
        "md5": hashlib.md5(content).hexdigest(),
        "sha512": hashlib.sha512(content).hexdigest(),
        "git-blob-sha1": hashlib.sha1(blob + content).hexdigest(),
    }


def zip_of(files: Mapping[str, bytes], method: int) -> bytes:
    return build(part(name, content, method=method) for name, content in files.items())


FILES = {
    "large": LARGE,
    "empty": b"",
    "d/small": b"small\n",
    "d/e/\u00e9 %20#&'": b"nasty",
    "d/block": b"b" * (1 << 20),
    "d/random": os.urandom(300_000),
}


@pytest.mark.parametrize("from_disk", [False, True])
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_method_gives_the_bytes_and_their_digests(
    method: int, tmp_path: Path, *, from_disk: bool
) -> None:
    done: list[tuple[int, int]] = []
    result = unpack_zip(
        zip_of(FILES, method),
        tmp_path,
        from_disk=from_disk,
        progress=lambda count, files: done.append((count, files)),
    )
    assert result.spoilt == []
    assert result.digests == {name: expected(content) for name, content in FILES.items()}
    for name, content in FILES.items():
        assert (tmp_path / "out" / name).read_bytes() == content
    assert sum(count for count, _ in done) == sum(map(len, FILES.values()))
    assert sum(files for _, files in done) == len(FILES)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_the_standard_library_inflates_the_same(
    method: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inflate, "_new_inflate", inflate._Inflate)
    monkeypatch.setattr(inflate, "_crc32", zlib.crc32)
    result = unpack_zip(zip_of(FILES, method), tmp_path)
    assert result.digests == {name: expected(content) for name, content in FILES.items()}


def test_files_and_folders_have_the_modes_asked_for_whatever_the_umask(tmp_path: Path) -> None:
    content = build([part("d/a", b"a", mode=0o104777), part("d/b", LARGE), part("e/", mode=0o777)])
    before = os.umask(0o077)
    try:
        unpack_zip(content, tmp_path, mode=0o640)
    finally:
        os.umask(before)
    out = tmp_path / "out"
    for name in ("d/a", "d/b"):
        assert stat.S_IMODE((out / name).stat().st_mode) == 0o640
    for name in ("", "d", "e"):
        assert stat.S_IMODE((out / name).stat().st_mode) == 0o750


@pytest.mark.parametrize("name", ["a", "big"])
def test_a_file_that_the_disk_spoils_is_named(name: str, tmp_path: Path) -> None:
    def spoil(path: str, fd: int) -> None:
        if path == name:
            os.pwrite(fd, b"!", os.fstat(fd).st_size - 1)

    files = {"a": b"alpha", "b": b"beta", "big": LARGE}
    result = unpack_zip(zip_of(files, DEFLATED), tmp_path, on_written=spoil)
    assert result.spoilt == [name]
    assert result.digests[name] != expected(files[name])


@pytest.mark.parametrize("name", ["a", "big"])
@pytest.mark.parametrize("size", [3, 10**7])
def test_a_file_of_another_length_on_disk_is_named(name: str, size: int, tmp_path: Path) -> None:
    def spoil(path: str, fd: int) -> None:
        if path == name:
            os.ftruncate(fd, size)

    files = {"a": b"alpha", "big": LARGE}
    assert unpack_zip(zip_of(files, STORED), tmp_path, on_written=spoil).spoilt == [name]


def test_an_error_of_the_writer_leaves_no_thread_and_no_descriptor(tmp_path: Path) -> None:
    def fail(path: str, fd: int) -> None:
        if path == "d/block":
            raise OSError(28, "full")

    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="full"):
        unpack_zip(zip_of(FILES, STORED), tmp_path, on_written=fail)
    assert len(os.listdir("/proc/self/fd")) == before
    assert not [entry for entry in threading.enumerate() if "read-back" in entry.name]


def test_an_error_of_a_lane_reaches_the_writer(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        unpack_zip(zip_of({"a": LARGE}, STORED), tmp_path, algorithms=frozenset({"md5", "none"}))
    assert not [entry for entry in threading.enumerate() if "read-back" in entry.name]


MANY = {f"d{n // 60}/f{n}": b"%d " % n * (n % 400) for n in range(9000)}


def test_many_small_files_are_shared_with_a_helper(tmp_path: Path) -> None:
    done: list[int] = []
    result = unpack_zip(
        zip_of(MANY, DEFLATED), tmp_path, mode=0o640, progress=lambda _, files: done.append(files)
    )
    assert result.spoilt == []
    assert result.digests == {name: expected(content) for name, content in MANY.items()}
    assert sum(done) == len(MANY)
    for name, content in MANY.items():
        assert (tmp_path / "out" / name).read_bytes() == content
        assert stat.S_IMODE((tmp_path / "out" / name).stat().st_mode) == 0o640


def helpers() -> list[psutil.Process]:
    """The unpacking helpers of this process, and children that nobody has waited for yet.

    The pool's forkserver, which other suites leave running here, names staging as well.
    """
    return [child for child in psutil.Process().children() if is_helper(child)]


def is_helper(child: psutil.Process) -> bool:
    try:
        return "staging.second_writer" in " ".join(child.cmdline())
    except psutil.ZombieProcess:
        return True


def test_what_a_helper_finds_damaged_is_named_here(tmp_path: Path) -> None:
    before = helpers()
    parts = [
        part(name, content, crc=1 if n == 5 else None)
        for n, (name, content) in enumerate(MANY.items())
    ]
    with pytest.raises(UserFault, match="damaged"):
        unpack_zip(build(parts), tmp_path)
    assert [one for one in helpers() if one not in before] == []


@pytest.mark.skipif(spare_cores() < 1, reason="needs a second core")
def test_a_helper_that_is_killed_is_a_fault_of_ours(tmp_path: Path) -> None:
    before = helpers()

    def kill(_: int, __: int) -> None:
        for child in helpers():
            child.kill()

    with pytest.raises(HouseFault, match="ended") as caught:
        unpack_zip(zip_of(MANY, STORED), tmp_path, progress=kill)
    assert (caught.value.code, caught.value.retryable) == ("worker-died", True)
    assert [one for one in helpers() if one not in before] == []


@pytest.mark.parametrize(("count", "size"), [(100, 1000), (1, 200_000)])
def test_little_work_is_done_alone(count: int, size: int) -> None:
    member = Member("x", False, STORED, 0, size, size, 0)
    assert helper_count([member] * count) == 0


@pytest.mark.parametrize("content", [b"ab" * 5000, b"b" * 5000 + bytes(range(256))])
@pytest.mark.parametrize("step", [1, 2, 3, 1000])
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_blocks_of_any_size_give_all_bytes(
    method: int, step: int, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(zip_of({"a": content}, method))
    with open_bag_zip(path, CONFIG) as archive:
        member = archive.members[0]
        for _ in range(2):
            blocks = list(inflate.unpacked(archive.fd, member, step))
            assert b"".join(blocks) == content
            assert max(map(len, blocks)) <= step
            monkeypatch.setattr(inflate, "_new_inflate", inflate._Inflate)


@pytest.mark.parametrize("method", [DEFLATED, BZIP2, LZMA], ids=["deflated", "bzip2", "lzma"])
def test_a_bomb_behind_a_small_size_writes_no_more_than_it_declares(
    method: int, tmp_path: Path
) -> None:
    packed = pack(b"\0" * (64 << 20), method)
    declared = 3 << 20
    with pytest.raises(UserFault, match="more bytes than the zip declares"):
        unpack_zip(build([part("a", packed=packed, size=declared, method=method)]), tmp_path)
    assert (tmp_path / "out" / "a").stat().st_size <= declared


def test_many_large_files_are_digested_behind_the_writer(tmp_path: Path) -> None:
    files = {f"f{n}": bytes([n]) * 400_000 for n in range(40)}
    before = len(os.listdir("/proc/self/fd"))
    result = unpack_zip(zip_of(files, STORED), tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before
    assert result.digests == {name: expected(content) for name, content in files.items()}


def test_nothing_that_is_there_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(FileExistsError):
        unpack_zip(zip_of(FILES, STORED), tmp_path)


def test_what_appears_or_disappears_on_disk_is_named(tmp_path: Path) -> None:
    unpack_zip(zip_of({"d/a": b"a", "b": b"b"}, STORED), tmp_path)
    out = tmp_path / "out"
    assert differences(out, {"d/a", "b"}, {"d"}) == []
    (out / "d" / "a").unlink()
    (out / "d" / "l").symlink_to("/etc/passwd")
    (out / "e").mkdir()
    assert differences(out, {"d/a", "b"}, {"d"}) == ["d/a", "d/l", "e"]


def test_a_member_is_digested_from_the_zip_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(zip_of({"a": LARGE}, DEFLATED))
    with open_bag_zip(path, CONFIG) as archive:
        found = inflate.stream_digests(archive, archive.members[0], ("md5",), lambda: None)
    assert found == {"md5": hashlib.md5(LARGE).hexdigest()}
    assert os.listdir(tmp_path) == ["x.zip"]


def test_a_wrong_checksum_of_a_large_file_is_damage_and_not_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(build([part("a", LARGE, crc=1)]))
    with open_bag_zip(path, CONFIG) as archive, pytest.raises(UserFault, match="damaged") as caught:
        inflate.stream_digests(archive, archive.members[0], ("md5",), lambda: None)
    assert caught.value.code == "incomplete-zip"


def unpack_with_digests(content: bytes, folder: Path) -> None:
    unpack_zip(content, folder, algorithms=frozenset({"md5", "sha512"}))


@pytest.mark.parametrize("method", [STORED, DEFLATED], ids=["stored", "deflated"])
def test_the_peak_of_memory_stays_far_below_the_size_of_a_file(method: int, tmp_path: Path) -> None:
    content = zip_of({"big": b"\0" * (96 << 20)}, method)
    peak = traced_peak_bytes(unpack_with_digests, content, tmp_path)
    assert (tmp_path / "out" / "big").stat().st_size == 96 << 20
    assert peak < 8 << 20


def test_an_lzma_member_cannot_ask_for_much_memory(tmp_path: Path) -> None:
    packed = bytearray(pack(b"x" * 100, LZMA))
    packed[5:9] = b"\xff\xff\xff\xff"
    member = Member(
        name="x", is_folder=False, method=LZMA, crc=0, size=1 << 40, packed_size=len(packed),
        data_offset=0,
    )  # fmt: skip
    path = tmp_path / "x"
    path.write_bytes(packed)
    with path.open("rb") as stream, pytest.raises(UserFault, match="memory"):
        next(inflate.unpacked(stream.fileno(), member))
