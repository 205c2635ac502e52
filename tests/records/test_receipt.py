import json
import stat
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any

import jsonschema
import pytest

from presqt_daemon import __version__
from presqt_daemon.errors import UserFault
from presqt_daemon.model import (
    Bag,
    DuplicateAction,
    FileResult,
    Fixity,
    Outcome,
    PayloadFile,
    Stage,
    Status,
    UploadResult,
)
from presqt_daemon.records.file_rows import row_from_result
from presqt_daemon.records.payload import PayloadHead
from presqt_daemon.records.receipt import write_receipt
from presqt_daemon.tickets.process_info import ProcessInfo, fail, finish
from presqt_daemon.tickets.store import TicketFolder
from tests.memory import traced_peak_bytes
from tests.payloads import write_payload
from tests.records.appending import append_lines

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
SCHEMA = json.loads(resources.files("presqt_daemon.schemas").joinpath("receipt.json").read_bytes())


@pytest.fixture
def folder(tmp_path: Path) -> TicketFolder:
    path = tmp_path / str(uuid.uuid4())
    path.mkdir()
    return TicketFolder(path)


def opened(folder: TicketFolder, stage: Stage = Stage.HASHED) -> ProcessInfo:
    return ProcessInfo(
        ticket_number=folder.ticket,
        stage=stage,
        source_file="Project.zip",
        target="osf",
        title="Project",
        file_duplicate_action=DuplicateAction.IGNORE,
        options_from={"target": "folder"},
        dropped_by={"uid": 1000, "name": "ada"},
        received_at=NOW,
        updated_at=NOW,
    )


def finished(folder: TicketFolder, **lists: tuple[str, ...]) -> ProcessInfo:
    result = UploadResult(link="https://osf.io/x", algorithm="sha256", **lists)  # type: ignore[arg-type]
    return finish(opened(folder, Stage.UPLOADED), result, "Upload successful.", LATER)


def failed(folder: TicketFolder, stage: Stage = Stage.HASHED) -> ProcessInfo:
    return fail(opened(folder, stage), UserFault("forbidden", "The target says no."), LATER)


def with_payload(folder: TicketFolder, *names: str) -> None:
    head = PayloadHead(
        bag=Bag(
            folder="bag",
            version="1.0",
            algorithms=("sha256",),
            info=(),
            payload_files=len(names),
            payload_bytes=3 * len(names),
        ),
        algorithm="sha256",
        boot_id="b",
    )
    rows = (
        PayloadFile(path=PurePosixPath(name), size=3, digests={"sha256": "ab"}) for name in names
    )
    write_payload(folder.payload, head, rows)


def with_results(folder: TicketFolder, *results: FileResult) -> None:
    append_lines(folder.journal, [row_from_result(result) for result in results], durable=False)


def result(
    name: str, outcome: Outcome = Outcome.CREATED, fixity: Fixity = Fixity.MATCHED
) -> FileResult:
    return FileResult(
        path=PurePosixPath(name),
        outcome=outcome,
        fixity=fixity,
        size=3,
        algorithm="sha256",
        local_digest="ab",
        remote_digest="ab" if fixity is Fixity.MATCHED else "cd",
        remote_path=name.removeprefix("/P/"),
    )


def receipt(folder: TicketFolder, info: ProcessInfo) -> dict[str, Any]:
    write_receipt(folder, info, now=LATER)
    tree: dict[str, Any] = json.loads(folder.receipt.read_bytes())
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(tree, SCHEMA)
    return tree


def test_every_file_stands_there_with_its_digests(folder: TicketFolder) -> None:
    with_payload(folder, "P/a", "P/b")
    with_results(folder, result("/P/b", fixity=Fixity.MISMATCHED), result("/P/a"))
    tree = receipt(folder, finished(folder, failed_fixity=("/P/b",)))
    assert tree["files"][0] == {
        "path": "/P/a",
        "size": 3,
        "media_type": None,
        "outcome": "created",
        "fixity": "matched",
        "algorithm": "sha256",
        "local_digest": "ab",
        "remote_digest": "ab",
        "remote_path": "a",
        "packed_in": None,
        "differs": False,
        "digests": {"sha256": "ab"},
    }
    assert [file["fixity"] for file in tree["files"]] == ["matched", "mismatched"]
    assert tree["totals"] == {
        "files": 2,
        "created": 2,
        "updated": 0,
        "ignored": 0,
        "not_sent": 0,
        "matched": 1,
        "mismatched": 1,
        "unknown": 0,
    }


def test_the_ticket_is_described(folder: TicketFolder) -> None:
    with_payload(folder, "P/a")
    with_results(folder, result("/P/a"))
    tree = receipt(folder, finished(folder))
    assert tree["schema_version"] == 2
    assert (tree["status"], tree["status_code"]) == ("finished", 200)
    assert (tree["target"], tree["link"]) == ("osf", "https://osf.io/x")
    assert tree["bag"]["algorithms"] == ["sha256"]
    assert tree["source"]["file"] == "Project.zip"
    assert tree["options"] == {
        "file_duplicate_action": "ignore",
        "options_from": {"target": "folder"},
    }
    assert tree["times"]["finished_at"] == "2026-01-31T09:35:00.000000Z"


def events(tree: dict[str, Any]) -> list[tuple[str, str]]:
    return [(event["event_type"], event["outcome"]) for event in tree["events"]]


