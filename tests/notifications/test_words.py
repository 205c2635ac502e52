from pathlib import Path

from presqt_daemon.errors import HouseFault, TargetFault, UserFault
from presqt_daemon.notifications.advice import ADVICE, OPERATOR, TARGET
from presqt_daemon.notifications.events import NotificationKind
from presqt_daemon.notifications.words import FIRST_FEW, message_from
from tests.notifications.made import NOW, TICKET, notification

UPLOADS = Path("/srv/mediafiles/uploads")


def test_every_code_says_whose_fault_it_is_and_what_to_do() -> None:
    assert set(ADVICE) == {*UserFault.CODES, *TargetFault.CODES, *HouseFault.CODES}
    for advice in ADVICE.values():
        assert advice.whose
        assert advice.to_do.endswith(".")
    assert {ADVICE[code].whose for code in TargetFault.CODES} == {TARGET}
    assert {ADVICE[code].whose for code in HouseFault.CODES} == {OPERATOR}


def test_one_failure_names_file_cause_fault_remedy_and_status_file() -> None:
    one = notification(dropped_by="alice", link="https://osf.example/abc")
    message = message_from([one], host="repo", uploads=UPLOADS)
    assert message.subject == "[presqt-daemon repo] failed: bag1.zip (not-a-zip)"
    for part in (
        "A ticket failed (not-a-zip).",
        "Whose fault: the sender's.",
        "bag1.zip, into inbox/osf, by alice",
        "It is not a zip.",
        "at the target: https://osf.example/abc",
        f"{UPLOADS}/{TICKET}/process_info.json",
        f"Event {one.id}",
    ):
        assert part in message.text


def test_the_ticket_to_retry_is_named() -> None:
    one = notification(error_code="worker-died")
    assert f"presqt-daemon retry {TICKET}" in message_from([one], host="h", uploads=UPLOADS).text
    two = [one, notification(2, error_code="worker-died")]
    assert "presqt-daemon retry TICKET" in message_from(two, host="h", uploads=UPLOADS).text


def test_a_thousand_failures_are_a_number_and_the_first_few() -> None:
    many = [notification(n) for n in range(990)]
    many += [notification(n, error_code="worker-died", message="x") for n in range(990, 1000)]
    message = message_from(many, host="repo", uploads=UPLOADS)
    assert message.subject == "[presqt-daemon repo] 1000 tickets failed"
    assert "990 tickets failed (not-a-zip)." in message.text
    assert "10 tickets failed (worker-died)." in message.text
    assert message.text.count("/process_info.json") == 2 * FIRST_FEW
    assert f"and {990 - FIRST_FEW} more" in message.text
    assert len(message.text) < 8000


def test_what_needs_a_person_stands_first() -> None:
    kinds = list(NotificationKind)
    told = [notification(n, kind=kind, error_code=None) for n, kind in enumerate(kinds)]
    text = message_from(told, host="h", uploads=UPLOADS).text
    words = ("is short", "takes nothing", "ticket failed", "finished: every")
    places = [text.index(word) for word in words]
    assert places == sorted(places)


def test_a_target_that_is_down_says_since_when_why_how_many_wait_and_what_to_do() -> None:
    one = notification(
        kind=NotificationKind.TARGET_DOWN, about="osf", message="no answer", count=14, since=NOW
    )
    text = message_from([one], host="h", uploads=UPLOADS).text
    for part in ("since 2026-03-01 12:00 UTC", "Cause: no answer", "14 tickets wait.",
                 "Whose fault: the target's, or the network's."):  # fmt: skip
        assert part in text


def test_what_was_given_up_is_said_with_the_next_message() -> None:
    text = message_from([notification()], host="h", uploads=UPLOADS, lost=7).text
    assert "7 earlier notifications could not be delivered here" in text


def test_no_text_of_others_forges_a_line_or_moves_a_cursor() -> None:
    about, said = "a\r\nBcc: x@y\x1b[2J.zip", "m\nWhose fault: yours\u202e"
    one = notification(about=about, message=said, folder="o")
    message = message_from([one], host="h", uploads=UPLOADS)
    assert "\n" not in message.subject
    assert "\r" not in message.subject
    assert "\x1b" not in message.text
    assert "\nWhose fault: yours" not in message.text
    assert "\u202e" not in message.text


def test_a_very_long_message_of_a_target_is_cut() -> None:
    text = message_from([notification(message="x" * 50_000)], host="h", uploads=UPLOADS).text
    assert len(text) < 2000
