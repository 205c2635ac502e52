import errno
import hashlib
import io
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.bagit.findings import RULES
from presqt_daemon.config import StagingConfig
from presqt_daemon.errors import HouseFault, PresqtError, UserFault
from presqt_daemon.messages import Alive, Attempt, Progress, Reached, Report, Surveyed
from presqt_daemon.model import Bag, Labels, Severity, Stage
from presqt_daemon.records.payload import Payload, PayloadHead, read_head
from presqt_daemon.staging.inspect import inspect_zip
from presqt_daemon.staging.library import trouble_in_time
from presqt_daemon.staging.stage import StageJob, bag_folder, stage
from presqt_daemon.tickets.store import RESERVED_NAMES
from tests.bags import bag_tree, bag_zip, zip_bytes
from tests.damaged_zips import DAMAGED
from tests.hostile_zips import GOOD, HOSTILE, PAYLOAD, bag_parts, build, part
from tests.staging.disk import OnWritten, hears_of_files

TICKET = "0b0e3a3c-5c3e-4d0e-9a51-6f6a3a0f5a11"


class Desk:
    """A ticket's folder with a zip in it, and what staging said."""

    def __init__(self, root: Path, content: bytes, *, name: str = "drop.zip") -> None:
        self.folder = root / TICKET
        self.folder.mkdir(exist_ok=True)
        (self.folder / name).write_bytes(content)
        self.name = name
        self.asked: list[Surveyed] = []
        self.said: list[Report] = []

    def stage(
        self,
        *,
        algorithms: tuple[str, ...] = ("md5",),
        config: StagingConfig | None = None,
        on_written: OnWritten | None = None,
        mode: int = 0o600,
    ) -> Bag:
        def ask(survey: Surveyed) -> tuple[str, ...]:
            assert self.left() == {self.name}
            self.asked.append(survey)
            return algorithms

        job = StageJob(
            folder=self.folder,
            zip_name=self.name,
            config=config or StagingConfig(),
            payload_mode=mode,
            boot_id="boot",
        )
        with hears_of_files(on_written):
            return stage(job, ask, self.said.append)

    def fault(self, **options: object) -> PresqtError:
        with pytest.raises(PresqtError) as caught:
            self.stage(**options)  # type: ignore[arg-type]
        return caught.value

    def left(self) -> set[str]:
        return set(os.listdir(self.folder))

    def head(self) -> PayloadHead:
        return read_head(self.folder / "payload.jsonl")

    def digests(self) -> dict[str, Mapping[str, str]]:
        with Payload(self.folder / "payload.jsonl") as payload:
            return {str(f.path): f.digests for f in payload.files()}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_zip_becomes_a_bag_whose_digests_are_kept(name: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path, GOOD[name]())
    bag = desk.stage()
    files = [path for path in (desk.folder / bag.folder / "data").rglob("*") if path.is_file()]
    data = desk.folder / bag.folder / "data"
    assert desk.left() == {"drop.zip", bag.folder, "payload.jsonl"}
    assert desk.digests() == {
        str(path.relative_to(data)): {
            "md5": hashlib.md5(path.read_bytes()).hexdigest(),
            "sha512": hashlib.sha512(path.read_bytes()).hexdigest(),
        }
        for path in files
    }
    assert bag.payload_files == len(files)
    assert bag.payload_bytes == sum(path.stat().st_size for path in files)


@pytest.mark.parametrize("name", [*HOSTILE, *DAMAGED])
def test_a_hostile_zip_ends_in_a_named_error_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    content = HOSTILE[name].make() if name in HOSTILE else DAMAGED[name]()
    desk = Desk(tmp_path, content)
    fault = desk.fault()
    assert isinstance(fault, UserFault)
    assert fault.code == (HOSTILE[name].error if name in HOSTILE else "incomplete-zip")
    assert fault.message.isprintable()
    assert str(tmp_path) not in fault.message
    assert fault.findings
    assert fault.findings_total >= len(fault.findings)
    assert {entry.severity for entry in fault.findings} == {Severity.ERROR}
    if name in DAMAGED:
        assert fault.findings[0].code == "entry-damaged"
        assert fault.findings[0].path == "bag/data/Project/a.txt"
    assert desk.left() == {"drop.zip"}
    assert os.listdir(tmp_path) == [TICKET]
    written = [told for told in desk.said if isinstance(told, Progress)]
    assert all(told.bytes_done < 2 << 20 for told in written)
    assert [told.number for told in desk.said if isinstance(told, Attempt)] in ([], [1])


