"""Who may ask for what beside a receipt."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from presqt_daemon.config import Config
from presqt_daemon.inbox import scan
from presqt_daemon.inbox.answers.events import Request, RequestedAction
from presqt_daemon.inbox.files import places
from presqt_daemon.inbox.files.places import OpenPlace
from presqt_daemon.inbox.requests.sender_requests import SenderRequests
from presqt_daemon.inbox.watcher import Hint
from tests.bags import bag_zip, drop
from tests.inbox.running import Running, make_config, note_of, running, until

SENDER, STRANGER = 65_533, 65_534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to others")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_config(tmp_path)


@pytest.fixture
def daemon(config: Config) -> Iterator[Running]:
    with running(config) as daemon:
        yield daemon


def drop_of(owner: int, path: Path) -> None:
    aside = path.with_name(".aside")
    aside.write_bytes(bag_zip())
    os.chown(aside, owner, owner)
    aside.rename(path)


def ask(daemon: Running, word: str) -> Path:
    claim = daemon.claimed[0]
    note, _ = note_of(claim)
    return note.with_name(note.name.replace(".ticket.json", f".{word}"))


@pytest.mark.parametrize("action", list(RequestedAction))
@pytest.mark.parametrize("name", ["bag.zip", "x" * 251 + ".zip", "a\nb.zip"])
def test_a_request_beside_the_receipt_is_taken_once_and_goes_when_it_is_answered(
    daemon: Running, config: Config, action: RequestedAction, name: str
) -> None:
    aside = config.inbox / ".aside"
    aside.write_bytes(bag_zip())
    aside.rename(config.inbox / "osf" / name)
    claim = daemon.claim()
    path = ask(daemon, action.value)
    path.touch()
    until(lambda: daemon.requests)
    daemon.scanned()
    assert daemon.requests == [Request(ticket=claim.ticket, action=action)]
    mine = path.with_name(f".{action.value}-{claim.ticket}.0")
    assert not path.exists()
    assert mine.exists()
    daemon.requests[0].answered()
    until(lambda: not mine.exists())
    path.touch()
    until(lambda: len(daemon.requests) == 2)


@needs_root
def test_the_owner_of_the_drop_may_ask_and_a_stranger_may_not(
    daemon: Running, config: Config
) -> None:
    aside = config.inbox / ".aside"
    aside.write_bytes(bag_zip())
    os.chown(aside, SENDER, SENDER)
    aside.rename(config.inbox / "osf" / "bag.zip")
    claim = daemon.claim()
    assert claim.record.dropped_by_uid == SENDER
    strange = ask(daemon, "cancel")
    hidden = config.inbox / ".strange"
    hidden.touch()
    os.chown(hidden, STRANGER, STRANGER)
    hidden.rename(strange)
    own = config.inbox / ".own"
    own.touch()
    os.chown(own, SENDER, SENDER)
    own.rename(ask(daemon, "retry"))
    until(lambda: daemon.requests)
    daemon.scanned()
    assert [request.action for request in daemon.requests] == [RequestedAction.RETRY]
    assert strange.exists()


def test_a_request_that_comes_during_a_scan_is_handed_on_once(
    daemon: Running, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event names it after the folder has been listed, and before the scan is done."""
    drop(bag_zip(), config.inbox / "osf" / "bag.zip")
    daemon.claim()
    path = ask(daemon, "retry")
    list_folder = places.list_folder

    def list_and_ask(folder: OpenPlace) -> list[os.DirEntry[str]]:
        found = list_folder(folder)
        if folder.place.parts == ("osf",) and not path.exists():
            path.touch()
            daemon.inbox._scanners["osf"]._hint(Hint(folder=folder.path, name=path.name))
        return found

    monkeypatch.setattr(scan, "list_folder", list_and_ask)
    daemon.scanned()
    daemon.scanned()
    assert [request.action for request in daemon.requests] == [RequestedAction.RETRY]


@needs_root
def test_a_link_to_the_owners_file_is_no_request(daemon: Running, config: Config) -> None:
    drop(bag_zip(), config.inbox / "osf" / "bag.zip")
    daemon.claim()
    other = config.inbox / "osf" / ".owned"
    other.touch()
    ask(daemon, "cancel").symlink_to(other)
    os.link(other, ask(daemon, "retry"))
    daemon.scanned()
    daemon.scanned()
    assert daemon.requests == []


