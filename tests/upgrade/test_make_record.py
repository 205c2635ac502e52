import errno
import json
import os
import shutil
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from presqt_daemon.model import UploadResult
from presqt_daemon.tickets.locks import HeldError, lease_ended
from presqt_daemon.tickets.process_info import InfoError, NewerInfoError
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.upgrade.make_record import Maker, PastRecord, RecordOutcome, make_record
from tests.bags import bag_tree, zip_bytes
from tests.upgrade.past import PAYLOAD, SCHEMA_1, TOKEN, kept, ours, presqt

RUN = str(uuid.uuid4())
NOW = datetime(2026, 2, 1, tzinfo=UTC)
MAKER = Maker(run=RUN, mode=0o644, now=NOW)
SCHEMA = json.loads(resources.files("presqt_daemon.schemas").joinpath("receipt.json").read_bytes())


def give(folder: TicketFolder, maker: Maker = MAKER) -> None:
    """Keep the record that a ticket gets."""
    record = make_record(folder, maker)
    assert isinstance(record, PastRecord)
    record.keep()


def made(folder: TicketFolder) -> dict[str, Any]:
    """The record that a ticket gets, which must be by the schema."""
    give(folder)
    tree: dict[str, Any] = json.loads(folder.receipt.read_bytes())
    jsonschema.validate(tree, SCHEMA)
    assert tree["prepared_in"] == RUN
    assert tree["events"][-1]["event_type"] == "metadata modification"
    assert make_record(folder, MAKER) is RecordOutcome.ADDED, "counts as this run's when it goes on"
    other = replace(MAKER, run=str(uuid.uuid4()))
    assert make_record(folder, other) is RecordOutcome.HAD
    return tree


def test_the_kept_records_are_of_schema_1() -> None:
    schema = json.loads((SCHEMA_1 / "receipt.schema.json").read_bytes())
    for name in ("finished", "rejected"):
        jsonschema.validate(json.loads((SCHEMA_1 / name / "receipt.json").read_bytes()), schema)


def test_a_record_of_schema_1_keeps_what_it_says_and_gets_what_it_lacks(tmp_path: Path) -> None:
    folder = kept("finished", tmp_path)
    old = json.loads(folder.receipt.read_bytes())
    tree = made(folder)
    for key in set(old) - {"schema_version", "source", "files", "events"}:
        assert tree[key] == old[key], key
    assert tree["events"][:-1] == old["events"]
    assert [file["path"] for file in tree["files"]] == [file["path"] for file in old["files"]]
    assert [file["media_type"] for file in tree["files"]] == ["text/plain", "text/plain"]
    assert [file["digests"] for file in tree["files"]] == [f["digests"] for f in old["files"]]
    assert tree["resource"]["id"] == "Project"
    assert tree["source"]["size"] == (folder.path / "finished.zip").stat().st_size
    assert len(tree["source"]["sha256"]) == 64
    assert tree["content_fingerprint"].startswith("sha256:")


def test_the_fingerprint_does_not_depend_on_what_is_left_of_the_ticket(tmp_path: Path) -> None:
    whole = made(kept("finished", tmp_path / "a"))["content_fingerprint"]
    bare = kept("finished", tmp_path / "b")
    for name in ("payload.jsonl", "journal.jsonl", "finished.zip"):
        (bare.path / name).unlink()
    assert made(bare)["content_fingerprint"] == whole
    without = kept("finished", tmp_path / "c")
    without.receipt.unlink()
    assert made(without)["content_fingerprint"] == whole
    only_zip = kept("finished", tmp_path / "d")
    for name in ("payload.jsonl", "journal.jsonl", "receipt.json"):
        (only_zip.path / name).unlink()
    assert made(only_zip)["content_fingerprint"] == whole
    other = bag_tree({"Project/a.txt": b"alpha\n", "Project/sub/b.txt": b"beta\n"})
    theirs = presqt(tmp_path / "e", bag=other)
    assert made(theirs)["content_fingerprint"] == whole


def test_what_is_gone_is_null_and_not_invented(tmp_path: Path) -> None:
    folder = kept("finished", tmp_path)
    for name in ("payload.jsonl", "journal.jsonl", "finished.zip", "receipt.json"):
        (folder.path / name).unlink()
    tree = made(folder)
    assert tree["status"] == "finished"
    for key in ("bag", "files", "totals", "content_fingerprint", "resource"):
        assert tree[key] is None, key
    assert tree["source"]["size"] is None


def test_a_rejected_drop_gets_a_record_too(tmp_path: Path) -> None:
    folder = kept("rejected", tmp_path)
    assert made(folder)["error_code"] == "malformed-bag"
    without = ours(tmp_path, failed=True)
    tree = made(without)
    assert (tree["bag"], tree["files"], tree["totals"]["files"]) == (None, [], 0)


