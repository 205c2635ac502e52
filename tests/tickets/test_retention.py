import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from presqt_daemon.config import RetentionConfig
from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.model import UploadResult
from presqt_daemon.tickets.locks import HeldError, lease_ended
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.retention import (
    GONE_PREFIX,
    RemovablePart,
    expiration_of,
    expire,
    is_rejected,
    parts_due,
    removable,
    sweep_gone,
)
from presqt_daemon.tickets.store import TicketFolder, Uploads
from tests.tickets.infos import (
    ENDED,
    failed_info,
    finished_info,
    infos_of_every_kind,
    new_info,
    sending_info,
    write_info,
)

RULES = RetentionConfig()
DAY = timedelta(days=1)
EVER_AFTER = ENDED + 10_000 * DAY
PAYLOAD = frozenset({RemovablePart.PAYLOAD})
ALL = frozenset(RemovablePart)


def test_a_verified_zip_goes_after_its_days_and_not_a_moment_before() -> None:
    info = finished_info()
    assert expiration_of(info, RULES) == ENDED + 5 * DAY
    assert parts_due(info, ENDED + 5 * DAY - timedelta(microseconds=1), RULES) == frozenset()
    assert parts_due(info, ENDED + 5 * DAY, RULES) == PAYLOAD


def test_a_refused_zip_goes_after_its_own_days() -> None:
    info = failed_info()
    assert parts_due(info, ENDED + 29 * DAY, RULES) == frozenset()
    assert parts_due(info, ENDED + 30 * DAY, RULES) == PAYLOAD


@pytest.mark.parametrize(
    "kind",
    [
        "taken",
        "sending",
        "waiting",
        "failed fixity",
        "unverified",
        "ignored different",
        "target down",
        "ours",
    ],
)
def test_a_zip_that_is_not_verified_never_goes(kind: str) -> None:
    info = infos_of_every_kind()[kind]
    assert parts_due(info, EVER_AFTER, RULES) == frozenset()
    assert expiration_of(info, RULES) is None


@pytest.mark.parametrize(
    "info",
    [
        failed_info(TargetFault("rate-limited", "Too many requests.")),
        failed_info(link_to_resource="https://example.org/1"),
        failed_info(upload_files_finished=1),
    ],
    ids=["429 is the target's", "a container was made", "a file was sent"],
)
def test_what_may_have_reached_the_target_is_not_rejected(info: ProcessInfo) -> None:
    assert not is_rejected(info)
    assert parts_due(info, EVER_AFTER, RULES) == frozenset()


def test_a_cancelled_drop_that_sent_nothing_is_rejected() -> None:
    assert is_rejected(failed_info(UserFault("cancelled", "Upload was cancelled by the user")))


def test_the_expiration_that_was_shown_holds_when_the_rule_gets_shorter() -> None:
    info = finished_info(expiration=ENDED + 5 * DAY)
    shorter = RetentionConfig(verified=60.0)
    assert parts_due(info, ENDED + 4 * DAY, shorter) == frozenset()
    assert parts_due(info, ENDED + 5 * DAY, shorter) == PAYLOAD


def test_for_ever_is_for_ever() -> None:
    forever = RetentionConfig(verified=None, rejected=None, records=None)
    for info in infos_of_every_kind().values():
        assert parts_due(info, EVER_AFTER, forever) == frozenset()


def test_records_go_by_a_rule_of_their_own() -> None:
    rules = RetentionConfig(records=100 * 86400.0)
    assert parts_due(finished_info(), ENDED + 99 * DAY, rules) == PAYLOAD
    assert parts_due(finished_info(), ENDED + 100 * DAY, rules) == ALL
    differs = finished_info(UploadResult(link=None, algorithm="md5", failed_fixity=("/a",)))
    assert parts_due(differs, EVER_AFTER, rules) == {RemovablePart.RECORDS}
    assert parts_due(sending_info(), EVER_AFTER, rules) == frozenset()


def test_a_clock_that_was_set_back_removes_nothing() -> None:
    assert parts_due(finished_info(), ENDED - 10 * DAY, RULES) == frozenset()


