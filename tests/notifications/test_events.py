import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presqt_daemon.model import Status
from presqt_daemon.notifications.events import (
    Notification,
    NotificationKind,
    kind_of_end,
    notification_of_end,
    receivers_of,
)
from presqt_daemon.receivers import EVENT_WORDS, ReceiverConfig
from presqt_daemon.schemas.json_values import tree_from_value, value_from_tree
from tests.notifications.made import NOW, TICKET, info, notification


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"status": Status.FAILED, "error_code": "invalid-bag"}, NotificationKind.FAILED),
        ({"status": Status.FAILED, "error_code": "cancelled"}, NotificationKind.CANCELLED),
        ({"status": Status.FINISHED}, NotificationKind.FINISHED),
        ({"status": Status.FINISHED, "failed_fixity": ("/a",)}, NotificationKind.FIXITY),
        ({"status": Status.FINISHED, "unverified_fixity": ("/a",)}, NotificationKind.FIXITY),
        ({"status": Status.FINISHED, "ignored_different": ("/a",)}, NotificationKind.FIXITY),
    ],
)
def test_each_end_of_a_ticket_is_one_kind(given: dict[str, object], kind: NotificationKind) -> None:
    assert kind_of_end(info(**given)) is kind


def test_each_attempt_has_an_id_of_its_own_that_does_not_change() -> None:
    first = notification_of_end(info(status=Status.FAILED, error_code="invalid-bag"), "osf")
    again = notification_of_end(info(status=Status.FAILED, error_code="invalid-bag"), "osf")
    second = notification_of_end(info(status=Status.FAILED, attempt=2), "osf")
    assert first == again
    assert (first.id, second.id) == (f"{TICKET}.1", f"{TICKET}.2")


def test_every_word_of_the_configuration_stands_for_a_kind() -> None:
    assert {kind.word for kind in NotificationKind} == set(EVENT_WORDS)


def receiver(name: str, **given: object) -> ReceiverConfig:
    return ReceiverConfig(name=name, **given)  # type: ignore[arg-type]


def test_a_receiver_is_told_of_its_events_and_its_targets() -> None:
    receivers = {
        "all": receiver("all"),
        "osf": receiver("osf", targets=("osf",)),
        "zenodo": receiver("zenodo", targets=("zenodo",)),
        "good": receiver("good", events=("finished",)),
    }
    assert receivers_of(notification(), receivers) == ("all", "osf")
    moved = notification(target="zenodo", folder="osf")
    assert receivers_of(moved, receivers) == ("all", "osf", "zenodo")
    nowhere = notification(target=None, folder=None)
    assert receivers_of(nowhere, receivers) == ("all",)
    disk = notification(kind=NotificationKind.DISK_SHORT, target=None, folder=None)
    assert receivers_of(disk, receivers) == ("all",)
    assert receivers_of(notification(), {}) == ()


def test_who_knows_that_a_target_is_down_is_not_told_of_each_ticket_that_waits_for_it() -> None:
    receivers = {"staff": receiver("staff"), "held": receiver("held", events=("held",))}
    wait = notification(kind=NotificationKind.HELD, error_code=None)
    assert receivers_of(wait, receivers) == ("staff", "held")
    assert receivers_of(replace(wait, is_of_down_target=True), receivers) == ("held",)


texts = st.text(max_size=20)


@settings(deadline=None)
@given(about=texts, message=texts, target=st.none() | texts, count=st.integers(0, 9))
def test_a_notification_survives_its_file(
    about: str, message: str, target: str | None, count: int
) -> None:
    one = notification(about=about, message=message, target=target, count=count, since=NOW)
    assert value_from_tree(Notification, json.loads(json.dumps(tree_from_value(one)))) == one


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@settings(deadline=None)
@given(json_values, st.sampled_from([None, *Notification.__slots__]), json_values)
def test_a_file_that_is_none_of_ours_is_a_value_error(
    tree: object, key: str | None, value: object
) -> None:
    spoilt = tree if key is None else {**tree_from_value(notification()), key: value}
    try:
        found = value_from_tree(Notification, spoilt)
    except ValueError:
        return
    assert isinstance(found.message, str)