def test_files_are_told_by_the_lists_of_the_status_where_nothing_else_is_left(
    tmp_path: Path,
) -> None:
    result = UploadResult(
        link="file:///archive/Project",
        algorithm="sha512",
        failed_fixity=("/Project/a.txt",),
        ignored=("/Project/sub/b.png",),
    )
    tree = made(ours(tmp_path, result=result, bag=bag_tree(PAYLOAD)))
    rows = {f["path"]: (f["outcome"], f["fixity"], f["media_type"]) for f in tree["files"]}
    assert rows == {
        "/Project/a.txt": ("created", "mismatched", "text/plain"),
        "/Project/sub/b.png": ("ignored", "matched", "image/png"),
    }
    assert [file["remote_digest"] for file in tree["files"]] == [None, None]
    assert tree["bag"]["payload_bytes"] == 11


def test_a_damaged_record_is_made_anew(tmp_path: Path) -> None:
    folder = kept("finished", tmp_path)
    content = folder.receipt.read_bytes()
    for number, end in enumerate(range(0, len(content) - 20, 173)):
        again = kept("finished", tmp_path / str(number))
        again.receipt.write_bytes(content[:end])
        assert len(made(again)["files"]) == 2


def expired(root: Path) -> TicketFolder:
    """A ticket of which nothing is left but its status and its record of schema 1."""
    folder = kept("finished", root)
    for name in ("payload.jsonl", "journal.jsonl", "finished.zip"):
        (folder.path / name).unlink()
    return folder


def test_a_damaged_record_of_an_expired_ticket_is_kept_and_its_head_is_carried_over(
    tmp_path: Path,
) -> None:
    old = json.loads((SCHEMA_1 / "finished" / "receipt.json").read_bytes())
    content = (SCHEMA_1 / "finished" / "receipt.json").read_bytes()
    files = content.index(b'"files": [')
    for number, end in enumerate((files, files + 60, len(content) - 200)):
        folder = expired(tmp_path / str(number))
        folder.receipt.write_bytes(content[:end])
        tree = made(folder)
        for key in set(old) - {"schema_version", "source", "files", "totals", "events"}:
            assert tree[key] == old[key], key
        assert tree["events"][:-1] == old["events"]
        assert tree["files"] is None
        damaged = folder.path / "receipt.json.damaged"
        assert damaged.read_bytes() == content[:end]


def test_only_whole_keys_are_carried_over(tmp_path: Path) -> None:
    content = (SCHEMA_1 / "finished" / "receipt.json").read_bytes()
    end = content.index(b'"times"') + 20
    folder = expired(tmp_path)
    folder.receipt.write_bytes(content[:end] + b"\0" * 300)
    tree = made(folder)
    assert tree["bag"]["algorithms"] == ["sha512"]
    assert tree["times"]["finished_at"] is not None, "the status tells it too"
    other = expired(tmp_path / "other")
    other.receipt.write_bytes(content[:end].replace(other.ticket.encode(), RUN.encode()))
    assert made(other)["bag"] is None, "another ticket's record"


