import json
import os
from pathlib import Path
from typing import Any

import pytest

from presqt_daemon.records.fingerprint import Fingerprint
from presqt_daemon.records.receipt import media_type_of
from presqt_daemon.records.record import (
    RecordError,
    UnreadableRecordError,
    append_event,
    draft_record,
    open_record,
)
from presqt_daemon.records.record_head import read_record_head
from presqt_daemon.system.files import json_bytes

RUN = "0b8c1f7e-3b1e-4a56-9a55-3f0f6f0c5d11"
CONTENT = "sha256:" + "ab" * 32
HEAD: dict[str, Any] = {
    "schema_version": 2,
    "prepared_in": RUN,
    "content_fingerprint": CONTENT,
    "message": '{"files": [\n    "files": [',
    "events": [{"detail": "one"}],
}


def entry(path: str) -> dict[str, Any]:
    return {
        "path": path,
        "size": 1,
        "outcome": "created",
        "fixity": "matched",
        "algorithm": None,
        "local_digest": None,
        "remote_digest": None,
        "remote_path": "a",
        "digests": {},
    }


FILES = [entry("/a"), entry("/b\n"), entry("/\u20ac ],")]


def write_record(
    path: Path, tree: dict[str, Any], files: list[dict[str, Any]] | None, *, mode: int
) -> None:
    draft_record(path, tree, files, mode=mode).keep(durable=True)


def read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]] | None]:
    with open_record(path) as record:
        return record.tree, None if record.files is None else list(record.files)


@pytest.mark.parametrize("files", [FILES, [], None])
def test_what_is_written_is_read_again(tmp_path: Path, files: list[dict[str, Any]] | None) -> None:
    path = tmp_path / "receipt.json"
    write_record(path, HEAD, files, mode=0o644)
    assert read(path) == (HEAD, files)
    tree = json.loads(path.read_bytes())
    assert tree["files"] == files
    assert (tree["totals"] is None) == (files is None)


def test_a_record_that_somebody_laid_out_anew_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "receipt.json"
    write_record(path, HEAD, FILES, mode=0o644)
    tree = json.loads(path.read_bytes())
    for content in (json.dumps(tree).encode(), json_bytes(tree)):
        path.write_bytes(content)
        assert read(path) == (HEAD, FILES)


def test_a_torn_record_is_an_error_wherever_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "receipt.json"
    write_record(path, HEAD, FILES, mode=0o644)
    content = path.read_bytes()
    for end in range(content.rindex(b"    ],")):
        path.write_bytes(content[:end])
        with pytest.raises(RecordError):
            read(path)


@pytest.mark.parametrize(
    "content", [b"[]", b"7", b"{}", b'{"schema_version": 9}', b"\xff", b'{"schema_version": "2"}']
)
def test_what_is_no_record_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "receipt.json"
    path.write_bytes(content)
    with pytest.raises(RecordError):
        read(path)


@pytest.mark.parametrize("key", sorted(entry("/a").keys()))
def test_a_files_entry_that_lacks_something_is_an_error(tmp_path: Path, key: str) -> None:
    path = tmp_path / "receipt.json"
    write_record(path, HEAD, FILES, mode=0o644)
    lines = path.read_text().splitlines(keepends=True)
    index = next(n for n, line in enumerate(lines) if '"path": "/b' in line)
    row = json.loads(lines[index].strip().removesuffix(","))
    lines[index] = json.dumps({k: v for k, v in row.items() if k != key}) + ",\n"
    path.write_text("".join(lines))
    with pytest.raises(RecordError):
        read(path)
    path.write_text(json.dumps(json.loads(path.read_text())))
    with pytest.raises(RecordError):
        read(path)


def test_a_record_that_cannot_be_read_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    # its first bytes are mapped by nobody: EIO
    with pytest.raises(UnreadableRecordError, match="Input/output error"):
        read(Path("/proc/self/mem"))
    path = tmp_path / "receipt.json"
    path.mkdir()
    with pytest.raises(RecordError) as raised:
        read(path)
    assert not isinstance(raised.value, OSError)


