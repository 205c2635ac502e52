import io
import logging
from collections.abc import Iterator

import pytest

from presqt_daemon.cli.output.show import shown
from presqt_daemon.system.logs import ROOT, clean, open_log, ticket_log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    logger = logging.getLogger(ROOT)
    before = (logger.handlers[:], logger.level, logger.propagate)
    yield io.StringIO()
    logger.handlers[:], logger.level, logger.propagate = before


def test_a_line_begins_with_the_ticket(stream: io.StringIO) -> None:
    open_log(0, journal=True, stream=stream)
    ticket_log("abc").info("taken as %s", "x.zip")
    logging.getLogger(f"{ROOT}.inbox").warning("full")
    assert stream.getvalue() == "<6>abc taken as x.zip\n<4>full\n"


def test_without_a_journal_a_line_has_time_and_level(stream: io.StringIO) -> None:
    open_log(0, journal=False, stream=stream)
    ticket_log("abc").error("broken")
    assert stream.getvalue().endswith(" ERROR   abc broken\n")


def test_details_are_for_those_who_ask(stream: io.StringIO) -> None:
    open_log(0, journal=True, stream=stream)
    ticket_log("abc").debug("detail")
    assert stream.getvalue() == ""
    open_log(1, journal=True, stream=stream)
    ticket_log("abc").debug("detail")
    assert stream.getvalue() == "<7>abc detail\n"


def test_a_name_cannot_forge_a_line(stream: io.StringIO) -> None:
    open_log(0, journal=True, stream=stream)
    ticket_log("abc").info("took %s", "a\n<2>forged\x1b[2J\u2028\udcff.zip")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize(
    "character",
    [
        "\u202e",
        "\u2066",
        "\u200f",
        "\u061c",
        "\u200b",
        "\ufeff",
        "\U000e0041",
        "\U000e007f",
        "\x9b",
    ],
    ids=ascii,
)
def test_what_turns_or_hides_words_is_escaped_in_the_log_as_in_status(
    stream: io.StringIO, character: str
) -> None:
    open_log(0, journal=True, stream=stream)
    ticket_log("abc").info("took %s", f"a{character}gpj.exe")
    assert character not in stream.getvalue()
    assert stream.getvalue() == f"<6>abc took {shown(f'a{character}gpj.exe')}\n"


def test_a_traceback_stays_with_its_line_and_secrets_go(stream: io.StringIO) -> None:
    open_log(0, journal=True, stream=stream)
    try:
        raise ValueError("Authorization: Bearer canary-1\nnext")
    except ValueError:
        logging.getLogger(ROOT).exception("it broke")
    assert "canary-1" not in stream.getvalue()
    assert all(line.startswith(("<3>", "    ")) for line in stream.getvalue().splitlines())


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer CANARY",
        "{'PRIVATE-TOKEN': 'CANARY'}",
        "https://x/?access_token=CANARY&page=2",
        "authorization: token CANARY",
        "X-Amz-Signature=CANARY&",
    ],
)
def test_known_secrets_are_replaced(text: str) -> None:
    assert "CANARY" not in clean(text)
    assert "***" in clean(text)