def test_the_reports_come_in_order_and_the_figures_add_up(tmp_path: Path) -> None:
    payload = {f"P/{n}.txt": b"x" * 20_000 for n in range(250)}
    desk = Desk(tmp_path, bag_zip(payload))
    bag = desk.stage()
    kinds = [type(told) for told in desk.said if not isinstance(told, Progress)]
    assert kinds == [Attempt, Reached, Reached]
    assert desk.said[0] == Attempt(number=1, message="The bag is being unpacked and validated.")
    stages = [told for told in desk.said if isinstance(told, Reached)]
    assert stages[0] == Reached(stage=Stage.VALIDATED, bag=replace(bag, fingerprint=None))
    assert stages[1] == Reached(stage=Stage.HASHED, algorithm="md5")
    progress = [told for told in desk.said if isinstance(told, Progress)]
    last = progress[-1]
    assert last.bytes_done == last.bytes_total == desk.asked[0].unpacked_bytes
    assert last.files_done == last.files_total
    assert 3 <= len(progress) <= 10
    assert progress == sorted(progress, key=lambda told: told.bytes_done)


def test_the_survey_says_what_the_bag_asks_for(tmp_path: Path) -> None:
    info = [
        ("PRESQT-target", "osf"),
        ("PresQT-Resource-Id", "abc12"),
        ("PresQT-Duplicate-Action", "update"),
        ("PresQT-Title", "A title"),
        ("PresQT-Title", "another"),
        ("External-Identifier", "doi:1"),
    ]
    desk = Desk(tmp_path, bag_zip(info=info))
    bag = desk.stage()
    survey = desk.asked[0]
    assert survey.labels == Labels(
        target="osf",
        resource_id="abc12",
        duplicate_action="update",
        title="A title",
        external_identifier="doi:1",
        top_folder="Project",
        top_folders=1,
        top_files=0,
    )
    assert survey.payload_files == 2
    assert bag.info[:6] == tuple(info)


@pytest.mark.parametrize(
    ("payload", "labels"),
    [
        ({"a": b"a", "P/b": b"b"}, Labels(top_folders=1, top_files=1)),
        ({"P/a": b"a", "Q/b": b"b"}, Labels(top_folders=2)),
        ({"a": b"a"}, Labels(top_files=1)),
        ({"P/a": b"a", "P/Q/b": b"b"}, Labels(top_folder="P", top_folders=1)),
    ],
)
def test_the_top_of_the_payload_is_counted(
    payload: dict[str, bytes], labels: Labels, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, bag_zip(payload))
    desk.stage()
    assert desk.asked[0].labels == labels


def test_empty_folders_of_the_payload_are_remembered(tmp_path: Path) -> None:
    more = [part("bag/data/Egg/Empty/"), part("bag/data/Egg/"), part("bag/empty/")]
    desk = Desk(tmp_path, build([*bag_parts(), *more, part("bag/data/Project/sub/")]))
    bag = desk.stage()
    assert desk.head().folders == ("Egg/Empty",)
    assert (desk.folder / bag.folder / "data/Egg/Empty").is_dir()
    assert desk.asked[0].labels.top_folders == 2
    assert "empty-folder" in {entry.code for entry in bag.warnings}


@pytest.mark.parametrize(
    ("wanted", "chosen", "kept"),
    [
        (("md5",), "md5", {"md5", "sha256", "sha512"}),
        (("sha256", "md5"), "sha256", {"sha256", "sha512"}),
        ((), None, {"sha256", "sha512"}),
        (("git-blob-sha1",), "git-blob-sha1", {"git-blob-sha1", "sha256", "sha512"}),
        (("quickxor",), None, {"sha256", "sha512"}),
    ],
)
def test_the_algorithm_is_one_that_target_and_bag_share(
    wanted: tuple[str, ...], chosen: str | None, kept: set[str], tmp_path: Path
) -> None:
    desk = Desk(tmp_path, zip_bytes(bag_tree(PAYLOAD, algorithms=("sha256", "sha512"))))
    desk.stage(algorithms=wanted)
    assert desk.head().algorithm == chosen
    assert {frozenset(digests) for digests in desk.digests().values()} == {frozenset(kept)}