def test_events_are_told_as_premis_has_them(folder: TicketFolder) -> None:
    with_payload(folder, "P/a")
    with_results(folder, result("/P/a"))
    tree = receipt(folder, finished(folder))
    assert events(tree) == [
        ("ingestion", "success"),
        ("validation", "success"),
        ("fixity check", "success"),
        ("deposition", "success"),
    ]
    assert {event["agent"]["version"] for event in tree["events"]} == {__version__}


@pytest.mark.parametrize(
    ("lists", "outcome"),
    [
        ({"failed_fixity": ("/P/a",), "unverified_fixity": ("/P/b",)}, "failure"),
        ({"unverified_fixity": ("/P/a",)}, "warning"),
        ({"ignored_different": ("/P/a",)}, "warning"),
    ],
)
def test_the_fixity_check_says_what_it_found(
    folder: TicketFolder, lists: dict[str, tuple[str, ...]], outcome: str
) -> None:
    with_payload(folder, "P/a")
    assert ("fixity check", outcome) in events(receipt(folder, finished(folder, **lists)))


def test_a_failed_upload_says_what_was_left_there(folder: TicketFolder) -> None:
    with_payload(folder, "P/a", "P/b")
    with_results(folder, result("/P/a"))
    tree = receipt(folder, failed(folder))
    assert [file["outcome"] for file in tree["files"]] == ["created", None]
    assert tree["totals"]["not_sent"] == 1
    assert events(tree)[-1] == ("deposition", "failure")
    assert (tree["error_code"], tree["message"]) == ("forbidden", "The target says no.")


def test_a_rejected_drop_has_a_receipt_too(folder: TicketFolder) -> None:
    tree = receipt(folder, failed(folder, Stage.RECEIVED))
    assert (tree["bag"], tree["files"]) == (None, [])
    assert events(tree) == [("ingestion", "success"), ("validation", "failure")]


def test_the_last_word_on_a_file_counts(folder: TicketFolder) -> None:
    with_payload(folder, "P/a")
    with_results(folder, result("/P/a", fixity=Fixity.MISMATCHED), result("/P/a"))
    assert receipt(folder, finished(folder))["files"][0]["fixity"] == "matched"


def test_tag_files_follow_the_payload(folder: TicketFolder) -> None:
    with_payload(folder, "P/a")
    with_results(folder, result("bagit.txt"), result("/P/a"))
    tree = receipt(folder, finished(folder))
    assert [file["path"] for file in tree["files"]] == ["/P/a", "bagit.txt"]


def test_files_in_a_packed_zip_share_its_end(folder: TicketFolder) -> None:
    with_payload(folder, "P/a")
    append_lines(folder.journal, [{"packed": "/P/P.presqt.zip"}], durable=False)
    with_results(folder, result("/P/P.presqt.zip"))
    first, second = receipt(folder, finished(folder))["files"]
    assert (first["path"], first["packed_in"]) == ("/P/a", "/P/P.presqt.zip")
    assert (first["outcome"], first["fixity"]) == ("created", "matched")
    assert (first["local_digest"], first["digests"]) == (None, {"sha256": "ab"})
    assert (second["path"], second["packed_in"]) == ("/P/P.presqt.zip", None)


def test_a_torn_journal_is_read_as_far_as_it_goes(folder: TicketFolder, full: bool) -> None:
    with_payload(folder, "P/a", "P/b")
    with_results(folder, result("/P/a"), result("/P/b"))
    content = folder.journal.read_bytes()
    for end in range(0, len(content), 1 if full else 29):
        folder.journal.write_bytes(content[:end])
        assert len(receipt(folder, failed(folder))["files"]) == 2


def test_a_torn_payload_list_is_read_as_far_as_it_goes(folder: TicketFolder) -> None:
    with_payload(folder, "P/a", "P/b")
    content = folder.payload.read_bytes()
    for end in range(0, len(content), 31):
        folder.payload.write_bytes(content[:end])
        receipt(folder, failed(folder))


def test_names_that_are_no_text_are_shown_all_the_same(folder: TicketFolder) -> None:
    info = replace(failed(folder, Stage.RECEIVED), source_file="b\udce4g.zip", message="b\udce4g")
    tree = receipt(folder, info)
    assert tree["source"]["file"] == "b\\xe4g.zip"
    assert tree["status"] == Status.FAILED


def test_a_second_receipt_replaces_the_first_and_leaves_nothing(folder: TicketFolder) -> None:
    receipt(folder, failed(folder))
    assert receipt(folder, finished(folder))["status"] == "finished"
    assert [path.name for path in folder.path.iterdir()] == ["receipt.json"]


def test_its_mode_is_that_of_the_status_file(folder: TicketFolder) -> None:
    write_receipt(folder, failed(folder), now=LATER, status_mode=0o640)
    assert stat.S_IMODE(folder.receipt.stat().st_mode) == 0o640


def keep(folder: TicketFolder, info: ProcessInfo) -> None:
    write_receipt(folder, info, now=LATER)


def test_many_files_pass_through_without_being_held(folder: TicketFolder, full: bool) -> None:
    count = 100_000 if full else 5_000
    names = [f"P/{number % 100}/{number:06}" for number in range(count)]
    with_payload(folder, *names)
    with_results(folder, *(result(f"/{name}") for name in names))
    peak = traced_peak_bytes(keep, folder, finished(folder))
    assert peak < 1_000_000 + 400 * count
    assert len(json.loads(folder.receipt.read_bytes())["files"]) == count
