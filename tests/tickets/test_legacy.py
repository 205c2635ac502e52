import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from presqt_daemon.model import Status
from presqt_daemon.tickets.legacy import (
    LegacyError,
    has_compared,
    legacy_from_bytes,
    read_any_info,
    read_legacy,
)
from presqt_daemon.tickets.process_info import InfoError, NewerInfoError, ProcessInfo
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.tickets.verdict import Verdict, verdict
from tests.upgrade.past import TOKEN, ours, presqt

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def legacy(**keys: Any) -> ProcessInfo:
    tree = {"presqt-destination-token": TOKEN, "status": "finished", "status_code": "200", **keys}
    return legacy_from_bytes(json.dumps(tree).encode(), "t", NOW)


def test_codes_that_presqt_wrote_as_text_are_numbers() -> None:
    assert legacy().status_code == 200
    assert legacy(status="failed", status_code="499").error_code == "cancelled"
    assert legacy(status="failed", status_code=504).error_code == "timed-out"
    assert legacy(status="failed", status_code=500).error_code is None
    assert legacy(status="in_progress", status_code=None).status_code is None
    assert legacy(status_code="-1").status_code is None
    assert legacy(status_code=True).status_code is None


def test_paths_of_all_its_times_come_out_alike() -> None:
    oldest = legacy(duplicate_files_ignored=["data/P/a"], duplicate_files_updated=["data/P/b"])
    assert (oldest.resources_ignored, oldest.resources_updated) == (("/P/a",), ("/P/b",))
    middle = legacy(resources_ignored=["P/a"], failed_fixity=["P/c"])
    assert (middle.resources_ignored, middle.failed_fixity) == (("/P/a",), ("/P/c",))
    last = legacy(resources_ignored=["/P/a"], resources_updated=["/data/x"])
    assert (last.resources_ignored, last.resources_updated) == (("/P/a",), ("/data/x",))


def test_expirations_are_read_where_they_can_be() -> None:
    found = legacy(expiration="2019-09-25 14:03:11.123456+00:00").expiration
    assert found == datetime(2019, 9, 25, 14, 3, 11, 123456, tzinfo=UTC)
    assert legacy(expiration="soon").expiration is None
    assert legacy(expiration="2019-09-25 14:03:11").expiration is None
    assert legacy().expiration is None


def test_a_message_can_say_that_nothing_was_compared() -> None:
    assert has_compared(legacy(message="Upload successful.", hash_algorithm="md5"))
    message = "Upload successful. Fixity can't be determined because GitHub may not ..."
    assert not has_compared(legacy(message=message, hash_algorithm="md5"))
    assert not has_compared(legacy(message="Upload successful."))


def test_the_token_is_in_nothing_that_comes_out() -> None:
    found = legacy(message=f"bad {TOKEN}!", resources_ignored=[f"/{TOKEN}/a"], hash_algorithm=TOKEN)
    assert TOKEN not in repr(found)
    assert found.message == "bad [token]!"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b'{"status": "failure"}',
        b'{"status": ["x"]}',
        b'{"status": "finished", "schema_version": 1}',
        b'{"resource_upload": {"status": "finished"}}',
    ],
)
def test_what_is_not_presqts_is_an_error(content: bytes) -> None:
    with pytest.raises(LegacyError):
        legacy_from_bytes(content, "t", NOW)


def test_an_error_repeats_nothing_of_the_file() -> None:
    for content in (f'{{"presqt-destination-token": "{TOKEN}', f'{{"status": "{TOKEN}"}}'):
        with pytest.raises(LegacyError) as raised:
            legacy_from_bytes(content.encode(), "t", NOW)
        assert TOKEN not in str(raised.value)


def test_its_status_can_be_shown(tmp_path: Path) -> None:
    info = read_any_info(presqt(tmp_path))
    assert (info.status, info.schema_version, verdict(info)) == (
        Status.FINISHED, 0, Verdict.VERIFIED,
    )  # fmt: skip
    assert read_any_info(ours(tmp_path)).status is Status.FINISHED


def test_a_status_of_nobody_keeps_its_error(tmp_path: Path) -> None:
    folder = presqt(tmp_path)
    folder.info.write_bytes(b"{")
    with pytest.raises(InfoError, match="not JSON"):
        read_any_info(folder)
    folder.info.write_bytes(b'{"schema_version": 99, "status": "finished"}')
    with pytest.raises(NewerInfoError):
        read_any_info(folder)
    with pytest.raises(LegacyError, match="No such file"):
        read_legacy(TicketFolder(tmp_path / str(uuid.uuid4())))
