import itertools
from pathlib import Path

import pytest

from presqt_daemon.model import UploadResult
from presqt_daemon.records.found_tickets import find_tickets
from presqt_daemon.records.journal import Journal, Packed
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import TicketFolder, Uploads
from presqt_daemon.workers.limits.duplicates import KnownContents, SameContentError, same_content
from presqt_daemon.workers.runs.run import ParkError
from tests.tickets.infos import failed_info, finished_info, sending_info, write_info

CONTENT = "sha256:aa"
ME = sending_info()
NOT_MATCHED = UploadResult(link=None, algorithm="md5", unverified_fixity=("/a",))


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path)


def keep(uploads: Uploads, info: ProcessInfo) -> TicketFolder:
    """A ticket's folder as staging leaves it."""
    folder = uploads.folder(info.ticket_number)
    folder.path.mkdir(parents=True)
    write_info(uploads, folder, info)
    folder.payload.write_text(f'{{"end": 0, "fingerprint": "{CONTENT}"}}\n')
    return folder


def first_of(uploads: Uploads, *others: ProcessInfo) -> str | None:
    """Whom a ticket finds that is known after these."""
    contents = KnownContents(uploads)
    for info in others:
        contents.note_staged(keep(uploads, info), CONTENT)
    contents.note_staged(keep(uploads, ME), CONTENT)
    found = contents.earlier(ME, CONTENT)
    return None if found is None else found.ticket_number


@pytest.mark.parametrize(
    "other",
    [
        failed_info(),
        finished_info(NOT_MATCHED),
        finished_info(target="elsewhere"),
        finished_info(resource_id="abc"),
    ],
)
def test_what_answers_nobody(uploads: Uploads, other: ProcessInfo) -> None:
    assert first_of(uploads, other) is None


def test_the_first_verified_goes_before_the_first_open(uploads: Uploads) -> None:
    infos = [sending_info(), sending_info(), finished_info(), finished_info()]
    assert first_of(uploads, *infos) == infos[2].ticket_number


def test_without_a_verified_one_it_is_the_first_that_is_open(uploads: Uploads) -> None:
    infos = [failed_info(), sending_info(), sending_info()]
    assert first_of(uploads, *infos) == infos[1].ticket_number


def test_of_tickets_staged_at_the_same_time_all_but_one_find_the_first(uploads: Uploads) -> None:
    infos = [sending_info() for _ in range(6)]
    contents = KnownContents(uploads)
    for info in reversed(infos):
        contents.note_staged(keep(uploads, info), CONTENT)
    found = [contents.earlier(info, CONTENT) for info in infos]
    firsts = [None if other is None else other.ticket_number for other in found]
    assert firsts == [*[infos[-1].ticket_number] * 5, None]


def test_the_order_of_being_known_decides_and_not_that_of_the_drops(uploads: Uploads) -> None:
    earlier, later = sending_info(), sending_info()
    contents = KnownContents(uploads)
    folders = [keep(uploads, info) for info in (earlier, later)]
    contents.note_staged(folders[1], CONTENT)
    assert contents.notice(folders[1], later, points=True) is None
    contents.note_staged(folders[0], CONTENT)
    with pytest.raises(ParkError):
        contents.notice(folders[0], earlier, points=True)
    write_info(uploads, folders[1], finished_info(ticket_number=later.ticket_number))
    with pytest.raises(SameContentError):
        contents.notice(folders[0], earlier, points=True)


def test_the_order_outlives_a_restart_and_a_clock_that_steps_back(uploads: Uploads) -> None:
    infos = [sending_info() for _ in range(5)]
    clock = itertools.count(10**18, -(10**9))
    contents = KnownContents(uploads, now_ns=lambda: next(clock))
    folders = {info.ticket_number: keep(uploads, info) for info in infos}
    for info in infos:
        contents.note_staged(folders[info.ticket_number], CONTENT)
    again = KnownContents(uploads)
    again.load(find_tickets(uploads).contents)
    found = [again.earlier(info, CONTENT) for info in infos]
    assert [None if other is None else other.ticket_number for other in found] == [
        None, *[infos[0].ticket_number] * 4,
    ]  # fmt: skip


