import os
import uuid
from pathlib import Path

import pytest

from presqt_daemon.records.found_tickets import TicketKind, find_tickets, kind_of
from presqt_daemon.system.files import json_bytes
from presqt_daemon.tickets.process_info import NewerInfoError, tree_from_info
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.recover import find_open
from tests.tickets.infos import finished_info
from tests.upgrade.past import kept, ours, presqt


def test_it_tells_open_past_and_recorded_tickets(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    still_open = kept("cut", uploads.root)
    theirs = presqt(uploads.root, status="in_progress")
    old, failed = kept("finished", uploads.root), ours(uploads.root, failed=True)
    found = find_tickets(uploads)
    assert found.open == {still_open.ticket}
    assert found.unrecorded == {folder.ticket for folder in (theirs, old, failed)}
    assert len(found.tickets) == 4


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"status": "fin'])
def test_a_folder_that_is_neither_ours_nor_readable_is_never_opened(
    tmp_path: Path, content: bytes | None
) -> None:
    uploads = Uploads(tmp_path)
    folder = presqt(uploads.root)
    folder.info.unlink()
    if content is not None:
        folder.info.write_bytes(content)
    found = find_tickets(uploads)
    assert not found.open
    assert found.unrecorded == {folder.ticket}
    assert kind_of(folder) is TicketKind.STRANGE
    assert list(find_open(uploads, [folder.ticket])) == []


@pytest.mark.parametrize("status", [[], {}, None, 1, True, "done", "in_progress"])
def test_a_status_of_ours_with_an_odd_word_stops_no_start(tmp_path: Path, status: object) -> None:
    uploads = Uploads(tmp_path)
    folder = presqt(uploads.root)
    folder.info.write_bytes(json_bytes({"schema_version": 2, "status": status}))
    assert kind_of(folder) is TicketKind.STRANGE
    assert find_tickets(uploads).unrecorded == {folder.ticket}


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]"])
def test_a_claimed_ticket_whose_status_is_lost_is_open(
    tmp_path: Path, content: bytes | None
) -> None:
    uploads = Uploads(tmp_path)
    folder = kept("cut", uploads.root)
    folder.info.unlink()
    if content is not None:
        folder.info.write_bytes(content)
    assert find_tickets(uploads).open == {folder.ticket}
    assert len(list(find_open(uploads, [folder.ticket]))) == 1


NEWER = json_bytes({**tree_from_info(finished_info()), "schema_version": 99})
LAYOUTS = {
    "as we write it": NEWER,
    "the key first": b'{"schema_version": 99, "status": "finished"}',
    "compact": b'{"status":"finished","schema_version":99,"more":{}}',
    "another after it": NEWER[:-2] + b',\n    "schema_version_of_more": 1\n}\n',
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("is_new", [False, True])
def test_a_newer_status_is_told_in_any_layout(tmp_path: Path, layout: str, is_new: bool) -> None:
    uploads = Uploads(tmp_path)
    folder = presqt(uploads.root)
    if is_new:
        hidden = uploads.new_folder(str(uuid.uuid4()))
        folder.path.rename(hidden.path)
        folder = hidden
    folder.info.write_bytes(LAYOUTS[layout])
    with pytest.raises(NewerInfoError, match="schema version 99"):
        find_tickets(uploads)


def test_a_status_of_ours_in_another_layout_counts_by_what_it_says(tmp_path: Path) -> None:
    folder = ours(tmp_path)
    info = tree_from_info(folder.read_info())
    folder.info.write_bytes(json_bytes({"schema_version": 2, **info}).replace(b"\n    ", b" "))
    assert kind_of(folder) is TicketKind.ENDED


def test_contents_stand_in_the_order_in_which_they_were_staged(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    row = b'{"end": 0, "fingerprint": "sha256:aa"}\n'
    made = []
    for moment in (30, 10, 20):
        folder = kept("cut", uploads.root / str(moment))
        folder.path.rename(uploads.root / (ticket := str(uuid.uuid4())))
        payload = uploads.folder(ticket).payload
        payload.write_bytes(payload.read_bytes() + row)
        os.utime(payload, ns=(moment, moment))
        made.append((moment, ticket))
    assert list(find_tickets(uploads).contents) == [ticket for _moment, ticket in sorted(made)]