def test_a_changed_payload_file_is_told_by_name_and_written_once(tmp_path: Path) -> None:
    tree = bag_tree(PAYLOAD)
    tree["data/Project/a.txt"] = tree["data/Project/a.txt"][:-1] + b"!"
    desk = Desk(tmp_path, zip_bytes(tree))
    fault = desk.fault()
    assert fault.code == "invalid-bag"
    assert fault.message.startswith("PresQT Error: Checksums failed to validate.")
    assert "data/Project/a.txt" in fault.message
    assert [told.number for told in desk.said if isinstance(told, Attempt)] == [1]
    assert desk.left() == {"drop.zip"}


def test_a_changed_tag_file_is_told_by_name(tmp_path: Path) -> None:
    tree = bag_tree(PAYLOAD, info=[("Contact-Name", "A")])
    tree["bag-info.txt"] = tree["bag-info.txt"].replace(b": A", b": B")
    assert "bag-info.txt" in Desk(tmp_path, zip_bytes(tree)).fault().message


def test_a_structural_error_is_told_before_anything_is_asked_or_written(tmp_path: Path) -> None:
    tree = bag_tree(PAYLOAD)
    del tree["data/Project/a.txt"]
    tree["data/more.txt"] = b"more"
    desk = Desk(tmp_path, zip_bytes(tree))
    fault = desk.fault()
    assert fault.code == "invalid-bag"
    assert {"missing-file", "extra-file"} <= {entry.code for entry in fault.findings}
    assert (desk.asked, desk.said) == ([], [])


def test_a_missing_file_and_a_wrong_checksum_are_told_in_one_go(tmp_path: Path) -> None:
    tree = bag_tree({"P/a.txt": b"alpha", "P/b.txt": b"beta", "P/c?": b"gamma"})
    del tree["data/P/a.txt"]
    tree["data/P/b.txt"] = b"BETA"
    desk = Desk(tmp_path, zip_bytes(tree))
    fault = desk.fault()
    assert fault.code == "invalid-bag"
    told = {(entry.code, entry.path) for entry in fault.findings}
    assert {("missing-file", "data/P/a.txt"), ("checksum-mismatch", "data/P/b.txt")} <= told
    assert fault.findings_total == len(fault.findings)
    assert [entry.code for entry in fault.warnings] == ["name-windows"]
    assert fault.warnings_total == 1
    assert (desk.asked, desk.said, desk.left()) == ([], [], {"drop.zip"})


def test_the_warnings_of_a_bag_with_a_wrong_checksum_are_kept(tmp_path: Path) -> None:
    tree = bag_tree({f"P/{n}?": b"alpha" for n in range(1200)})
    tree["data/P/7?"] = b"omega"
    fault = Desk(tmp_path, zip_bytes(tree)).fault()
    assert (fault.code, fault.findings_total) == ("invalid-bag", 1)
    assert (len(fault.warnings), fault.warnings_total) == (1000, 1200)


def test_all_warnings_of_a_valid_bag_are_counted(tmp_path: Path) -> None:
    bag = Desk(tmp_path, bag_zip({f"P/{n}?": b"alpha" for n in range(1200)})).stage()
    assert (len(bag.warnings), bag.warnings_total) == (1000, 1200)


def test_a_wrong_structure_and_a_damaged_file_are_told_in_one_go(tmp_path: Path) -> None:
    content = {"P/a.txt": b"alpha" * 99, "P/b.txt": b"beta"}
    parts = [e for e in bag_parts(content) if b"b.txt" not in e.name]
    parts = [replace(e, crc=1) if b"a.txt" in e.name else e for e in parts]
    fault = Desk(tmp_path, build(parts)).fault()
    assert fault.code == "incomplete-zip"
    told = [(entry.code, entry.path) for entry in fault.findings]
    assert told[0] == ("entry-damaged", "bag/data/P/a.txt")
    assert ("missing-file", "data/P/b.txt") in told


