import io
import json
import os
import resource
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest

from presqt_daemon.system.files import json_bytes
from presqt_daemon.tickets.options import Choices, choices_from_sidecar
from tests.bags import bag_zip
from tests.cli.program import Program, eventually
from tests.tickets.infos import failed_info, finished_info, sending_info


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    folder.mkdir()
    path = folder / "thesis.zip"
    path.write_bytes(bag_zip())
    return path


def _names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_a_zip_arrives_whole_and_the_source_stays(program: Program, source: Path) -> None:
    before = source.stat()
    ended = program.run("submit", source, "--target", "archive")
    assert ended.returncode == 0, ended.stderr
    assert _names(program.inbox / "archive") == ["thesis.zip"]
    drop = program.inbox / "archive" / "thesis.zip"
    assert drop.read_bytes() == source.read_bytes()
    assert drop.stat().st_ino != before.st_ino
    assert drop.stat().st_nlink == 1
    after = source.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_nlink) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_nlink,
    )
    assert "no daemon is running" in ended.stderr


def test_a_drop_that_waits_already_is_never_replaced(program: Program, source: Path) -> None:
    first = program.inbox / "archive" / "thesis.zip"
    first.write_bytes(b"the first")
    (program.inbox / "archive" / "thesis-2.zip.yaml").write_bytes(b"title: of another\n")
    program.run("submit", source, "--target", "archive", "--title", "Mine")
    assert first.read_bytes() == b"the first"
    names = ["thesis-2.zip.yaml", "thesis-3.zip", "thesis-3.zip.yaml", "thesis.zip"]
    assert _names(program.inbox / "archive") == names


def test_two_submitters_at_once_get_two_drops(program: Program, source: Path) -> None:
    running = [program.start("submit", source, "--target", "archive") for _ in range(4)]
    for one in running:
        one.communicate(timeout=60)
        assert one.returncode == 0
    expected = sorted(["thesis.zip", *(f"thesis-{number}.zip" for number in (2, 3, 4))])
    assert _names(program.inbox / "archive") == expected


def test_title_and_duplicates_go_into_a_sidecar(program: Program, source: Path) -> None:
    title = "Ünïcode: 'quotes', \"more\" & #1 \U0001f4e6"
    arguments = ("--target", "archive", "--title", title, "--duplicates", "update")
    assert program.run("submit", source, *arguments).returncode == 0
    sidecar = program.inbox / "archive" / "thesis.zip.yaml"
    choices = choices_from_sidecar(sidecar.read_bytes(), sidecar.name)
    assert choices == Choices(title=title, file_duplicate_action="update")


