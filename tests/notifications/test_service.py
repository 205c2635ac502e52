from pathlib import Path

import pytest

from presqt_daemon.config import Config
from presqt_daemon.notifications.delivery import Batch
from presqt_daemon.notifications.service import Notifications
from presqt_daemon.receivers import ReceiverConfig
from presqt_daemon.tickets.store import Uploads
from tests.notifications.made import notification


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