def test_a_request_for_no_ticket_stays(daemon: Running, config: Config) -> None:
    drop(bag_zip(), config.inbox / "osf" / "bag.zip")
    claim = daemon.claim()
    path = config.inbox / "osf" / f"other.zip.{claim.ticket[:8]}.cancel"
    path.touch()
    daemon.scanned()
    daemon.scanned()
    assert daemon.requests == []
    assert path.exists()
    assert len(daemon.claimed) == 1


@needs_root
def test_the_service_itself_may_not_ask_for_another_owner(daemon: Running, config: Config) -> None:
    """Else a note of ours, renamed by a sender, would be a request."""
    drop_of(SENDER, config.inbox / "osf" / "bag.zip")
    claim = daemon.claim()
    path = ask(daemon, "cancel")
    note, _ = note_of(claim)
    note.rename(path)
    daemon.scanned()
    daemon.scanned()
    assert daemon.requests == []
    assert path.stat().st_size > 0


def test_a_request_that_is_not_empty_or_in_another_folder_does_not_count(
    daemon: Running, config: Config
) -> None:
    drop(bag_zip(), config.inbox / "osf" / "bag.zip")
    daemon.claim()
    hidden = config.inbox / "osf" / ".hidden"
    hidden.write_text("x")
    hidden.rename(ask(daemon, "cancel"))
    (config.inbox / "archive" / ask(daemon, "retry").name).touch()
    daemon.scanned()
    daemon.scanned()
    assert daemon.requests == []


def test_without_the_number_a_cancel_counts_for_the_only_open_ticket_of_the_name(
    daemon: Running, config: Config
) -> None:
    drop(bag_zip(), config.inbox / "osf" / "bag.zip")
    claim = daemon.claim()
    path = config.inbox / "osf" / "bag.zip.cancel"
    path.touch()
    until(lambda: daemon.requests)
    assert daemon.requests == [Request(ticket=claim.ticket, action=RequestedAction.CANCEL)]
    daemon.requests[0].answered()
    until(lambda: not [name for name in os.listdir(path.parent) if "cancel" in name])


@pytest.mark.parametrize("with_folder", [False, True])
def test_the_late_answer_to_a_request_that_is_gone_takes_no_new_one_away(
    daemon: Running, config: Config, *, with_folder: bool
) -> None:
    folder = config.inbox / "osf" / "abc12"
    folder.mkdir()
    drop(bag_zip(), folder / "bag.zip")
    daemon.claim()
    (folder / "bag.zip.cancel").touch()
    until(lambda: daemon.requests)
    if with_folder:
        shutil.rmtree(folder)
    else:
        next(folder.glob(".cancel-*")).unlink()
    daemon.scanned()
    daemon.scanned()
    daemon.requests[0].answered()
    daemon.scanned()
    folder.mkdir(exist_ok=True)
    (folder / "bag.zip.cancel").touch()
    until(lambda: len(daemon.requests) == 2)
    daemon.scanned()
    assert list(folder.glob(".cancel-*"))
    daemon.requests[1].answered()
    until(lambda: not list(folder.glob(".cancel-*")))


@pytest.mark.parametrize("ending", ["CANCEL", "cancel.txt", "Cancel.TXT"])
def test_a_request_is_known_as_explorer_writes_it_with_an_ending_that_it_hides(
    daemon: Running, config: Config, ending: str
) -> None:
    drop(bag_zip(), config.inbox / "osf" / "bag.zip")
    claim = daemon.claim()
    for count, path in enumerate((ask(daemon, ending), config.inbox / "osf" / f"bag.zip.{ending}")):
        path.touch()
        until(lambda: len(daemon.requests) == count + 1)  # noqa: B023  (asked before the next one)
        request = Request(ticket=claim.ticket, action=RequestedAction.CANCEL)
        assert daemon.requests[count] == request
        daemon.requests[count].answered()
        until(lambda: not path.exists())  # noqa: B023
    assert len(daemon.claimed) == 1, "it is no drop"


@needs_root
def test_a_strangers_request_with_a_hidden_ending_stays_and_counts_for_nothing(
    daemon: Running, config: Config
) -> None:
    drop_of(SENDER, config.inbox / "osf" / "bag.zip")
    daemon.claim()
    hidden = config.inbox / ".strange"
    hidden.touch()
    os.chown(hidden, STRANGER, STRANGER)
    hidden.rename(path := ask(daemon, "cancel.txt"))
    daemon.scanned()
    daemon.scanned()
    assert daemon.requests == []
    assert path.exists()
    assert len(daemon.claimed) == 1