def test_its_first_keys_tell_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "receipt.json"
    assert read_record_head(path) is None
    write_record(path, HEAD, FILES, mode=0o644)
    mark = read_record_head(path)
    assert mark is not None
    assert (mark.version, mark.prepared_in, mark.fingerprint) == (2, RUN, CONTENT)
    write_record(path, {**HEAD, "prepared_in": None, "content_fingerprint": None}, None, mode=0o644)
    mark = read_record_head(path)
    assert mark is not None
    assert (mark.version, mark.prepared_in, mark.fingerprint) == (2, None, None)


@pytest.mark.parametrize(
    "content",
    [
        b'{"schema_version":99,"prepared_in":null}',
        b'{\n    "ticket_number": "a",\n    "schema_version": 99\n}\n',
        b'{"padding": "' + b"x" * 4000 + b'", "schema_version": 99}',
    ],
)
def test_another_layout_is_told_all_the_same(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "receipt.json"
    path.write_bytes(content)
    mark = read_record_head(path)
    assert mark is not None
    assert mark.version == 99


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": 1, "schema_version": 2,', b"\xff" * 300])
def test_other_beginnings_are_no_mark(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "receipt.json"
    path.write_bytes(content)
    assert read_record_head(path) is None


def test_links_are_not_followed(tmp_path: Path) -> None:
    write_record(tmp_path / "other.json", HEAD, FILES, mode=0o644)
    path = tmp_path / "receipt.json"
    path.symlink_to(tmp_path / "other.json")
    with pytest.raises(OSError, match="symbolic links"):
        read_record_head(path)
    with pytest.raises(RecordError):
        read(path)


def test_an_event_is_appended_and_nothing_else_changes(tmp_path: Path) -> None:
    path = tmp_path / "receipt.json"
    write_record(path, HEAD, FILES, mode=0o640)
    append_event(path, {"detail": "two"})
    assert read(path) == ({**HEAD, "events": [{"detail": "one"}, {"detail": "two"}]}, FILES)
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["receipt.json"]


def test_a_draft_takes_its_place_only_when_it_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "receipt.json"
    path.write_bytes(b"old")
    draft_record(path, HEAD, FILES, mode=0o644).drop()
    assert path.read_bytes() == b"old"
    draft = draft_record(path, HEAD, FILES, mode=0o644)
    assert path.read_bytes() == b"old"
    draft.keep()
    assert read(path) == (HEAD, FILES)
    assert os.listdir(tmp_path) == ["receipt.json"]


def test_files_that_fail_on_the_way_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        write_record(tmp_path / "receipt.json", HEAD, [{"path": "/a"}], mode=0o644)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("/P/a.TXT", "text/plain"),
        ("/P/a.png", "image/png"),
        ("/P/a.csv", "text/csv"),
        ("/P/a.tar.gz", "application/gzip"),
        ("/P/README", None),
        ("/P/a.unknown-ending", None),
        ("/P/.txt", None),
        ("data:text/html,x", None),
    ],
)
def test_media_types_come_from_the_name_alone(name: str, kind: str | None) -> None:
    assert media_type_of(name) == kind


def fingerprint(*files: tuple[str, int | None, dict[str, str]]) -> str | None:
    state = Fingerprint()
    for file in files:
        state.add(*file)
    return state.text()


def test_a_fingerprint_tells_names_sizes_and_contents_apart() -> None:
    first = ("P/a", 1, {"md5": "11", "sha256": "AA"})
    others = [
        ("P/b", 1, {"sha256": "aa"}),
        ("P/a", 2, {"sha256": "aa"}),
        ("P/a", 1, {"sha256": "bb"}),
        ("P/a", 1, {"sha512": "aa"}),
    ]
    texts = {fingerprint(first), *(fingerprint(other) for other in others)}
    assert len(texts) == 5
    assert fingerprint(first) == fingerprint(("P/a", 1, {"sha256": "aa"}))
    assert fingerprint(first, first) not in texts


def test_a_fingerprint_is_not_made_of_what_is_not_known() -> None:
    assert fingerprint() is None
    assert fingerprint(("P/a", None, {"sha256": "aa"})) is None
    assert fingerprint(("P/a", 1, {"sha256": "aa"}), ("P/b", 1, {})) is None
