import os
import threading
import time
from pathlib import Path

import pytest

from presqt_daemon.inbox.answers.events import Request, RequestedAction
from presqt_daemon.inbox.requests.control import (
    ControlFolder,
    ControlRequest,
    HoldsChanged,
    UpgradeRequest,
    is_asked,
)
from tests.inbox.running import until

TICKET = "11111111-1111-4111-8111-111111111111"


def taken(folder: Path, epoch: int = 0) -> list[ControlRequest]:
    found: list[ControlRequest] = []
    ControlFolder(folder, found.append, epoch=epoch).take_requests()
    return found


@pytest.mark.parametrize(
    ("content", "force"),
    [(b"", False), (b"force", True), (b"force\n", True), (b"forced", False), (b"\xff" * 99, False)],
)
def test_prepare_upgrade_is_empty_or_the_word_force(
    tmp_path: Path, content: bytes, force: bool
) -> None:
    (tmp_path / "prepare_upgrade").write_bytes(content)
    assert taken(tmp_path) == [UpgradeRequest(force=force)]
    # what it says lasts until it is answered: the next daemon reads it again
    assert os.listdir(tmp_path) == ["prepare_upgrade.taken-0"]
    assert taken(tmp_path, epoch=7) == [UpgradeRequest(force=force)]
    assert os.listdir(tmp_path) == ["prepare_upgrade.taken-7"]


def test_a_word_that_a_shell_is_about_to_write_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "prepare_upgrade"
    path.touch()
    timer = threading.Timer(0.02, lambda: path.write_bytes(b"force"))
    timer.start()
    assert taken(tmp_path) == [UpgradeRequest(force=True)]
    timer.join()


def test_a_link_or_a_pipe_is_asked_for_nothing_more(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"force")
    control = tmp_path / "control"
    control.mkdir()
    (control / "prepare_upgrade").symlink_to(elsewhere)
    assert taken(control) == [UpgradeRequest(force=False)]
    os.mkfifo(control / "prepare_upgrade")
    assert taken(control) == [UpgradeRequest(force=False)]
    assert elsewhere.exists()


@pytest.mark.parametrize("action", list(RequestedAction))
def test_a_request_is_taken_under_another_name_until_it_is_answered_and_is_handed_on_once(
    tmp_path: Path, action: RequestedAction
) -> None:
    path = tmp_path / f"{TICKET}.{action.value}"
    mine = path.with_name(f"{path.name}.taken-3")
    path.touch()
    found: list[ControlRequest] = []
    folder = ControlFolder(tmp_path, found.append, epoch=3)
    folder.start()
    until(lambda: found)
    (tmp_path / "prepare_upgrade").touch()
    until(lambda: len(found) == 2)
    assert found == [Request(ticket=TICKET, action=action), UpgradeRequest(force=False)]
    assert not path.exists()
    assert mine.exists()
    assert is_asked(tmp_path, path.name)
    for request in found:
        assert isinstance(request, Request | UpgradeRequest)
        request.answered()
    until(lambda: os.listdir(tmp_path) == [])
    assert not is_asked(tmp_path, path.name)
    path.touch()
    until(lambda: len(found) == 3)
    folder.stop()
    assert mine.exists()


@pytest.mark.parametrize("epoch", [3, 4], ids=["the same daemon's number", "the next one's"])
def test_a_request_that_was_taken_and_not_answered_is_acted_on_by_the_next_start(
    tmp_path: Path, epoch: int
) -> None:
    wanted = Request(ticket=TICKET, action=RequestedAction.CANCEL)
    (tmp_path / f"{TICKET}.cancel").touch()
    assert taken(tmp_path, epoch=3) == [wanted]
    assert taken(tmp_path, epoch=epoch) == [wanted]
    assert os.listdir(tmp_path) == [f"{TICKET}.cancel.taken-{epoch}"]


def test_of_two_daemons_one_gets_a_request_and_a_late_answer_takes_no_new_one_away(
    tmp_path: Path,
) -> None:
    path = tmp_path / f"{TICKET}.retry"
    path.touch()
    old: list[ControlRequest] = []
    new: list[ControlRequest] = []
    frozen = ControlFolder(tmp_path, old.append, epoch=3)
    active = ControlFolder(tmp_path, new.append, epoch=4)
    frozen.take_requests()
    active.take_requests()
    frozen.take_requests()
    assert (len(old), len(new)) == (1, 1)
    path.touch()  # asked for again; the first answer comes first
    active.take_requests()
    assert len(new) == 1
    (request,) = old
    assert isinstance(request, Request)
    request.answered()
    frozen._remove_answered()
    assert sorted(os.listdir(tmp_path)) == [path.name, f"{path.name}.taken-4"]


def test_a_second_request_of_the_same_kind_waits_for_the_answer_to_the_first(
    tmp_path: Path,
) -> None:
    path = tmp_path / f"{TICKET}.cancel"
    found: list[ControlRequest] = []
    folder = ControlFolder(tmp_path, found.append)
    path.touch()
    folder.take_requests()
    path.touch()
    folder.take_requests()
    assert len(found) == 1
    (request,) = found
    assert isinstance(request, Request)
    request.answered()
    folder._remove_answered()
    folder.take_requests()
    assert len(found) == 2


def test_holds_lie_where_they_are_and_each_change_is_told_once(tmp_path: Path) -> None:
    found: list[ControlRequest] = []
    folder = ControlFolder(tmp_path, found.append)
    for name in ("hold", "osf.hold", f"{TICKET}.hold"):
        (tmp_path / name).touch()
    folder.take_requests()
    folder.take_requests()
    (first,) = found
    assert isinstance(first, HoldsChanged)
    assert first.holds.everything is not None
    assert first.holds.named.keys() == {"osf", TICKET}
    (tmp_path / "resume").touch()
    (tmp_path / "osf.resume").touch()
    folder.take_requests()
    assert os.listdir(tmp_path) == [f"{TICKET}.hold"]
    last = found[-1]
    assert isinstance(last, HoldsChanged)
    assert last.holds.named.keys() == {TICKET}
    assert last.holds.everything is None


def test_a_request_that_comes_within_the_same_tick_of_the_clock_is_seen(tmp_path: Path) -> None:
    found: list[ControlRequest] = []
    folder = ControlFolder(tmp_path, found.append)
    tick = time.time_ns()
    (tmp_path / f"{TICKET}.retry").touch()
    os.utime(tmp_path, ns=(tick, tick))
    folder.start()
    until(lambda: len(found) == 1)
    (tmp_path / f"{TICKET}.cancel").touch()
    os.utime(tmp_path, ns=(tick, tick))
    until(lambda: len(found) == 2)
    folder.stop()


def test_many_requests_are_taken_in_the_order_in_which_they_were_made(tmp_path: Path) -> None:
    tickets = [f"{number:08x}-1111-4111-8111-111111111111" for number in (3, 9, 1, 7, 5)]
    for moment, ticket in enumerate(tickets):
        path = tmp_path / f"{ticket}.retry"
        path.touch()
        os.utime(path, ns=(10**18 + moment, 10**18 + moment))
    found = [request.ticket for request in taken(tmp_path) if isinstance(request, Request)]
    assert found == tickets
