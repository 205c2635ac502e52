"""Ended tickets with records as `receipt.py` lays them out, for reports."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from presqt_daemon.records.record import draft_record
from presqt_daemon.schemas.json_values import text_from_time
from tests.tickets.infos import BEGAN

HOSTILE = '=HYPERLINK("http://evil.example")</td><script>alert(1)</script>\u202e\x1b[31m\'"&'


def ticket_number(number: int) -> str:
    return f"{number:08x}-1111-4111-8111-111111111111"


def record_tree(number: int, **changes: Any) -> dict[str, Any]:
    """A record but for its files; every third target is another, the minutes count up."""
    began = BEGAN + timedelta(minutes=number)
    tree: dict[str, Any] = {
        "schema_version": 2,
        "prepared_in": None,
        "content_fingerprint": f"sha256:{number:064x}",
        "ticket_number": ticket_number(number),
        "status": "finished",
        "status_code": 200,
        "error_code": None,
        "message": "Upload successful.",
        "stage": "uploaded",
        "source": {
            "file": f"{number}.zip",
            "size": 10,
            "sha256": None,
            "dropped_by": {"uid": 1000, "name": "anna"},
        },
        "bag": {
            "folder": "bag",
            "version": "1.0",
            "algorithms": ["sha512"],
            "payload_files": 3,
            "payload_bytes": 3000,
        },
        "target": "archive",
        "resource_id": None,
        "title": f"Title {number}",
        "link": f"https://archive.example/{number}",
        "options": {"file_duplicate_action": "ignore", "options_from": {}},
        "times": {
            "received_at": text_from_time(began),
            "finished_at": text_from_time(began + timedelta(seconds=30)),
            "written_at": text_from_time(began + timedelta(seconds=30)),
        },
        "hash_algorithm": "sha256",
        "resource": None,
        "same_as": None,
        "events": [],
    }
    return {**tree, **changes}


def failed_tree(number: int, code: str, status_code: int, message: str, **more: Any) -> Any:
    return record_tree(
        number,
        status="failed",
        status_code=status_code,
        error_code=code,
        message=message,
        bag=None,
        link=None,
        **more,
    )


def at(number: int, moment: datetime) -> dict[str, Any]:
    text = text_from_time(moment)
    return record_tree(number, times={"received_at": text, "finished_at": text, "written_at": text})


def add_record(uploads: Path, tree: dict[str, Any], fixity: str = "matched") -> Path:
    """A ticket's folder with its record; not durable, since many are made."""
    folder: Path = uploads / tree["ticket_number"]
    folder.mkdir(parents=True)
    entry = {
        "path": "/P/a",
        "size": 1000,
        "media_type": None,
        "outcome": "created",
        "fixity": fixity,
        "algorithm": "sha256",
        "local_digest": "ab",
        "remote_digest": "ab",
        "remote_path": None,
        "packed_in": None,
        "differs": False,
        "digests": {"sha512": "ab"},
    }
    files = [] if tree["bag"] is None else [{**entry, "path": f"/P/{n}"} for n in range(3)]
    draft_path = folder / "receipt.json"
    draft_record(draft_path, tree, files, mode=0o644).keep()
    return draft_path


def laid_out_anew(path: Path) -> None:
    """A record that somebody has run through another program."""
    path.write_text(json.dumps(json.loads(path.read_text("utf-8"))), encoding="utf-8")