def test_long_looking_into_a_wrong_bag_is_no_silence(tmp_path: Path) -> None:
    tree = bag_tree({"P/a.bin": bytes(130 << 20), "P/b.txt": b"beta"})
    del tree["data/P/b.txt"]
    desk = Desk(tmp_path, zip_bytes(tree, method=zipfile.ZIP_STORED))
    assert desk.fault().code == "invalid-bag"
    assert desk.said == [Alive(), Alive()]


def test_a_declaration_that_cannot_be_read_is_a_malformed_bag(tmp_path: Path) -> None:
    tree = bag_tree(PAYLOAD, tag_manifest=False)
    tree["bagit.txt"] = b"BagIt-Version: 1.0\n"
    fault = Desk(tmp_path, zip_bytes(tree)).fault()
    assert fault.code == "malformed-bag"
    assert fault.message.startswith("PresQT Error: Bag is not formatted properly.")


def test_a_bag_without_payload_is_valid_but_not_uploaded(tmp_path: Path) -> None:
    content = build([*bag_parts({}), part("bag/data/")])
    desk = Desk(tmp_path, content)
    fault = desk.fault()
    assert fault.code == "bad-request"
    assert "put the files into its data/ folder" in fault.message
    assert desk.left() == {"drop.zip"}


def test_too_many_files_are_too_large(tmp_path: Path) -> None:
    fault = Desk(tmp_path, bag_zip()).fault(config=StagingConfig(max_files=1))
    assert fault.code == "too-large"
    assert "staging.max_files" in fault.message


LIMITS = {
    "tag-file-too-large", "tag-file-too-many-lines", "tag-file-line-too-long",
    "tag-files-too-large", "too-many-manifests", "too-many-unknown-names",
}  # fmt: skip
DECLARED = {
    "no-declaration", "declaration-malformed", "declaration-order", "declaration-spacing",
    "declaration-label-case", "declaration-bom", "version-malformed", "version-unsupported",
    "encoding-unknown",
}  # fmt: skip


def test_no_finding_becomes_another_error_because_its_section_is_told_otherwise() -> None:
    by_section: dict[str, set[str]] = {}
    for code, rule in RULES.items():
        by_section.setdefault(rule.source, set()).add(code)
    assert (by_section["2.1.1"], by_section["5"]) == (DECLARED, LIMITS)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("bag-info.txt", b"A: " + b"x" * (1 << 20), "too-large"),
        ("bagit.txt", b"BagIt-Version: 7\n", "malformed-bag"),
        ("bag-info.txt", b"nonsense\n", "invalid-bag"),
    ],
)
def test_a_tag_file_is_over_a_limit_or_no_declaration_or_wrong(
    name: str, content: bytes, error: str, tmp_path: Path
) -> None:
    tree = bag_tree(PAYLOAD, tag_manifest=False)
    assert Desk(tmp_path, zip_bytes({**tree, name: content})).fault().code == error


@pytest.mark.parametrize("spoilt", [1, 2])
def test_a_bag_that_the_disk_spoils_is_written_again(spoilt: int, tmp_path: Path) -> None:
    left = spoilt

    def spoil(path: str, fd: int) -> None:
        nonlocal left
        if path == "data/Project/a.txt" and left:
            left -= 1
            os.pwrite(fd, b"?", 0)

    desk = Desk(tmp_path, bag_zip())
    bag = desk.stage(on_written=spoil)
    attempts = [told for told in desk.said if isinstance(told, Attempt)]
    assert [told.number for told in attempts] == list(range(1, spoilt + 2))
    assert "data/Project/a.txt" in attempts[-1].message
    assert desk.left() == {"drop.zip", bag.folder, "payload.jsonl"}
    assert (desk.folder / bag.folder / "data/Project/a.txt").read_bytes() == b"alpha\n"


