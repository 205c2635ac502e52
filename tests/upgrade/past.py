"""Tickets as older versions, and PresQT itself, have left them."""

import json
import shutil
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

from presqt_daemon.model import UploadResult
from presqt_daemon.system.files import json_bytes
from presqt_daemon.tickets.process_info import tree_from_info
from presqt_daemon.tickets.store import TicketFolder
from tests.bags import bag_tree
from tests.tickets.infos import failed_info, finished_info

SCHEMA_1 = Path(__file__).parent / "schema_1"
"""Folders that the program has really left when it wrote records of schema 1."""

TOKEN = "b9f0c7e2d1a84f6e93"
PAYLOAD = {"Project/a.txt": b"alpha\n", "Project/sub/b.png": b"beta\n"}


def kept(name: str, uploads: Path) -> TicketFolder:
    """A copy of a folder from the time of schema 1: `finished`, `rejected`, or `cut` short."""
    source = SCHEMA_1 / name
    ticket = json.loads((source / "process_info.json").read_bytes())["ticket_number"]
    uploads.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, uploads / ticket)
    return TicketFolder(uploads / ticket)


def kept_sending(uploads: Path, archive: Path) -> TicketFolder:
    """The ticket that was `cut`, one of its two files sent: the archive and a journal of then."""
    folder = kept("cut", uploads)
    made = archive / "Cut"
    made.mkdir(parents=True)
    (made / "a.txt").write_bytes(b"1")
    first = folder.payload.read_text().splitlines()[1]
    digest = json.loads(first)["digests"]["sha512"]
    state = {"ticket": folder.ticket, "inode": str(made.stat().st_ino)}
    rows: list[dict[str, Any]] = [
        {"creating": "Cut"},
        {
            "container": {
                "id": "Cut",
                "title": "Cut",
                "link": made.as_uri(),
                "is_new": True,
                "added": [],
                "state": state,
            }
        },
        {
            "file": "/Cut/a.txt",
            "outcome": "created",
            "fixity": "matched",
            "size": 1,
            "algorithm": "sha512",
            "local_digest": digest,
            "remote_digest": digest,
            "remote_path": "a.txt",
            "differs": False,
        },
    ]
    folder.journal.write_text("".join(json.dumps(row) + "\n" for row in rows))
    info = {**json.loads(folder.info.read_bytes()), "link_to_resource": made.as_uri()}
    folder.info.write_bytes(json_bytes({**info, "upload_files_finished": 1}))
    return folder


def presqt(uploads: Path, *, bag: dict[str, bytes] | None = None, **changes: Any) -> TicketFolder:
    """A ticket of PresQT's flat time, finished unless the changes say otherwise."""
    tree = {
        "presqt-destination-token": TOKEN,
        "status": "finished",
        "expiration": "2019-09-25 14:03:11.123456+00:00",
        "message": "Upload successful.",
        "status_code": "200",
        "failed_fixity": [],
        "resources_ignored": [],
        "resources_updated": [],
        "hash_algorithm": "sha512",
        **changes,
    }
    folder = TicketFolder(uploads / str(uuid.uuid4()))
    folder.path.mkdir(parents=True)
    folder.info.write_text(json.dumps(tree, indent=4))
    for name, content in (bag_tree(PAYLOAD) if bag is None else bag).items():
        path = folder.path / "bag" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def ours(
    uploads: Path,
    *,
    result: UploadResult | None = None,
    failed: bool = False,
    bag: dict[str, bytes] | None = None,
    **changes: Any,
) -> TicketFolder:
    """A ticket of ours that has ended, without a record; its bag only where one is given."""
    info = failed_info(**changes) if failed else finished_info(result, **changes)
    folder = TicketFolder(uploads / info.ticket_number)
    folder.path.mkdir(parents=True)
    folder.info.write_bytes(json_bytes(tree_from_info(replace(info, schema_version=1))))
    for name, content in (bag or {}).items():
        path = folder.path / "bag" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
