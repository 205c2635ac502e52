from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presqt_daemon.cli.output.figures import RateWindow, TicketRate, age_text, rate_texts
from presqt_daemon.cli.output.footer import cut, text_bar
from presqt_daemon.cli.output.plain import following_bar
from presqt_daemon.cli.output.show import Bar
from presqt_daemon.model import Stage
from tests.tickets.infos import BEGAN, finished_info, sending_info


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=-5), "0s"),
        (timedelta(seconds=59), "59s"),
        (timedelta(seconds=60), "1m"),
        (timedelta(minutes=59.9), "59m"),
        (timedelta(hours=23.9), "23h"),
        (timedelta(days=13.9), "13d"),
        (timedelta(days=14), "2w"),
        (timedelta(days=700), "100w"),
        (timedelta(days=1100), "3y"),
    ],
)
def test_an_age_takes_four_characters_at_most(age: timedelta, text: str) -> None:
    assert age_text(BEGAN + age, BEGAN) == text


@given(st.floats(min_value=-1e6, max_value=1e9))
@settings(deadline=None)
def test_no_age_is_longer(seconds: float) -> None:
    assert len(age_text(BEGAN + timedelta(seconds=seconds), BEGAN)) <= 4


def test_the_rate_is_that_of_the_last_seconds() -> None:
    window = RateWindow(window=10)
    for second in range(101):
        window.add(second, 0 if second < 90 else (second - 90) * 1_000_000)
    assert window.rate == pytest.approx(1_000_000, rel=0.11)
    assert rate_texts(window, 70_000_000)[1].endswith("min left")


def test_a_rate_needs_two_readings_and_a_count_that_shrinks_begins_anew() -> None:
    window = RateWindow()
    assert rate_texts(window, 10) == ()
    window.add(0, 5)
    assert rate_texts(window, 10) == ()
    window.add(10, 15)
    assert window.rate == 1
    window.add(11, 3)
    assert window.rate is None


def test_nothing_that_stands_still_has_a_time_left() -> None:
    window = RateWindow()
    window.add(0, 5)
    window.add(10, 5)
    assert rate_texts(window, 10) == ("0 B/s",)


def test_staging_and_sending_have_rates_of_their_own() -> None:
    rate = TicketRate()
    info = sending_info(stage=Stage.RECEIVED, staging_bytes_finished=0)
    rate.add(info)
    rate.add(replace(info, updated_at=BEGAN + timedelta(seconds=1), staging_bytes_finished=10**6))
    assert rate.texts(info)[0] == "1.0 MB/s"
    sending = sending_info(updated_at=BEGAN + timedelta(seconds=2), upload_bytes_finished=2 * 10**6)
    rate.add(sending)
    assert rate.texts(sending) == ()
    assert rate.texts(finished_info()) == ()


def test_a_pipe_gets_a_line_a_second_at_most_and_the_last_one_always(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 0.0
    with following_bar(clock=lambda: now) as update:
        for tick in range(100):
            now = tick / 10
            update(Bar(words="sending", share=tick / 100, figures=(f"{tick} of 100 files",)))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "0% sending (0 of 100 files)"
    assert lines[-1] == "99% sending (99 of 100 files)"
    assert len(lines) == 11


def test_a_line_that_says_nothing_new_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    with following_bar(clock=lambda: now) as update:
        for _ in range(10):
            now += 5
            update(Bar(words="waiting", share=None))
    assert capsys.readouterr().out == "waiting\n"


@given(st.text(max_size=30), st.integers(min_value=1, max_value=20))
@settings(deadline=None)
def test_what_is_cut_is_the_beginning_and_an_ellipsis(text: str, width: int) -> None:
    shown = cut(text, width)
    assert shown == text or (shown.endswith("…") and text.startswith(shown[:-1]))


def test_wide_characters_count_for_two() -> None:
    assert cut("測試文件", 8) == "測試文件"
    assert cut("測試文件", 7) == "測試文…"
    assert cut("測試文件", 6) == "測試…"


@pytest.mark.parametrize(("share", "full"), [(0.0, 0), (0.5, 10), (1.0, 20), (7.0, 20)])
def test_a_bar_has_its_width_whatever_the_share(share: float, full: int) -> None:
    assert (text_bar(share).count("━"), len(text_bar(share))) == (full, 20)