def test_a_tag_file_that_no_manifest_lists_is_watched_too(tmp_path: Path) -> None:
    def spoil(path: str, fd: int) -> None:
        if path == "tagmanifest-sha512.txt":
            os.ftruncate(fd, 3)

    assert Desk(tmp_path, bag_zip()).fault(on_written=spoil).code == "internal-error"


def test_a_disk_that_spoils_every_attempt_is_our_fault(tmp_path: Path) -> None:
    desk = Desk(tmp_path, bag_zip())
    fault = desk.fault(on_written=lambda _, fd: os.ftruncate(fd, 2))
    assert isinstance(fault, HouseFault)
    assert fault.code == "internal-error"
    assert "disk" in fault.message
    assert [told.number for told in desk.said if isinstance(told, Attempt)] == [1, 2, 3]
    assert desk.left() == {"drop.zip"}


def test_a_wrong_bag_on_a_bad_disk_is_still_a_wrong_bag(tmp_path: Path) -> None:
    tree = bag_tree(PAYLOAD)
    tree["data/Project/a.txt"] = tree["data/Project/a.txt"][:-1] + b"!"
    desk = Desk(tmp_path, zip_bytes(tree))
    fault = desk.fault(on_written=lambda _, fd: os.ftruncate(fd, 2))
    assert fault.code == "invalid-bag"
    assert "data/Project/a.txt" in fault.message


def test_a_file_lost_between_writing_and_looking_is_noticed(tmp_path: Path) -> None:
    desk = Desk(tmp_path, bag_zip())

    def lose(path: str, fd: int) -> None:
        if path == "data/Project/a.txt":
            os.unlink(os.readlink(f"/proc/self/fd/{fd}"))

    assert desk.fault(on_written=lose).code == "internal-error"


