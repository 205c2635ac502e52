import itertools
import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from pathlib import Path

import jsonschema
import pytest

import presqt_daemon.schemas
from presqt_daemon.errors import UserFault
from presqt_daemon.model import Finding, Severity, Stage, Status, UploadResult
from presqt_daemon.schemas.json_values import text_from_time, time_from_text
from presqt_daemon.system.files import json_bytes
from presqt_daemon.tickets.process_info import (
    MAX_FINDINGS,
    STEPS,
    InfoError,
    NewerInfoError,
    ProcessInfo,
    add_warnings,
    advance,
    fail,
    info_from_bytes,
    percentage,
    tree_from_info,
)
from tests.tickets.infos import (
    BEGAN,
    ENDED,
    finished_info,
    infos_of_every_kind,
    new_info,
    sending_info,
)

SCHEMA = json.loads(
    (Path(presqt_daemon.schemas.__file__).parent / "process_info.json").read_text(encoding="utf-8")
)
KINDS = infos_of_every_kind()


@pytest.mark.parametrize("kind", KINDS)
def test_every_state_meets_the_schema_and_survives_the_file(kind: str) -> None:
    info = KINDS[kind]
    tree = tree_from_info(info)
    jsonschema.Draft202012Validator(SCHEMA).validate(tree)
    again = info_from_bytes(json_bytes(tree))
    assert tree_from_info(again) == tree
    plain = [replace(item, severity=Severity.ERROR) for item in info.warnings]
    assert again == replace(info, warnings=tuple(plain))


def test_the_schema_names_the_same_keys_in_the_same_order() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    keys = [item.name for item in fields(ProcessInfo)]
    assert list(SCHEMA["properties"]) == list(tree_from_info(new_info()))
    assert sorted(SCHEMA["properties"]) == sorted(keys)
    assert SCHEMA["required"] == list(SCHEMA["properties"])


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "done"},
        {"status_code": "200"},
        {"finished_at": None},
        {"job_percentage": 101},
        {"job_percentage": 99},
        {"error_code": "not-a-zip"},
        {"stage": "hashed"},
        {"received_at": "2026-01-31 09:30:00+00:00"},
        {"extra": 1},
        {"upload_files_finished": -1},
    ],
)
def test_the_schema_refuses_a_finished_status_that_is_not_so(changes: dict[str, object]) -> None:
    tree = {**tree_from_info(KINDS["verified"]), **changes}
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(tree)


@pytest.mark.parametrize(("before", "after"), list(product(Stage, Stage)))
def test_only_the_steps_in_the_table_can_be_made(before: Stage, after: Stage) -> None:
    info = new_info(stage=before, hash_algorithm="sha256", staging_attempt=2)
    if after not in STEPS[before]:
        with pytest.raises(ValueError, match="no step"):
            advance(info, after)
        return
    stepped = advance(info, after)
    assert stepped.stage is after
    if after is Stage.RECEIVED:
        assert (stepped.hash_algorithm, stepped.staging_attempt) == (None, 0)


def test_no_step_skips_a_stage() -> None:
    order = list(Stage)
    for before, after in product(Stage, Stage):
        if order.index(after) > order.index(before) + 1:
            assert after not in STEPS[before]


def test_a_failure_keeps_the_stage_and_counts_what_is_not_listed() -> None:
    findings = tuple(Finding(code="missing", path=f"data/{n}", message="gone") for n in range(60))
    error = UserFault("invalid-bag", "Not valid.", findings=findings, findings_total=700)
    info = fail(sending_info(waiting_for="a worker"), error, ENDED)
    assert (info.status, info.status_code, info.error_code) == (Status.FAILED, 400, "invalid-bag")
    assert (len(info.errors), info.errors_total) == (MAX_FINDINGS, 700)
    assert (info.stage, info.finished_at) == (Stage.HASHED, ENDED)
    assert (info.waiting_for, info.function_process_id, info.host) == (None, None, None)


def test_a_failure_keeps_the_warnings_that_were_found_with_it() -> None:
    odd = tuple(Finding(code="odd", path=f"data/{n}", message="hm") for n in range(60))
    error = UserFault("invalid-bag", "Not valid.", warnings=odd, warnings_total=1200)
    info = fail(new_info(), error, ENDED)
    assert (len(info.warnings), info.warnings_total) == (MAX_FINDINGS, 1200)


def test_warnings_told_again_after_a_restart_are_not_counted_twice() -> None:
    odd = tuple(
        Finding(code="odd", path=f"data/{n}", message="hm", severity=Severity.WARNING, hint="x")
        for n in range(60)
    )
    info = add_warnings(new_info(), odd, 1200)
    read_back = info_from_bytes(json_bytes(tree_from_info(info)))
    assert add_warnings(read_back, odd, 1200).warnings_total == 1200


def test_a_failure_without_findings_is_its_own_finding() -> None:
    info = fail(new_info(), UserFault("not-a-zip", "No zip."), ENDED)
    assert [(item.code, item.path, item.message) for item in info.errors] == [
        ("not-a-zip", "thesis.zip", "No zip.")
    ]
    assert info.errors_total == 1


