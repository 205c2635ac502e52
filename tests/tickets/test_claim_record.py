"""What counts as the record of a claim."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from presqt_daemon.model import Route
from presqt_daemon.tickets.claim_record import ClaimRecord, DropFile, Owner, record_from_bytes

RECORD = ClaimRecord(
    ticket="11111111-1111-4111-8111-111111111111",
    inbox_folder="/inbox/lab\udcff",
    inbox_name="bag\udcff.zip",
    zip_name="drop.zip",
    sidecar_name=None,
    route=Route(target="lab"),
    dropped_by_uid=0,
    dropped_by_name=None,
    received_at="2030-01-02T03:04:05.000000Z",
    owner=Owner(host="a", boot_id="b", pid=1, started=2),
    drop_file=DropFile(device=1, inode=2, size=3, mtime_ns=-4),
)


def record_with(**changes: Any) -> ClaimRecord | None:
    """The record as it is read when a part of it, or of a part, says something else."""
    tree = asdict(RECORD)
    for key, value in changes.items():
        part, _, inner = key.partition("__")
        if inner:
            tree[part][inner] = value
        else:
            tree[part] = value
    return record_from_bytes(json.dumps(tree).encode("ascii"))


def test_names_of_any_bytes_and_times_before_1970_are_kept() -> None:
    assert record_with() == RECORD
    assert record_with(drop_file=None, zip_name=None) is not None


@pytest.mark.parametrize(
    "change",
    [
        {"ticket": 5},
        {"inbox_name": None},
        {"inbox_name": "a/b"},
        {"zip_name": ".."},
        {"zip_name": ""},
        {"sidecar_name": "a\0b"},
        {"dropped_by_uid": "0"},
        {"fault_code": 400},
        {"received_at": "yesterday"},
        {"received_at": None},
        {"route__target": 5},
        {"owner__pid": None},
        {"drop_file__mtime_ns": "4"},
        {"more": 1},
    ],
)
def test_a_value_that_no_claim_of_ours_has_loses_the_record(change: dict[str, Any]) -> None:
    assert record_with(**change) is None


@pytest.mark.parametrize("content", [b"", b"[]", b"5", b"{}", b"[" * 100_000, b"\0" * 64])
def test_what_is_no_record_is_lost(content: bytes) -> None:
    assert record_from_bytes(content) is None
