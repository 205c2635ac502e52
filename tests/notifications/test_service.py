from pathlib import Path

import pytest

from presqt_daemon.config import Config
from presqt_daemon.notifications.delivery import Batch
from presqt_daemon.notifications.service import Notifications
from presqt_daemon.receivers import ReceiverConfig
from presqt_daemon.tickets.store import Uploads
from tests.house.house import wait_until
from tests.notifications.made import notification
from tests.tickets.infos import ENDED, failed_info, write_info


def test_who_has_got_a_message_is_remembered_when_the_next_try_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("presqt_daemon.notifications.service.deliver", broken)
    service = Notifications(Config(mediafiles=tmp_path), Uploads(tmp_path))
    staff = ReceiverConfig(name="staff")
    batch = Batch(receiver=staff, notifications=(notification(),), done=frozenset({"mark"}))
    service._start_sending(batch)
    item = service._items.get(timeout=120)
    assert isinstance(item, tuple)
    _, end = item
    assert end.cause == "a bug of ours (ZeroDivisionError)"
    assert end.done == {"mark"}
    service.stop()


def test_receivers_that_a_reload_brings_first_are_told_of_what_ends_then(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    info = failed_info()
    folder = uploads.folder(info.ticket_number)
    folder.path.mkdir(parents=True)
    write_info(uploads, folder, info)
    service = Notifications(Config(mediafiles=tmp_path), uploads, now=lambda: ENDED)
    service.start()
    told = tmp_path / "told"
    hook = ReceiverConfig(name="hook", command=("/bin/sh", "-c", 'touch "$0"', str(told)))
    service.use(Config(mediafiles=tmp_path, receivers={"hook": hook}))
    service.ticket_ended(info.ticket_number)
    try:
        wait_until(told.exists, 300)
    finally:
        service.stop()