def test_a_resource_gets_its_folder_with_the_rights_of_the_one_above(
    program: Program, source: Path
) -> None:
    (program.inbox / "archive").chmod(0o2775)
    arguments = ("--target", "archive", "--resource-id", "abc/data:osfstorage%1")
    assert program.run("submit", source, *arguments).returncode == 0
    folder = program.inbox / "archive" / "abc%2Fdata%3Aosfstorage%251"
    assert _names(folder) == ["thesis.zip"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o2775


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--target", "nowhere"), 64, "archive"),
        ((), 64, "give --target"),
        (("--target", "archive", "--title", "../up"), 1, "title"),
        (("--target", "archive", "--title", ""), 1, "title"),
        (("--target", "archive", "--resource-id", "../../etc"), 1, "resource id"),
        (("--target", "archive", "--resource-id", ".Trash-1000"), 1, ".Trash-1000"),
        (("--target", "archive", "--duplicates", "delete"), 64, "ignore"),
        (("--target", "archive", "--wait"), 75, "no daemon is running"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_dropped(
    program: Program, source: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    ended = program.run("submit", source, *arguments)
    assert ended.returncode == code
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert _names(program.inbox) == ["archive"]
    assert _names(program.inbox / "archive") == []


@pytest.mark.parametrize(("length", "more"), [(252, ()), (247, ("--title", "T"))])
def test_a_folder_whose_zip_would_have_too_long_a_name_is_told_so(
    program: Program, tmp_path: Path, length: int, more: tuple[str, ...]
) -> None:
    folder = tmp_path / "desk" / ("n" * length)
    folder.mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"a")
    ended = program.run("submit", folder, "--target", "archive", *more)
    assert ended.returncode == 1
    assert "shorter name" in ended.stderr
    assert ".submit-" not in ended.stderr
    assert _names(program.inbox / "archive") == []


@pytest.mark.parametrize("name", ["notes.txt", ".hidden.zip", "~$x.zip", "missing.zip"])
def test_a_file_that_would_be_passed_over_is_refused(
    program: Program, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    if name != "missing.zip":
        path.write_bytes(b"PK")
    assert program.run("submit", path, "--target", "archive").returncode == 1
    assert _names(program.inbox / "archive") == []


def test_the_default_target_needs_no_name(tmp_path: Path, source: Path) -> None:
    program = Program(tmp_path, "default_target: archive\n")
    assert program.run("submit", source).returncode == 0
    assert _names(program.inbox / "archive") == ["thesis.zip"]


def test_a_folder_is_bagged_zipped_and_left_alone(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "Field notes"
    (folder / "empty").mkdir(parents=True)
    (folder / "day 1.txt").write_bytes(b"rain\n")
    ended = program.run("submit", "Field notes", "--target", "archive")
    assert ended.returncode == 0, ended.stderr
    assert _names(program.inbox / "archive") == ["Field notes.zip"]
    with zipfile.ZipFile(program.inbox / "archive" / "Field notes.zip") as archive:
        names = set(archive.namelist())
    assert {"Field notes/bagit.txt", "Field notes/data/Field notes/day 1.txt"} <= names
    assert _names(folder) == ["day 1.txt", "empty"]
    assert _names(tmp_path) == ["Field notes", "config.yaml", "inbox", "mediafiles"]


def test_a_folder_that_is_a_bag_is_zipped_as_it_is(program: Program, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(bag_zip())) as archive:
        archive.extractall(tmp_path)
    assert program.run("submit", tmp_path / "bag", "--target", "archive").returncode == 0
    with zipfile.ZipFile(program.inbox / "archive" / "bag.zip") as archive:
        assert "bag/data/Project/a.txt" in archive.namelist()


def test_a_full_inbox_disk_leaves_nothing_behind(program: Program, source: Path) -> None:
    # a limit on the size of files stands in for a full disk
    command = " ".join(f"'{word}'" for word in program.command("submit", source))
    script = f"ulimit -f 0; exec {command} --target archive"
    ended = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False, cwd=program.folder
    )
    assert ended.returncode == 74
    assert _names(program.inbox / "archive") == []


def _take(program: Program, drop: Path, ticket: str) -> None:
    """What the daemon does in the inbox when it takes a drop."""
    note = drop.with_name(f"{drop.name}.{ticket[:8]}.ticket.json")
    note.write_bytes(json_bytes({"ticket_number": ticket}))
    drop.unlink()


def test_the_ticket_is_printed_when_the_daemon_takes_the_drop(
    program: Program, source: Path
) -> None:
    lock = program.hold()
    drop = program.inbox / "archive" / "thesis.zip"
    earlier = failed_info()
    note = drop.with_name(f"{drop.name}.{earlier.ticket_number[:8]}.ticket.json")
    note.write_bytes(json_bytes({"ticket_number": earlier.ticket_number}))
    info = sending_info()
    with program.start("submit", source, "--target", "archive") as running:
        eventually(drop.exists, "the drop")
        program.add(info)
        _take(program, drop, info.ticket_number)
        out, err = running.communicate(timeout=60)
    lock.release()
    assert (running.returncode, out, err) == (0, f"{info.ticket_number}\n", "")


def test_with_wait_the_end_of_the_ticket_is_the_exit_code(program: Program, source: Path) -> None:
    lock = program.hold()
    drop = program.inbox / "archive" / "thesis.zip"
    info = sending_info()
    with program.start("submit", source, "--target", "archive", "--wait") as running:
        eventually(drop.exists, "the drop")
        program.add(info)
        _take(program, drop, info.ticket_number)
        assert running.stdout is not None
        assert running.stdout.readline() == f"{info.ticket_number}\n"
        program.add(failed_info(ticket_number=info.ticket_number))
        out, _err = running.communicate(timeout=60)
    lock.release()
    assert running.returncode == 1
    assert "The bag is not valid" in out


def test_with_wait_a_daemon_that_stops_is_75(program: Program, source: Path) -> None:
    lock = program.hold()
    drop = program.inbox / "archive" / "thesis.zip"
    with program.start("submit", source, "--target", "archive", "--wait") as running:
        eventually(drop.exists, "the drop")
        lock.release()
        _out, err = running.communicate(timeout=60)
    assert running.returncode == 75
    assert "stays in the inbox" in err


def test_with_wait_a_drop_that_nobody_takes_is_3_and_not_waited_for(
    tmp_path: Path, source: Path
) -> None:
    program = Program(tmp_path, "intake: {settle: 10ms, rescan: 10ms}\n")
    lock = program.hold()
    ended = program.run("submit", source, "--target", "archive", "--wait")
    lock.release()
    assert ended.returncode == 3
    assert "is not taken" in ended.stderr
    assert _names(program.inbox / "archive") == ["thesis.zip"]


def test_a_note_that_is_a_link_is_not_believed(program: Program, source: Path) -> None:
    lock = program.hold()
    drop = program.inbox / "archive" / "thesis.zip"
    info = finished_info()
    program.add(info)
    elsewhere = program.folder / "elsewhere.json"
    elsewhere.write_text(json.dumps({"ticket_number": info.ticket_number}), encoding="utf-8")
    with program.start("submit", source, "--target", "archive", "--wait") as running:
        eventually(drop.exists, "the drop")
        drop.with_name("thesis.zip.deadbeef.ticket.json").symlink_to(elsewhere)
        lock.release()
        out, _err = running.communicate(timeout=60)
    assert (running.returncode, out) == (75, "")


TAKEN: dict[str, list[str]] = {
    "case": ["Makefile", "makefile"],
    "sharp s": ["Masse.csv", "Ma\u00dfe.csv"],
    "sigma": ["\u03c3", "\u03c2"],
    "CR": ["Icon\r", "a"],
    "TAB": ["a\tb", "c"],
    "long": ["/".join(["\u6f22\u5b57" * 15] * 12) + "/x"],
}
REFUSED: dict[str, tuple[list[str], str]] = {
    "backslash": (["a\\b.txt", "c"], "backslash"),
    "deep": (["d/" * 70 + "x"], "staging.max_depth"),
    "escape": (["a\x1b[2J", "c"], "control character"),
    "line separator": (["a\u2028b", "c"], "control character"),
    "two forms": (["\u00e9", "e\u0301"], "Unicode normalization"),
}


def _folder_of(files: list[str], tmp_path: Path) -> Path:
    folder = tmp_path / "desk" / "in"
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file)
    return folder


@pytest.mark.parametrize("name", TAKEN)
def test_a_folder_with_odd_names_becomes_a_drop_that_the_daemon_takes(
    name: str, program: Program, tmp_path: Path
) -> None:
    ended = program.run("submit", _folder_of(TAKEN[name], tmp_path), "--target", "archive")
    assert ended.returncode == 0, ended.stderr
    drop = program.inbox / "archive" / "in.zip"
    assert program.run("validate", drop).returncode == 0


@pytest.mark.parametrize("name", REFUSED)
def test_a_folder_that_the_daemon_would_refuse_is_refused_before_it_is_copied(
    name: str, program: Program, tmp_path: Path
) -> None:
    files, why = REFUSED[name]
    ended = program.run("submit", _folder_of(files, tmp_path), "--target", "archive")
    assert ended.returncode == 1
    assert why in ended.stderr
    assert "[unsafe-archive]" in ended.stderr
    assert _names(program.inbox / "archive") == []
    assert _names(tmp_path / "desk") == ["in"]


def test_a_zip_that_the_daemon_would_refuse_is_refused_in_the_words_of_validate(
    program: Program, source: Path
) -> None:
    content = bytearray(bag_zip({"a": b"alpha", "b": b"beta"}))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        tree = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(source, "w") as archive:
        for name, text in tree.items():
            archive.writestr(name, text + b"!" if "/data/" in name else text)
    ended = program.run("submit", source, "--target", "archive")
    said = json.loads(program.run("validate", source, "--json").stdout)
    assert ended.returncode == 1
    assert f"[{said['error_code']}]" in ended.stderr
    errors = [entry for entry in said["findings"] if entry["severity"] == "error"]
    assert len(errors) >= 2
    for entry in errors:
        assert entry["path"] in ended.stderr
    assert _names(program.inbox / "archive") == []


def test_a_bag_folder_that_is_wrong_is_refused_before_it_is_copied(
    program: Program, source: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(source) as archive:
        archive.extractall(tmp_path / "open")
    (folder,) = (tmp_path / "open").iterdir()
    next(path for path in (folder / "data").rglob("*") if path.is_file()).write_bytes(b"other")
    ended = program.run("submit", folder, "--target", "archive")
    assert ended.returncode == 1
    assert "[invalid-bag]" in ended.stderr
    assert _names(program.inbox / "archive") == []


def test_a_zip_that_is_refused_is_named(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "letters.zip"
    path.write_bytes(b"no zip")
    ended = program.run("submit", path, "--target", "archive")
    assert ended.returncode == 1
    assert ended.stderr.startswith("presqt-daemon: letters.zip: ")
    assert ended.stderr.endswith(" [not-a-zip]\n")


def test_an_inbox_that_takes_no_more_bytes_is_named_and_nothing_dropped(
    program: Program, tmp_path: Path
) -> None:
    path = tmp_path / "large.zip"
    path.write_bytes(bag_zip({"noise": os.urandom(100_000)}))
    limit = (50_000, 50_000)
    ended = program.run(
        "submit", path, "--target", "archive",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )  # fmt: skip
    folder = program.inbox / "archive"
    assert ended.returncode == 74
    assert f"{folder}: File too large; nothing was dropped" in ended.stderr
    assert _names(folder) == []


def test_who_may_not_drop_is_told_the_folder(program: Program, source: Path) -> None:
    folder = program.inbox / "archive"
    folder.chmod(0o555)
    ended = program.run_without_power("submit", source, "--target", "archive")
    assert ended.returncode == 74
    assert ended.stderr == f"presqt-daemon: {folder}: Permission denied; nothing was dropped\n"
