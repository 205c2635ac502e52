import errno
import os
import pickle
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from presqt_daemon.config import TargetConfig
from presqt_daemon.digest import choose_algorithm
from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.model import DuplicateAction
from presqt_daemon.targets.base import ContainerRequest, Item
from presqt_daemon.targets.folder.container import find_made
from presqt_daemon.targets.folder.faults import fault_from
from presqt_daemon.targets.folder.side import SideFolder, SideMark
from presqt_daemon.targets.folder.target import TRAITS, FolderTarget, connect
from presqt_daemon.targets.folder.walk import place_reserved
from presqt_daemon.upload.calls.patience import MustWait
from tests.targets.conformance import BIG, OTHER_TICKET, TICKET, Conformance, Site, sending
from tests.upload.tickets import Supervisor, folder_config, job_for, staged, tree_of

SHA = ("sha512",)
A = PurePosixPath("a.txt")


class FolderSite:
    """The archive, seen by its owner."""

    def __init__(self, path: Path) -> None:
        self.token: str | None = None
        self.path = path
        self.config = folder_config(path)

    def files(self, container_id: str) -> Mapping[str, bytes]:
        tree = tree_of(self.path / container_id)
        return {name: content for name, content in tree.items() if content is not None}

    def make(self, title: str, files: Mapping[str, bytes]) -> str:
        for name, content in files.items():
            path = self.path / title / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return title

    def file_id(self, container_id: str, path: str) -> str:
        return f"{container_id}/{path}"

    def lie(self) -> None:
        """Its lists have no pages."""

    def spoil(self, path: str) -> None:
        """Flip a byte of what has been written so far, as a bad disk would."""
        (unfinished,) = self.path.glob(".presqt-*/put-*")
        with open(unfinished, "r+b") as stream:
            first = stream.read(1)
            stream.seek(0)
            stream.write(bytes([first[0] ^ 1]))

    def fault(self, kind: str) -> None:
        raise NotImplementedError(kind)


class TestFolder(Conformance):
    @pytest.fixture
    def site(self, tmp_path: Path) -> Site:
        return FolderSite(tmp_path / "archive")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def config(archive: Path) -> TargetConfig:
    return folder_config(archive)


@contextmanager
def connected(config: TargetConfig) -> Iterator[FolderTarget]:
    target = connect(config, None)
    try:
        yield target
    finally:
        target.close()


def request(
    title: str = "T", ticket: str = TICKET, resource_id: str | None = None
) -> ContainerRequest:
    return ContainerRequest(ticket=ticket, resource_id=resource_id, title=title)


def test_a_deposit_is_exactly_the_payload(tmp_path: Path, config: TargetConfig) -> None:
    folder = staged(tmp_path, folders=("Project/empty",))
    result = Supervisor().send(job_for(folder, config))
    assert tree_of(tmp_path / "archive") == {
        "Project": None,
        "Project/a.txt": b"alpha\n",
        "Project/empty": None,
        "Project/sub": None,
        "Project/sub/b.txt": b"beta\n",
    }
    assert result.algorithm == "sha512"


def test_a_bag_kept_whole_is_a_bag_again(tmp_path: Path, archive: Path) -> None:
    folder = staged(tmp_path)
    config = folder_config(archive, keep="bag")
    Supervisor().send(job_for(folder, config))
    assert tree_of(archive / "Project") == tree_of(folder / "bag")


def test_bags_kept_whole_do_not_mix_in_one_container(tmp_path: Path, archive: Path) -> None:
    config = folder_config(archive, keep="bag")
    (archive / "Lab").mkdir(parents=True)
    folders = [staged(tmp_path, bag=name) for name in ("one", "two")]
    for folder in folders:
        Supervisor().send(job_for(folder, config, resource_id="Lab"))
    for folder, name in zip(folders, ("one", "two"), strict=True):
        assert tree_of(archive / "Lab" / name) == tree_of(folder / name)


def test_the_strongest_manifest_decides_what_is_compared() -> None:
    assert choose_algorithm(TRAITS.algorithms, ("md5", "sha256")) == "sha256"
    assert choose_algorithm(TRAITS.algorithms, ("md5",)) == "md5"