def _ticket(tmp_path: Path, *, with_payload: bool = True) -> TicketFolder:
    uploads = Uploads(tmp_path)
    uploads.root.mkdir()
    info = finished_info()
    folder = uploads.folder(info.ticket_number)
    folder.path.mkdir()
    write_info(uploads, folder, info)
    folder.receipt.write_bytes(b"{}")
    (folder.path / "claim.json").write_bytes(b"{}")
    if with_payload:
        (folder.path / "thesis.zip").write_bytes(b"zip")
        (folder.path / "thesis.zip.yaml").write_bytes(b"")
        (folder.path / "bag" / "data").mkdir(parents=True)
        (folder.path / "bag" / "data" / "a").write_bytes(b"a")
        (folder.path / "bag").chmod(0o500)
        folder.payload.write_bytes(b"")
    return folder


def _expire(folder: TicketFolder, parts: frozenset[RemovablePart]) -> tuple[Path, ...]:
    return expire(folder, lambda _info: parts)


def test_the_payload_goes_and_the_records_stay(tmp_path: Path) -> None:
    folder = _ticket(tmp_path)
    assert removable(folder, PAYLOAD) == _expire(folder, PAYLOAD)
    assert sorted(os.listdir(folder.path)) == ["claim.json", "process_info.json", "receipt.json"]
    assert _expire(folder, PAYLOAD) == ()


def test_records_wait_for_the_payload(tmp_path: Path) -> None:
    folder = _ticket(tmp_path)
    assert _expire(folder, frozenset({RemovablePart.RECORDS})) == ()
    assert (folder.path / "thesis.zip").exists()
    assert _expire(folder, ALL) == (folder.path,)
    assert os.listdir(folder.path.parent) == []


def test_records_without_a_payload_go(tmp_path: Path) -> None:
    folder = _ticket(tmp_path, with_payload=False)
    assert _expire(folder, frozenset({RemovablePart.RECORDS})) == (folder.path,)
    assert not folder.path.exists()


def test_nothing_to_remove_removes_nothing(tmp_path: Path) -> None:
    folder = _ticket(tmp_path)
    before = sorted(os.listdir(folder.path))
    assert _expire(folder, frozenset()) == ()
    assert sorted(os.listdir(folder.path)) == before
    with pytest.raises(FileNotFoundError):
        _expire(TicketFolder(tmp_path / "none"), ALL)


def test_a_link_in_a_ticket_is_removed_and_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep").write_bytes(b"")
    folder = _ticket(tmp_path)
    (folder.path / "way out").symlink_to(outside)
    _expire(folder, PAYLOAD)
    assert (outside / "keep").exists()
    assert not (folder.path / "way out").is_symlink()


def test_a_removal_that_a_crash_cut_short_is_finished(tmp_path: Path) -> None:
    folder = _ticket(tmp_path)
    hidden = folder.path.with_name(f"{GONE_PREFIX}{folder.ticket}")
    folder.path.rename(hidden)
    stranger = hidden.with_name(f"{GONE_PREFIX}stranger")
    stranger.mkdir()
    assert list(Uploads(tmp_path).tickets()) == []
    sweep_gone(folder.path.parent)
    assert not hidden.exists()
    assert stranger.exists()


def test_the_rules_are_about_the_end_not_about_the_last_write() -> None:
    info = replace(finished_info(), updated_at=EVER_AFTER)
    assert parts_due(info, ENDED + 5 * DAY, RULES) == PAYLOAD


def test_a_ticket_that_a_retry_has_just_opened_again_loses_nothing(tmp_path: Path) -> None:
    folder = _ticket(tmp_path)
    uploads = Uploads(tmp_path)
    write_info(uploads, folder, new_info(ticket_number=folder.ticket))
    assert _expire(folder, ALL) == ()
    assert (folder.path / "thesis.zip").exists()


def test_a_ticket_whose_record_is_being_written_is_busy_and_loses_nothing(tmp_path: Path) -> None:
    folder = _ticket(tmp_path)
    draft = folder.path / ".receipt.json.tmp"
    with lease_ended(folder.path):
        draft.write_bytes(b"{")
        with pytest.raises(HeldError):
            _expire(folder, PAYLOAD)
        assert draft.exists()


def test_a_payload_without_a_record_stays(tmp_path: Path) -> None:
    folder = _ticket(tmp_path)
    folder.receipt.unlink()
    assert _expire(folder, ALL) == ()
    assert (folder.path / "thesis.zip").exists()