def test_a_ticket_that_is_staged_again_keeps_its_place(uploads: Uploads) -> None:
    infos = [sending_info(), sending_info()]
    contents = KnownContents(uploads)
    folders = [keep(uploads, info) for info in infos]
    for folder in (*folders, folders[0]):
        contents.note_staged(folder, CONTENT)
    assert contents.earlier(infos[0], CONTENT) is None
    assert list(find_tickets(uploads).contents) == [info.ticket_number for info in infos]


def test_a_ticket_is_found_by_its_content(uploads: Uploads) -> None:
    first = finished_info()
    folder = keep(uploads, first)
    contents = KnownContents(uploads)
    contents.load({first.ticket_number: CONTENT})
    found = contents.earlier(ME, CONTENT)
    assert found is not None
    assert found.ticket_number == first.ticket_number
    assert contents.earlier(ME, "sha256:bb") is None
    assert first.ticket_number in same_content(found).message
    folder.info.unlink()
    assert contents.earlier(ME, CONTENT) is None


def at_one_container(uploads: Uploads, other: ProcessInfo, me: ProcessInfo) -> KnownContents:
    """Two tickets for two ids, of which the target says that they are one container."""
    contents = KnownContents(uploads)
    for info in (other, me):
        contents.note_staged(keep(uploads, info), CONTENT)
        contents.note_container(info.ticket_number, "ab1cd")
    return contents


def test_two_ids_of_one_container_are_one_place(uploads: Uploads) -> None:
    other = finished_info(resource_id="ab1cd")
    me = sending_info(resource_id="ab1cd:osfstorage")
    contents = at_one_container(uploads, other, me)
    with pytest.raises(SameContentError) as same:
        contents.notice(uploads.folder(me.ticket_number), me, points=True)
    assert same.value.brought[0].ticket_number == other.ticket_number
    told = contents.notice(uploads.folder(me.ticket_number), me, points=False)
    assert told is not None
    assert told.code == "same-content"


def test_one_identity_at_two_sites_is_two_places(uploads: Uploads) -> None:
    other = finished_info(resource_id="1", target="osf")
    me = sending_info(resource_id="2", target="zenodo")
    contents = at_one_container(uploads, other, me)
    assert contents.earlier(me, CONTENT) is None
    found = contents.earlier(me, CONTENT, lambda _target: "one address")
    assert found is not None


def test_which_container_an_id_means_outlives_a_restart(uploads: Uploads) -> None:
    other = finished_info(resource_id="ab1cd")
    me = sending_info(resource_id="ab1cd:osfstorage")
    for info in (other, me):
        keep(uploads, info)
    journal = Journal(uploads.folder(other.ticket_number).journal)
    journal.write_verified("boot")
    journal.write_opened("ab1cd")
    contents = KnownContents(uploads)
    contents.load({other.ticket_number: CONTENT, me.ticket_number: CONTENT})
    contents.note_container(me.ticket_number, "ab1cd")
    with pytest.raises(SameContentError):
        contents.notice(uploads.folder(me.ticket_number), me, points=True)


@pytest.mark.parametrize("has_opened", [True, False])
def test_a_bag_that_was_only_packed_has_not_begun_to_send(
    uploads: Uploads, has_opened: bool
) -> None:
    first, me = finished_info(), sending_info()
    contents = KnownContents(uploads)
    for info in (first, me):
        contents.note_staged(keep(uploads, info), CONTENT)
    journal = Journal(uploads.folder(me.ticket_number).journal)
    journal.write_packed(Packed(name="P.zip", size=1, digests={}))
    if has_opened:
        journal.write_opened("ab1cd")
    told = contents.notice(uploads.folder(me.ticket_number), me, points=False)
    assert (told is None) is has_opened