@pytest.mark.parametrize("umask", [0o022, 0o077])
@pytest.mark.parametrize(
    ("mode", "file", "folder"),
    [(None, 0o640, 0o750), (0o644, 0o644, 0o755), (0o444, 0o644, 0o755), (0o600, 0o600, 0o700)],
)
def test_a_deposit_is_closed_to_strangers_unless_its_mode_opens_it(
    tmp_path: Path, config: TargetConfig, mode: int | None, file: int, folder: int, umask: int
) -> None:
    before = os.umask(umask)
    try:
        chosen = config if mode is None else replace(config, mode=mode)
        Supervisor().send(job_for(staged(tmp_path), chosen))
    finally:
        os.umask(before)
    deposit = tmp_path / "archive" / "Project"
    for path in (deposit.parent, deposit, deposit / "sub"):
        assert stat.S_IMODE(path.stat().st_mode) == folder
    assert stat.S_IMODE((deposit / "sub/b.txt").stat().st_mode) == file


def test_a_group_archive_stays_the_groups(tmp_path: Path, config: TargetConfig) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    os.chown(archive, -1, 12345)
    archive.chmod(0o2775)
    Supervisor().send(job_for(staged(tmp_path), config))
    assert (archive / "Project/sub/b.txt").stat().st_gid == 12345
    status = (archive / "Project/sub").stat()
    assert (status.st_gid, stat.S_IMODE(status.st_mode)) == (12345, 0o2750)


def test_the_link_can_be_opened(tmp_path: Path, config: TargetConfig) -> None:
    result = Supervisor().send(job_for(staged(tmp_path), config, title="Größe 100% #1"))
    assert result.link is not None
    assert result.link.endswith("/archive/Gr%C3%B6%C3%9Fe%20100%25%20%231")


def test_an_archive_that_is_missing_with_its_parent_is_waited_for(tmp_path: Path) -> None:
    config = folder_config(tmp_path / "not" / "mounted")
    with pytest.raises(MustWait) as raised:
        Supervisor().send(job_for(staged(tmp_path), config))
    assert raised.value.limited.waiting_for == "the target"
    assert str(tmp_path) not in raised.value.limited.reason


def test_titles_are_the_names_that_people_see(tmp_path: Path, config: TargetConfig) -> None:
    archive = tmp_path / "archive"
    (archive / "One").mkdir(parents=True)
    (archive / "two.txt").touch()
    (archive / ".hidden").mkdir()
    with connected(config) as target:
        target.container(request("Three"))
        assert sorted(target.titles()) == ["One", "Three", "two.txt"]


@pytest.mark.parametrize(
    "title", ["..", ".", "", "a/b", ".presqt-x", ".PresQT-x", ".pre\u017fqt-x"]
)
def test_a_title_that_is_no_name_is_refused(config: TargetConfig, title: str) -> None:
    with connected(config) as target, pytest.raises(UserFault) as raised:
        target.container(request(title))
    assert raised.value.code == "bad-request"


@pytest.mark.parametrize(
    "resource_id",
    [
        "none",
        "Lab/none",
        "Lab/file/x",
        "../archive",
        "/etc",
        "Lab/../Lab",
        f".presqt-{TICKET}",
        f".PRESQT-{TICKET}",
    ],
)
def test_what_is_not_below_the_archive_is_not_found(
    archive: Path, config: TargetConfig, resource_id: str
) -> None:
    (archive / "Lab").mkdir(parents=True)
    (archive / "Lab/file").touch()
    (archive / f".presqt-{TICKET}").mkdir()
    with connected(config) as target, pytest.raises(UserFault) as raised:
        target.container(request(resource_id=resource_id))
    assert raised.value.message == f"Resource with id '{resource_id}' not found for this user."


def test_a_link_leads_nowhere(tmp_path: Path, archive: Path, config: TargetConfig) -> None:
    (tmp_path / "outside/inner").mkdir(parents=True)
    archive.mkdir()
    (archive / "link").symlink_to(tmp_path / "outside")
    with connected(config) as target:
        with pytest.raises(UserFault, match="is not a container"):
            target.container(request(resource_id="link"))
        with pytest.raises(UserFault, match="not found"):
            target.container(request(resource_id="link/inner"))


