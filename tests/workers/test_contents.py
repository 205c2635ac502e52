from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from presqt_daemon.model import UploadResult
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.contents import Contents, choose_earlier, same_content
from tests.tickets.infos import BEGAN, failed_info, finished_info, sending_info


def at(minute: int, **more: Any) -> dict[str, Any]:
    return {"received_at": BEGAN + timedelta(minutes=minute), **more}


ME = sending_info(**at(10))
NOT_MATCHED = UploadResult(link=None, algorithm="md5", unverified_fixity=("/a",))


@pytest.mark.parametrize(
    "other",
    [
        failed_info(**at(1)),
        finished_info(NOT_MATCHED, **at(1)),
        finished_info(**at(1, target="elsewhere")),
        finished_info(**at(1, resource_id="abc")),
        finished_info(**at(11)),
        ME,
    ],
)
def test_what_answers_nobody(other: ProcessInfo) -> None:
    assert choose_earlier(ME, [other]) is None


def test_the_first_verified_goes_before_the_first_open() -> None:
    still_open, later = sending_info(**at(1)), sending_info(**at(2))
    verified, second = finished_info(**at(3)), finished_info(**at(4))
    assert choose_earlier(ME, [later, second, verified, still_open]) == verified
    assert choose_earlier(ME, [later, still_open]) == still_open


def test_no_two_wait_for_each_other() -> None:
    same_moment = [sending_info(**at(1)) for _ in range(5)]
    waits_for = {one.ticket_number: choose_earlier(one, same_moment) for one in same_moment}
    assert [found for found in waits_for.values() if found is None] == [None]


def test_a_ticket_is_found_by_its_content(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    first = finished_info(**at(1))
    folder = uploads.folder(first.ticket_number)
    folder.path.mkdir(parents=True)
    uploads.write_info(folder, first)
    contents = Contents(uploads)
    contents.load({first.ticket_number: "sha256:aa"})
    found = contents.earlier(ME, "sha256:aa")
    assert found is not None
    assert found.ticket_number == first.ticket_number
    assert contents.earlier(ME, "sha256:bb") is None
    assert first.ticket_number in same_content(found).message
    folder.info.unlink()
    assert contents.earlier(ME, "sha256:aa") is None