def test_without_the_number_the_owner_of_two_tickets_is_answered_once(
    daemon: Running, config: Config
) -> None:
    for count in (1, 2):
        drop(bag_zip(), config.inbox / "osf" / "bag.zip")
        daemon.claims(count)
    path = config.inbox / "osf" / "bag.zip.cancel"
    path.touch()
    until(lambda: not path.exists())
    answer = (config.inbox / "osf" / "bag.zip.cancel.answer.txt").read_text()
    for claim in daemon.claimed:
        assert f"bag.zip.{claim.ticket[:8]}.cancel" in answer
    daemon.scanned()
    assert daemon.requests == []


@needs_root
def test_without_the_number_a_stranger_gets_neither_the_ticket_nor_an_answer(
    daemon: Running, config: Config
) -> None:
    for count in (1, 2):
        drop_of(SENDER, config.inbox / "osf" / "bag.zip")
        daemon.claims(count)
    path = config.inbox / "osf" / "bag.zip.cancel"
    hidden = config.inbox / ".strange"
    hidden.touch()
    os.chown(hidden, STRANGER, STRANGER)
    hidden.rename(path)
    daemon.scanned()
    daemon.scanned()
    assert daemon.requests == []
    assert path.exists()
    assert not path.with_name("bag.zip.cancel.answer.txt").exists()


@pytest.mark.parametrize("ending", ["cancel", "cancel.txt"])
def test_an_answer_to_a_request_of_a_long_name_fits(
    daemon: Running, config: Config, ending: str
) -> None:
    folder, name = config.inbox / "osf", "a" * 240 + ".zip"
    for number in range(2):
        (folder / ".aside").write_bytes(bag_zip())
        (folder / ".aside").rename(folder / name)
        daemon.claims(number + 1)
    request = folder / f"{name}.{ending}"
    request.touch()
    until(lambda: not request.exists())
    (answer,) = folder.glob("*.cancel.answer.txt")
    assert "More than one ticket" in answer.read_text()
    daemon.scanned()
    assert len(daemon.claimed) == 2, "the answer is no drop"


def test_a_request_that_was_taken_and_not_answered_is_acted_on_by_the_next_start(
    config: Config,
) -> None:
    drop(bag_zip(), config.inbox / "osf" / "bag.zip")
    with running(config) as daemon:
        claim = daemon.claim()
        ask(daemon, "cancel").touch()
        until(lambda: daemon.requests)
    later = Running(config)
    later.uploads.epoch = 8
    later.inbox.start()
    try:
        until(lambda: later.requests)
        later.scanned()
        assert later.requests == [Request(ticket=claim.ticket, action=RequestedAction.CANCEL)]
        (mine,) = (config.inbox / "osf").glob(".cancel-*")
        assert mine.name == f".cancel-{claim.ticket}.8"
        later.requests[0].answered()
        until(lambda: not mine.exists())
    finally:
        later.inbox.stop()


@needs_root
def test_a_taken_requests_name_gives_nobody_a_right(daemon: Running, config: Config) -> None:
    drop_of(SENDER, config.inbox / "osf" / "bag.zip")
    claim = daemon.claim()
    for place, word, owner, content in (
        ("osf", "cancel", STRANGER, ""),
        ("osf", "retry", SENDER, "x"),
        ("archive", "cancel", SENDER, ""),
    ):
        # it gets its name when it is its owner's: for root it would count
        made = config.inbox / place / ".made"
        made.write_text(content)
        os.chown(made, owner, owner)
        made.rename(config.inbox / place / f".{word}-{claim.ticket}.0")
    daemon.scanned()
    daemon.scanned()
    assert daemon.requests == []


@needs_root
def test_a_file_that_gets_a_requests_name_before_it_is_taken_is_looked_at_again(
    daemon: Running, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_of(SENDER, config.inbox / "osf" / "bag.zip")
    daemon.claim()
    strange = config.inbox / "osf" / ".strange"
    strange.touch()
    os.chown(strange, STRANGER, STRANGER)
    own = config.inbox / "osf" / ".own"
    own.touch()
    os.chown(own, SENDER, SENDER)
    path = ask(daemon, "cancel")
    read = SenderRequests.read

    def read_and_swap(self: SenderRequests, name: str, folder: OpenPlace) -> Request:
        found = read(self, name, folder)
        if strange.exists():
            strange.rename(path)
        return found

    monkeypatch.setattr(SenderRequests, "read", read_and_swap)
    own.rename(path)
    daemon.scanned()
    daemon.scanned()
    assert daemon.requests == []
    assert path.stat().st_uid == STRANGER