def refuse(*_: object, **__: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("call", ["fsync", "replace", "link"])
def test_a_record_that_the_disk_refuses_leaves_the_ticket_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    folder = expired(tmp_path)
    folder.receipt.write_bytes(b"{")
    before = {path.name for path in folder.path.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            give(folder)
    assert folder.receipt.read_bytes() == b"{"
    assert {path.name for path in folder.path.iterdir()} - before <= {"receipt.json.damaged"}
    made(folder)


def test_a_manifest_that_is_a_link_is_an_error_and_no_record_without_digests(
    tmp_path: Path,
) -> None:
    folder = presqt(tmp_path)
    manifest = folder.path / "bag" / "manifest-sha512.txt"
    manifest.rename(tmp_path / "elsewhere")
    manifest.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="no regular file"):
        make_record(folder, MAKER)
    assert not folder.receipt.exists()


def test_a_payload_file_that_is_a_link_has_no_size(tmp_path: Path) -> None:
    folder = presqt(tmp_path)
    path = folder.path / "bag" / "data" / "Project" / "a.txt"
    path.unlink()
    path.symlink_to("sub/b.png")
    tree = made(folder)
    assert [file["size"] for file in tree["files"]] == [None, 5]
    assert tree["files"][0]["digests"]
    assert (tree["bag"]["payload_bytes"], tree["content_fingerprint"]) == (None, None)


def test_a_claimed_ticket_whose_status_is_lost_is_left_to_the_daemon(tmp_path: Path) -> None:
    folder = kept("finished", tmp_path)
    folder.info.write_bytes(b"{")
    assert make_record(folder, MAKER) is RecordOutcome.OPEN


def test_presqts_ticket_gets_what_its_status_and_its_bag_tell(tmp_path: Path) -> None:
    folder = presqt(tmp_path, failed_fixity=["/Project/a.txt"], resources_updated=["/Project/x"])
    before = folder.info.read_bytes()
    tree = made(folder)
    assert (tree["status"], tree["status_code"], tree["stage"]) == ("finished", 200, "uploaded")
    assert [(f["path"], f["fixity"], f["size"]) for f in tree["files"]] == [
        ("/Project/a.txt", "mismatched", 6),
        ("/Project/sub/b.png", "matched", 5),
    ]
    assert tree["bag"]["algorithms"] == ["sha512"]
    for key in ("target", "resource", "title", "link", "resource_id"):
        assert tree[key] is None
    assert tree["times"]["received_at"] is None
    assert folder.info.read_bytes() == before, "what is PresQT's stays as it is"


def test_presqts_word_that_nothing_was_compared_counts(tmp_path: Path) -> None:
    message = "Upload successful. Fixity can't be determined because GitHub may not have ..."
    tree = made(presqt(tmp_path, message=message, resources_ignored=["/Project/a.txt"]))
    assert {file["fixity"] for file in tree["files"]} == {"unknown"}
    tree = made(presqt(tmp_path, resources_ignored=["/Project/a.txt"]))
    rows = [(file["outcome"], file["fixity"]) for file in tree["files"]]
    assert rows == [("ignored", "unknown"), ("created", "matched")]


def test_presqts_ticket_that_was_cut_short_says_so(tmp_path: Path) -> None:
    folder = presqt(
        tmp_path, status="in_progress", status_code=None, message="Upload is being processed"
    )
    tree = made(folder)
    assert (tree["status"], tree["status_code"]) == ("in_progress", None)
    assert {file["outcome"] for file in tree["files"]} == {None}


def test_no_token_reaches_a_record(tmp_path: Path) -> None:
    folder = presqt(
        tmp_path,
        status="failed",
        status_code=401,
        message=f"Token {TOKEN} is invalid. Response returned a 401 status code.",
        failed_fixity=[f"/Project/{TOKEN}"],
    )
    tree = made(folder)
    assert TOKEN not in folder.receipt.read_text()
    assert tree["message"] == "Token [token] is invalid. Response returned a 401 status code."
    assert tree["error_code"] == "unauthorized"


def test_files_that_left_the_bag_have_no_size(tmp_path: Path) -> None:
    folder = presqt(tmp_path)
    (folder.path / "bag" / "data" / "Project" / "a.txt").unlink()
    tree = made(folder)
    assert [file["size"] for file in tree["files"]] == [None, 5]
    assert (tree["bag"]["payload_bytes"], tree["content_fingerprint"]) == (None, None)


def test_presqts_ticket_may_have_only_its_zip(tmp_path: Path) -> None:
    folder = presqt(tmp_path, bag={})
    (folder.path / "drop.zip").write_bytes(zip_bytes(bag_tree(PAYLOAD)))
    tree = made(folder)
    assert tree["source"]["file"] == "drop.zip"
    assert len(tree["files"]) == 2


def test_an_open_ticket_is_left_to_its_holder(tmp_path: Path) -> None:
    folder = kept("cut", tmp_path)
    assert make_record(folder, MAKER) is RecordOutcome.OPEN
    assert not folder.receipt.exists()


def test_a_ticket_that_another_has_is_not_touched(tmp_path: Path) -> None:
    folder = kept("finished", tmp_path)
    before = folder.receipt.read_bytes()
    with lease_ended(folder.path), pytest.raises(HeldError):
        make_record(folder, MAKER)
    assert folder.receipt.read_bytes() == before
    made(folder)


def test_what_a_newer_version_wrote_is_left_alone(tmp_path: Path) -> None:
    folder = kept("finished", tmp_path)
    for content in (
        b'{\n    "schema_version": 3,\n    "prepared_in": null\n}\n',
        b'{"schema_version":3}',
    ):
        folder.receipt.write_bytes(content)
        with pytest.raises(NewerInfoError):
            make_record(folder, MAKER)
        assert folder.receipt.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"status": "ok"}', b"\xff\xfe"])
def test_a_status_that_nobody_knows_is_an_error_that_repeats_nothing(
    tmp_path: Path, content: bytes
) -> None:
    folder = presqt(tmp_path)
    folder.info.write_bytes(content)
    with pytest.raises(InfoError):
        make_record(folder, MAKER)
    assert not folder.receipt.exists()


def test_files_of_other_kinds_are_no_status(tmp_path: Path) -> None:
    for number, make in enumerate((os.mkfifo, os.mkdir)):
        folder = presqt(tmp_path / str(number))
        folder.info.unlink()
        make(folder.info)
        with pytest.raises((InfoError, OSError)):
            make_record(folder, MAKER)
    secret = tmp_path / "secret.json"
    shutil.copy(presqt(tmp_path / "s").info, secret)
    folder = presqt(tmp_path / "t")
    folder.info.unlink()
    folder.info.symlink_to(secret)
    with pytest.raises(InfoError):
        make_record(folder, MAKER)


def test_its_mode_is_that_of_status_files(tmp_path: Path) -> None:
    folder = kept("finished", tmp_path)
    give(folder, replace(MAKER, mode=0o640))
    assert folder.receipt.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in folder.path.iterdir() if path.name.startswith(".")] == []