def test_warnings_are_listed_once_and_all_counted() -> None:
    many = tuple(
        Finding(code="odd", path=str(n), message="odd", severity=Severity.WARNING)
        for n in range(60)
    )
    info = add_warnings(new_info(), many[:30])
    info = add_warnings(info, many)
    assert (len(info.warnings), info.warnings_total) == (50, 60)
    assert len(set(info.warnings)) == 50


def test_no_name_at_a_target_and_none_in_a_bag_makes_a_status_long() -> None:
    long = Finding(code="odd", message="m" * 10**6, path="data/" + "p" * 10**6 + "/end.txt")
    short = Finding(code="odd", message="m", path="p" * 4096)
    warned = add_warnings(new_info(), (long, long, short))
    error = UserFault("invalid-bag", "no", findings=(long, short))
    failed = fail(warned, error, ENDED)
    for told in (warned.warnings, failed.errors):
        assert told[-1] == short
        assert told[0].path.startswith("data/pp")
        assert told[0].path.endswith("pp/end.txt")
    assert len(json.dumps(tree_from_info(failed))) < 100_000
    assert add_warnings(warned, (long,)).warnings == warned.warnings, "told once"


def test_the_percentage_is_100_only_at_the_end() -> None:
    full = {
        "staging_total_bytes": 10,
        "staging_bytes_finished": 10,
        "upload_total_files": 2,
        "upload_files_finished": 2,
        "upload_total_bytes": 10,
        "upload_bytes_finished": 10,
    }
    for stage in Stage:
        assert percentage(new_info(stage=stage, **full)) < 100
    assert percentage(KINDS["verified"]) == 100
    assert percentage(new_info()) == 0
    assert percentage(new_info(staging_total_bytes=10, staging_bytes_finished=99)) == 30


def test_a_result_replaces_what_was_known() -> None:
    info = KINDS["failed fixity"]
    assert info.failed_fixity == ("/Project/a",)
    assert info.resources_updated == ("/Project/c",)
    assert info.upload_files_finished == info.upload_total_files
    assert info.warnings_total == 1


def test_unknown_keys_of_a_file_are_passed_over() -> None:
    tree = {**tree_from_info(new_info()), "later": 1}
    assert info_from_bytes(json_bytes(tree)).source_file == "thesis.zip"


WRONG_VALUES: tuple[dict[str, object], ...] = (
    {"status": "ok"},
    {"stage": 7},
    {"errors": [{}]},
    {"errors": 5},
    {"received_at": None, "updated_at": "yesterday"},
    {"expiration": "2026-01-31T09:30:00"},
    {"failed_fixity": None},
    {"dropped_by": 3},
    {"schema_version": "1"},
    {"source_file": None},
    {"title": 5},
    {"updated_at": None},
    {"upload_total_files": None},
    {"upload_total_bytes": -1},
    {"attempt": "1"},
    {"attempt": True},
    {"status_code": "200"},
)


@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"[]", b"{", b'"x"', b"\xff", b"{}", b"[" * 100_000]
    + [b'{"schema_version": 1}']
    + [json_bytes({**tree_from_info(KINDS["verified"]), **wrong}) for wrong in WRONG_VALUES],
    ids=itertools.count(),
)
def test_a_damaged_file_is_an_info_error_and_nothing_else(content: bytes) -> None:
    with pytest.raises(InfoError):
        info_from_bytes(content)


@pytest.mark.parametrize("stage", ["hashed", "uploaded"])
@pytest.mark.parametrize(
    "wrong",
    [{"title": None}, {"file_duplicate_action": None}, {"source_file": ""}, {"target": None}],
)
def test_a_staged_ticket_that_does_not_know_what_goes_where_is_damaged(
    stage: str, wrong: dict[str, object]
) -> None:
    tree = {**tree_from_info(sending_info()), "stage": stage}
    assert info_from_bytes(json_bytes(tree)).stage == stage
    with pytest.raises(InfoError):
        info_from_bytes(json_bytes({**tree, **wrong}))


def test_a_file_of_a_newer_version_has_an_error_of_its_own() -> None:
    with pytest.raises(NewerInfoError, match="4"):
        info_from_bytes(b'{"schema_version": 4}')


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_status_of_schema_1_is_taken_over(kind: str) -> None:
    tree = {**tree_from_info(KINDS[kind]), "waiting_since": None}
    old = {**tree, "schema_version": 1}
    for key in ("waiting_since", "engine", "epoch"):
        del old[key]
    assert info_from_bytes(json_bytes(old)) == info_from_bytes(json_bytes(tree))


def test_times_are_utc_with_microseconds() -> None:
    east = datetime(2026, 1, 31, 11, 30, tzinfo=timezone(timedelta(hours=2)))
    assert text_from_time(east) == "2026-01-31T09:30:00.000000Z"
    assert time_from_text(text_from_time(BEGAN)) == BEGAN.astimezone(UTC)
    with pytest.raises(ValueError, match="no time zone"):
        time_from_text("2026-01-31T09:30:00")


def test_an_upload_without_a_link_keeps_the_one_known() -> None:
    result = UploadResult(link=None, algorithm="md5")
    done = finished_info(result, link_to_resource="https://example.org/1")
    assert done.link_to_resource == "https://example.org/1"