@pytest.mark.parametrize("action", DuplicateAction)
def test_nothing_is_written_through_a_link_in_a_container(
    tmp_path: Path, archive: Path, config: TargetConfig, action: DuplicateAction
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.txt").write_bytes(b"theirs")
    (archive / "Lab").mkdir(parents=True)
    (archive / "Lab/dir").symlink_to(outside)
    with pytest.raises(UserFault, match="dir"):
        Supervisor().send(
            job_for(
                staged(tmp_path, {"dir/a.txt": b"ours"}), config, resource_id="Lab", action=action
            )
        )
    (archive / "Lab/dir").unlink()
    (archive / "Lab/a.txt").symlink_to(outside / "a.txt")
    Supervisor().send(
        job_for(staged(tmp_path, {"a.txt": b"ours"}), config, resource_id="Lab", action=action)
    )
    assert (outside / "a.txt").read_bytes() == b"theirs"


def test_a_container_that_was_replaced_is_not_written_to(
    archive: Path, config: TargetConfig
) -> None:
    with connected(config) as target:
        container = target.container(request("T"))
        (archive / "T").rename(archive / "Moved")
        (archive / "T").mkdir()
        with pytest.raises(UserFault, match="Resource with id 'T' not found"):
            target.put(container, sending("a.txt", b"a", SHA), None)
    assert tree_of(archive / "T") == {}


def test_a_deposit_into_a_folder_within_a_deposit(tmp_path: Path, config: TargetConfig) -> None:
    (tmp_path / "archive/Lab/2026").mkdir(parents=True)
    supervisor = Supervisor()
    supervisor.send(job_for(staged(tmp_path), config, resource_id="Lab/2026"))
    assert (tmp_path / "archive/Lab/2026/Project/a.txt").read_bytes() == b"alpha\n"
    assert supervisor.opened.container_id == "Lab/2026"


def test_digests_of_what_was_there_are_read_from_the_disk(
    archive: Path, config: TargetConfig
) -> None:
    (archive / "Lab").mkdir(parents=True)
    (archive / "Lab/a.txt").write_bytes(b"alpha")
    (archive / "Lab/pipe").parent.mkdir(exist_ok=True)
    os.mkfifo(archive / "Lab/pipe")
    with connected(config) as target:
        container = target.container(request(resource_id="Lab"))
        listing = target.listing(container)
        assert listing[A] == Item(path=A, size=5)
        found = target.digest(container, listing[A], ("md5", "sha256"))
        assert found == {
            "sha256": "8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8"
        }
        assert target.digest(container, listing[A], ("unknown",)) == {}
        assert target.digest(container, listing[PurePosixPath("pipe")], SHA) == {}


def test_nothing_half_written_is_seen_or_left(archive: Path, config: TargetConfig) -> None:
    with connected(config) as target:
        container = target.container(request("T"))
        seen = []

        def look() -> None:
            seen.append(tree_of(archive / "T"))
            raise OSError(errno.EIO, "Input/output error")

        with pytest.raises(TargetFault):
            target.put(container, sending("a.bin", BIG, SHA, look), None)
        assert seen == [{}]
        assert list(archive.glob(".presqt-*/put-*")) == []


def test_after_a_commit_nothing_but_the_deposit_is_left(
    archive: Path, config: TargetConfig
) -> None:
    with connected(config) as target:
        container = target.container(request("T"))
        target.put(container, sending("a.txt", b"a", SHA), None)
        target.commit(container)
        target.commit(container)
    assert tree_of(archive) == {"T": None, "T/a.txt": b"a"}


def test_without_a_commit_the_mark_stays_for_the_next_go(
    archive: Path, config: TargetConfig
) -> None:
    with connected(config) as target:
        target.container(request("T"))
    with connected(config) as target:
        assert target.container(request("Another")).id == "T"
        target.commit(target.container(request("Another")))
    with connected(config) as target, pytest.raises(FileExistsError):
        target.container(request("T", OTHER_TICKET))
    assert sorted(os.listdir(archive)) == ["T"]


def died_between(archive: Path, ticket: str, title: str, *, made: bool) -> None:
    """What is left of a process that died after the intent, before the inode was noted."""
    side = archive / f".presqt-{ticket}"
    side.mkdir(parents=True)
    (side / "container.json").write_text(f'{{"title": "{title}", "inode": null}}')
    if made:
        (archive / title).mkdir()


def test_a_folder_made_just_before_the_crash_is_taken_over(
    archive: Path, config: TargetConfig
) -> None:
    died_between(archive, TICKET, "T", made=True)
    with connected(config) as target:
        assert target.container(request("T")).id == "T"


def test_an_intent_without_a_folder_is_no_container(archive: Path, config: TargetConfig) -> None:
    died_between(archive, TICKET, "T", made=False)
    with connected(config) as target:
        assert target.container(request("U")).id == "U"


def test_a_folder_with_something_in_it_is_not_ours(archive: Path, config: TargetConfig) -> None:
    died_between(archive, TICKET, "T", made=True)
    (archive / "T/theirs").touch()
    with connected(config) as target, pytest.raises(FileExistsError):
        target.container(request("T"))


def test_a_folder_that_two_tickets_may_have_made_is_taken_by_none(
    archive: Path, config: TargetConfig
) -> None:
    died_between(archive, TICKET, "T", made=True)
    died_between(archive, OTHER_TICKET, "T", made=False)
    with connected(config) as target, pytest.raises(FileExistsError):
        target.container(request("T"))


def test_folders_named_before_a_crash_are_still_synced_after_it(
    archive: Path, config: TargetConfig
) -> None:
    with connected(config) as target:
        container = target.container(request("T"))
        target.make_folder(container, PurePosixPath("sub"))
        target.put(container, sending("sub/a", b"a", SHA), None)
    with open(archive / f".presqt-{TICKET}/touched.jsonl", "a") as stream:
        stream.write('"torn')
    with connected(config) as target:
        touched = target._side_of(target.container(request("T"))).touched()
        assert set(touched) == {PurePosixPath(), PurePosixPath("sub")}


def test_a_folder_that_took_the_place_of_ours_is_not_ours(
    archive: Path, config: TargetConfig
) -> None:
    with connected(config) as target:
        target.container(request("T"))
    (archive / "T").rename(archive / "Moved")
    (archive / "T").mkdir()
    with connected(config) as target, pytest.raises(FileExistsError):
        target.container(request("T"))


def test_every_folder_with_new_names_is_synced_after_them(
    archive: Path, config: TargetConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: dict[str, list[str]] = {}
    real = os.fsync

    def note(handle: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{handle}"))
        if path.is_dir():
            synced[path.name] = sorted(os.listdir(path))
        real(handle)

    monkeypatch.setattr(os, "fsync", note)
    with connected(config) as target:
        container = target.container(request("T"))
        for name in ("sub", "sub/empty"):
            target.make_folder(container, PurePosixPath(name))
        target.put(container, sending("sub/a", b"a", SHA), None)
        target.put(container, sending("b", b"b", SHA), None)
        target.commit(container)
    assert synced["T"] == ["b", "sub"]
    assert (synced["sub"], synced["empty"]) == (["a", "empty"], [])
    assert "T" in synced["archive"]


@pytest.mark.parametrize("is_known", [True, False])
def test_the_name_of_a_deposit_is_synced_before_it_is_told_or_with_its_files(
    archive: Path, config: TargetConfig, monkeypatch: pytest.MonkeyPatch, *, is_known: bool
) -> None:
    synced: list[set[str]] = []
    real = os.fsync

    def note(handle: int) -> None:
        if os.readlink(f"/proc/self/fd/{handle}") == str(archive):
            synced.append(set(os.listdir(archive)))
        real(handle)

    monkeypatch.setattr(os, "fsync", note)
    with connected(config) as target:
        container = target.container(request("T"))
        assert "T" in synced[-1]
        if not is_known:
            target.commit(container)
            assert len(synced) == 1
            return
    # a journal of an earlier version may know one that was not synced
    synced.clear()
    with connected(config) as target:
        target.commit(container)
    assert "T" in synced[-1]


def test_an_update_swaps_the_file_in_one_step(archive: Path, config: TargetConfig) -> None:
    (archive / "Lab").mkdir(parents=True)
    (archive / "Lab/a.txt").write_bytes(b"old")
    with connected(config) as target, open(archive / "Lab/a.txt", "rb") as reader:
        container = target.container(request(resource_id="Lab"))
        item = target.listing(container)[A]
        target.put(container, sending("a.txt", b"new", SHA), item)
        assert reader.read() == b"old"
    assert (archive / "Lab/a.txt").read_bytes() == b"new"


def test_a_folder_is_never_replaced_by_a_file(archive: Path, config: TargetConfig) -> None:
    (archive / "Lab/a.txt").mkdir(parents=True)
    with connected(config) as target:
        container = target.container(request(resource_id="Lab"))
        with pytest.raises(UserFault, match="something of another kind"):
            target.put(container, sending("a.txt", b"new", SHA), Item(path=A))


def test_a_name_too_long_for_the_disk_is_the_senders_to_mend(
    archive: Path, config: TargetConfig
) -> None:
    with connected(config) as target:
        container = target.container(request("T"))
        with pytest.raises(UserFault, match="cannot hold the name"):
            target.put(container, sending("x" * 300, b"new", SHA), None)


def test_without_hard_links_a_name_is_kept_free_all_the_same(tmp_path: Path) -> None:
    parent = os.open(tmp_path, os.O_RDONLY)
    for _ in range(2):
        (tmp_path / "put").write_bytes(b"x")
        if (tmp_path / "name").exists():
            with pytest.raises(FileExistsError):
                place_reserved(parent, "put", parent, "name")
        else:
            place_reserved(parent, "put", parent, "name")
    os.close(parent)
    assert tree_of(tmp_path) == {"name": b"x", "put": b"x"}


@pytest.mark.parametrize(
    ("number", "code", "retryable"),
    [
        (errno.ENOSPC, "target-full", True),
        (errno.EDQUOT, "target-full", True),
        (errno.EROFS, "target-refused", False),
        (errno.EACCES, "target-refused", False),
        (errno.EIO, "target-unavailable", True),
        (errno.ESTALE, "target-unavailable", True),
        (errno.ENAMETOOLONG, "bad-request", False),
        (errno.EFBIG, "too-large", False),
    ],
)
def test_every_error_of_the_disk_has_a_name(number: int, code: str, retryable: bool) -> None:
    error = OSError(number, os.strerror(number), "/srv/secret/path")
    fault = fault_from(error, "archive", "a.txt")
    assert (fault.code, fault.retryable) == (code, retryable)
    assert "/srv" not in fault.message


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "presqt-test", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_waited_for_and_the_rest_sent_then(tmp_path: Path, small_disk: Path) -> None:
    config = folder_config(small_disk / "archive")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(900_000))
    payload = {"P/a": b"small", "P/b": bytes(300_000)}
    folder = staged(tmp_path, payload)
    with pytest.raises(MustWait) as raised:
        Supervisor().send(job_for(folder, config))
    assert raised.value.limited.waiting_for == "the target"
    ballast.unlink()
    result = Supervisor().send(job_for(folder, config))
    assert (result.failed_fixity, result.ignored) == ((), ())
    assert (small_disk / "archive/Project/b").stat().st_size == 300_000


SENDER = """
import pickle, sys
from presqt_daemon.messages import Go
from presqt_daemon.upload.send import send
job = pickle.load(sys.stdin.buffer)
send(job, lambda question: Go(), lambda report: None)
"""
POINTS = ["send-intent", "folder-intent", "folder-made", "send-created", "send-opened"]
PUT_POINTS = [f"{name}:{count}" for name in ("put-written", "put-placed") for count in (1, 7, 20)]


def send_and_die(job: object, point: str) -> None:
    """Send in a process of its own, which kills itself at the point."""
    done = subprocess.run(
        [sys.executable, "-c", SENDER],
        input=pickle.dumps(job),
        env={**os.environ, "PRESQT_DAEMON_FAILPOINT": point},
        check=False,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.parametrize("point", POINTS + PUT_POINTS)
def test_after_kill_nine_the_deposit_is_whole_and_single(
    tmp_path: Path, archive: Path, config: TargetConfig, point: str
) -> None:
    payload = {f"P/{number % 5}/{number}": str(number).encode() for number in range(30)}
    folder = staged(tmp_path, payload)
    job = job_for(folder, config)
    send_and_die(job, point)
    result = Supervisor().send(job)
    stored = {name for name, content in tree_of(archive).items() if content is not None}
    assert stored == {f"Project/{name.removeprefix('P/')}" for name in payload}
    assert sorted(os.listdir(archive)) == ["Project"]
    assert (result.ignored, result.failed_fixity, result.unverified_fixity) == ((), (), ())


@pytest.mark.parametrize("point", PUT_POINTS)
@pytest.mark.parametrize("action", DuplicateAction)
def test_after_kill_nine_in_a_shared_container_ours_is_told_from_theirs(
    tmp_path: Path, archive: Path, config: TargetConfig, point: str, action: DuplicateAction
) -> None:
    (archive / "Lab").mkdir(parents=True)
    (archive / "Lab/same").write_bytes(b"same")
    (archive / "Lab/other").write_bytes(b"theirs")
    payload = {f"{number}": b"x" for number in range(30)}
    payload |= {"same": b"same", "other": b"ours"}
    folder = staged(tmp_path, payload)
    job = job_for(folder, config, resource_id="Lab", action=action)
    send_and_die(job, point)
    result = Supervisor().send(job)
    is_update = action is DuplicateAction.UPDATE
    assert (archive / "Lab/other").read_bytes() == (b"ours" if is_update else b"theirs")
    assert len(tree_of(archive / "Lab")) == 32
    if not is_update:
        assert result.ignored == ("/other", "/same")
    assert set(result.updated) - {"/same"} == ({"/other"} if is_update else set())
    assert result.failed_fixity == ()


def test_a_container_keeps_what_the_bag_does_not_have(
    tmp_path: Path, archive: Path, config: TargetConfig
) -> None:
    (archive / "Lab/sub").mkdir(parents=True)
    (archive / "Lab/sub/theirs").write_bytes(b"theirs")
    Supervisor().send(job_for(staged(tmp_path, {"sub/x": b"x"}), config, resource_id="Lab"))
    assert tree_of(archive / "Lab") == {"sub": None, "sub/theirs": b"theirs", "sub/x": b"x"}


@pytest.mark.parametrize("content", [b"", b'{"title": "T", "inod', b'{"titl' + bytes(9)])
def test_an_intent_that_a_crash_has_torn_is_none(
    archive: Path, config: TargetConfig, content: bytes
) -> None:
    died_between(archive, TICKET, "T", made=False)
    (archive / f".presqt-{TICKET}/container.json").write_bytes(content)
    with connected(config) as target:
        assert target.container(request("T")).id == "T"
    with connected(config) as target:
        assert target.container(request("U")).id == "T"


@pytest.mark.parametrize("torn", [b"", b'\n{"title": "T", "ino', b'{"title"'])
def test_a_mark_whose_last_line_the_power_took_is_still_an_intent(
    tmp_path: Path, torn: bytes
) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    root = os.open(archive, os.O_RDONLY)
    side = SideFolder(root, "t", "archive")
    side.open()
    side.write_intent("T")
    noted = side.read_mark()
    assert noted is not None
    (archive / "T").mkdir()
    with (archive / side.name / "container.json").open("ab") as stream:
        stream.write(torn)
    found = find_made(root, side)
    assert found is not None
    assert found == SideMark(title="T", inode=(archive / "T").stat().st_ino)
    mark = side.read_mark()
    assert mark is not None
    assert mark.inode == found.inode
    side.close(is_done=True)
    os.close(root)