def test_a_full_disk_is_named_and_may_be_tried_again(tmp_path: Path) -> None:
    def fill(path: str, fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    desk = Desk(tmp_path, bag_zip())
    fault = desk.fault(on_written=fill)
    assert (fault.code, fault.retryable) == ("out-of-space", True)
    assert desk.left() == {"drop.zip"}


def test_a_sender_who_goes_on_writing_is_told_so(tmp_path: Path) -> None:
    desk = Desk(tmp_path, bag_zip())

    def go_on(path: str, fd: int) -> None:
        with (desk.folder / desk.name).open("ab") as stream:
            stream.write(b"more")

    fault = desk.fault(on_written=go_on)
    assert (fault.code, "changed while it was read" in fault.message) == ("incomplete-zip", True)


def test_staging_twice_gives_the_same_and_removes_what_was_left(tmp_path: Path) -> None:
    desk = Desk(tmp_path, bag_zip())
    bag = desk.stage()
    before = (desk.folder / "payload.jsonl").read_bytes()
    (desk.folder / bag.folder / "data/left.txt").write_bytes(b"left")
    (desk.folder / ".staging-2").mkdir()
    again = Desk(tmp_path, bag_zip())
    again.left = lambda: {again.name}  # type: ignore[method-assign]
    again.stage()
    assert (desk.folder / "payload.jsonl").read_bytes() == before
    assert desk.left() == {"drop.zip", bag.folder, "payload.jsonl"}
    assert not (desk.folder / bag.folder / "data/left.txt").exists()


def test_a_zip_that_was_valid_once_is_refused_as_no_fault_of_its_senders(tmp_path: Path) -> None:
    Desk(tmp_path, bag_zip()).stage()
    desk = Desk(tmp_path, DAMAGED["wrong crc"]())
    desk.left = lambda: {desk.name}  # type: ignore[method-assign]
    # what says that it was valid stays, for the next time
    for _ in range(2):
        fault = desk.fault()
        assert isinstance(fault, HouseFault)
        assert (fault.code, fault.findings) == ("state-lost", ())
    assert set(os.listdir(desk.folder)) == {"drop.zip", "payload.jsonl"}


def test_damage_to_a_tag_file_is_found_before_anything_is_asked(tmp_path: Path) -> None:
    parts = [replace(e, crc=1 if e.name == b"bag/bagit.txt" else None) for e in bag_parts()]
    desk = Desk(tmp_path, build(parts))
    assert desk.fault().code == "incomplete-zip"
    assert (desk.asked, desk.said) == ([], [])


def test_what_systems_leave_beside_a_bag_is_not_unpacked(tmp_path: Path) -> None:
    for name in ("Mac", "at the zip's root, by a Mac"):
        desk = Desk(tmp_path, GOOD[name]())
        desk.left = lambda: {desk.name}  # type: ignore[method-assign]  # noqa: B023
        bag = desk.stage()
        assert not list(desk.folder.rglob("__MACOSX"))
        assert not list(desk.folder.rglob("._*"))
        shutil.rmtree(desk.folder / bag.folder)


@pytest.mark.parametrize(
    ("root", "zip_name", "folder"),
    [
        ("bag/", "drop.zip", "bag"),
        ("", "drop.zip", "drop.bag"),
        ("", "Drop.ZIP", "Drop.bag"),
        ("", "drop", "drop.bag"),
        ("Process_Info.JSON/", "drop.zip", "drop.bag"),
        ("Drop.zip/", "drop.zip", "drop.bag"),
        ("drop.zip.yaml/", "drop.zip", "drop.bag"),
        ("Drop.ZIP.yaml/", "drop.zip", "drop.bag"),
        (".hidden/", "drop.zip", "drop.bag"),
        ("", "x.bag", "x.bag.bag"),
        ("", ".zip", "bag.bag"),
        ("", f"{'y' * 251}.zip", f"{'y' * 247}.bag"),
    ],
)
def test_the_bag_never_takes_a_name_of_ours(root: str, zip_name: str, folder: str) -> None:
    assert bag_folder(root, zip_name) == folder
    assert folder not in RESERVED_NAMES


@pytest.mark.parametrize("folder", sorted(RESERVED_NAMES))
def test_a_bag_with_a_reserved_name_is_unpacked_under_another(folder: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path, zip_bytes(bag_tree(PAYLOAD), folder=folder))
    assert desk.stage().folder == "drop.bag"
    assert (desk.folder / "drop.bag/bagit.txt").is_file()


@pytest.mark.skipif(shutil.which("zip") is None, reason="needs the program zip")
@pytest.mark.parametrize("options", [["-r"], ["-r", "-0"], ["-rD"], ["-r", "-Z", "bzip2"]])
def test_what_the_program_zip_makes_is_taken(options: list[str], tmp_path: Path) -> None:
    source = tmp_path / "source"
    payload = {"Projet \u00e9t\u00e9/\u6f22 %20#&'.txt": b"alpha\n" * 99, "P/empty": b""}
    for name, content in bag_tree(payload).items():
        path = source / "my bag" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    made = tmp_path / "made.zip"
    subprocess.run(["zip", "-q", *options, made, "my bag"], cwd=source, check=True)
    desk = Desk(tmp_path, made.read_bytes())
    assert desk.stage().folder == "my bag"
    assert set(desk.digests()) == set(payload)


@pytest.mark.parametrize("point", ["stage-unpacked", "stage-validated", "stage-hashed"])
def test_a_kill_at_any_point_is_mended_by_staging_again(point: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path, bag_zip())
    code = (
        "import sys; from pathlib import Path\n"
        "from presqt_daemon.config import StagingConfig\n"
        "from presqt_daemon.messages import Go\n"
        "from presqt_daemon.staging.stage import StageJob, stage\n"
        "stage(StageJob(folder=Path(sys.argv[1]), zip_name='drop.zip', config=StagingConfig(),\n"
        "      payload_mode=0o600, boot_id='boot'), lambda _: ('md5',),\n"
        "      lambda _: None)\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, desk.folder],
        env={**os.environ, "PRESQT_DAEMON_FAILPOINT": point},
        check=False,
    )
    assert child.returncode == -signal.SIGKILL
    desk.left = lambda: {desk.name}  # type: ignore[method-assign]
    bag = desk.stage()
    assert set(os.listdir(desk.folder)) == {"drop.zip", bag.folder, "payload.jsonl"}
    assert len(desk.digests()) == 2


def test_any_byte_flipped_is_refused_or_changes_nothing(tmp_path: Path, *, full: bool) -> None:
    payload = {"P/a.txt": b"alpha\n", "P/b.txt": b"beta\n"}
    content = zip_bytes(bag_tree(payload), method=zipfile.ZIP_STORED)
    good = Desk(tmp_path, content)
    good.stage()
    expected = good.digests()
    places = range(len(content))
    chosen = places if full else random.Random(3).sample(places, 150)
    folder = tmp_path / "spoilt"
    for place in chosen:
        spoilt = bytearray(content)
        spoilt[place] ^= 0x20
        folder.mkdir()
        desk = Desk(folder, bytes(spoilt))
        try:
            desk.stage()
        except UserFault:
            assert desk.left() == {"drop.zip"}
        else:
            assert desk.digests() == expected
        shutil.rmtree(folder)


def test_any_byte_of_any_file_of_a_bag_counts(tmp_path: Path, *, full: bool) -> None:
    tree = bag_tree({"P/a.txt": b"alpha\n", "P/b.txt": b"beta\n"}, info=[("Contact-Name", "A")])
    places = [(name, index) for name, text in tree.items() for index in range(len(text))]
    chosen = places if full else random.Random(5).sample(places, 120)
    folder = tmp_path / "spoilt"
    for (name, index), bits in itertools.product(chosen, (0x20, 0x01, 0x80)):
        content = bytearray(tree[name])
        content[index] ^= bits
        folder.mkdir()
        desk = Desk(folder, zip_bytes({**tree, name: bytes(content)}))
        try:
            desk.stage()
        except UserFault:
            pass
        else:
            # Nothing vouches for a tag manifest, where the case of a hex digit means nothing.
            assert name.startswith("tagmanifest-")
            assert (bits, chr(tree[name][index]).lower() in "abcdef") == (0x20, True)
            assert index - (tree[name].rfind(b"\n", 0, index) + 1) < 128
        shutil.rmtree(folder)


def test_an_inspection_keeps_nothing_and_says_all(tmp_path: Path) -> None:
    path, scratch = tmp_path / "x.zip", tmp_path / "scratch"
    scratch.mkdir()
    path.write_bytes(bag_zip())
    found = inspect_zip(path, StagingConfig(), scratch)
    assert found.error is None
    assert found.bag is not None
    assert found.bag.payload_files == 2
    tree = bag_tree(PAYLOAD)
    tree["data/Project/a.txt"] = tree["data/Project/a.txt"][:-1] + b"!"
    path.write_bytes(zip_bytes(tree))
    found = inspect_zip(path, StagingConfig(), scratch)
    assert found.bag is None
    assert found.error is not None
    assert found.error.code == "invalid-bag"
    assert found.errors_total == 1
    path.write_bytes(HOSTILE["parent"].make())
    assert inspect_zip(path, StagingConfig(), scratch).errors[0].code == "path-climbs"
    assert list(scratch.iterdir()) == []


def test_a_zip_with_a_hole_in_it_is_damaged(tmp_path: Path) -> None:
    payload = {"P/a.bin": os.urandom(500_000)}
    content = bytearray(build(bag_parts(payload, method=0)))
    content[200_000:300_000] = bytes(100_000)
    fault = Desk(tmp_path, bytes(content)).fault()
    assert (fault.code, "damaged" in fault.message) == ("incomplete-zip", True)


BAGIT = StagingConfig(second_opinion="bagit")


def test_the_second_opinion_is_logged_where_the_library_calls_a_good_bag_invalid(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tree = bag_tree({"P/a%b.txt": b"alpha"}, tag_manifest=False)
    tree["manifest-sha512.txt"] = tree["manifest-sha512.txt"].replace(b"a%b", b"a%25b")
    desk = Desk(tmp_path, zip_bytes(tree))
    bag = desk.stage(config=BAGIT)
    assert (desk.folder / bag.folder).is_dir()
    assert "bagit calls this bag invalid, we call it valid" in caplog.text


def test_the_second_opinion_is_logged_where_the_library_calls_a_bad_bag_valid(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tree = bag_tree(PAYLOAD, version="0.97", tag_manifest=False)
    wrong = "".join(f"{'0' * 64}  data/{path}\n" for path in PAYLOAD)
    tree["manifest-SHA-256.txt"] = wrong.encode()  # of a name that the library does not know
    desk = Desk(tmp_path, zip_bytes(tree))
    assert desk.fault(config=BAGIT).code == "invalid-bag"
    assert "bagit calls this bag valid, we call it invalid: checksum-mismatch" in caplog.text
    assert desk.left() == {"drop.zip"}


def test_nothing_is_logged_where_both_agree(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(tmp_path, bag_zip())
    desk.stage(config=BAGIT)
    shutil.rmtree(desk.folder)
    tree = bag_tree(PAYLOAD)
    tree["data/Project/a.txt"] = b"?"
    assert Desk(tmp_path, zip_bytes(tree)).fault(config=BAGIT).code == "invalid-bag"
    assert caplog.text == ""


def test_no_second_opinion_is_asked_for_by_default(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tree = bag_tree({"P/a%b.txt": b"alpha"}, tag_manifest=False)
    tree["manifest-sha512.txt"] = tree["manifest-sha512.txt"].replace(b"a%b", b"a%25b")
    Desk(tmp_path, zip_bytes(tree)).stage()
    assert caplog.text == ""


def test_a_library_that_gives_no_answer_calls_a_bag_invalid(tmp_path: Path) -> None:
    files = bag_tree({"a": b"alpha"}, info=[], tag_manifest=False)
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    (tmp_path / "bag-info.txt").unlink(missing_ok=True)
    (tmp_path / "data/a").unlink()
    os.mkfifo(tmp_path / "data/a")  # on which it waits for ever
    assert trouble_in_time(tmp_path, 1.5) == "no answer within 1.5 s"


def test_one_tree_of_a_bag_is_on_disk_however_often_it_is_written(tmp_path: Path) -> None:
    at_once: list[int] = []
    desk = Desk(tmp_path, bag_zip())

    def spoil(path: str, fd: int) -> None:
        at_once.append(sum(name.startswith(".staging") for name in desk.left()))
        os.ftruncate(fd, 2)

    assert desk.fault(on_written=spoil).code == "internal-error"
    assert set(at_once) == {1}


def test_a_profile_that_is_gone_is_our_fault_by_name(tmp_path: Path) -> None:
    desk = Desk(tmp_path, bag_zip())
    fault = desk.fault(config=StagingConfig(profile=tmp_path / "gone.json"))
    assert isinstance(fault, HouseFault)
    assert "staging.profile" in fault.message
    assert str(tmp_path) not in fault.message


@pytest.mark.parametrize("read_back", ["disk", "cache"])
def test_reading_back_from_the_disk_drops_each_file_from_memory_first(
    read_back: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = {"P/a.bin": os.urandom(500_000), "P/b.txt": b"beta\n"}
    content = bag_zip(payload)
    desk = Desk(tmp_path, content)
    synced: set[int] = set()
    dropped: set[str] = set()
    fdatasync, fadvise = os.fdatasync, os.posix_fadvise

    def sync(fd: int) -> None:
        fdatasync(fd)
        synced.add(os.fstat(fd).st_ino)

    def advise(fd: int, offset: int, count: int, advice: int) -> None:
        fadvise(fd, offset, count, advice)
        assert (offset, count, advice) == (0, 0, os.POSIX_FADV_DONTNEED)
        assert os.fstat(fd).st_ino in synced
        dropped.add(Path(os.readlink(f"/proc/self/fd/{fd}")).name)

    monkeypatch.setattr(os, "fdatasync", sync)
    monkeypatch.setattr(os, "posix_fadvise", advise)
    desk.stage(config=StagingConfig(read_back=read_back))
    names = {Path(name).name for name in zipfile.ZipFile(io.BytesIO(content)).namelist()}
    assert dropped == (names if read_back == "disk" else set())
    assert desk.digests()["P/a.bin"]["md5"] == hashlib.md5(payload["P/a.bin"]).hexdigest()


def test_zips_are_read_where_streams_would_not_do() -> None:
    """`zipfile` agrees that the zips called good here are good."""
    for make in GOOD.values():
        with zipfile.ZipFile(io.BytesIO(make())) as archive:
            assert archive.testzip() is None
