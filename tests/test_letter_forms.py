import unicodedata
from time import process_time

import pytest

from presqt_daemon.letter_forms import MAX_MARKS, composed, decomposed


@pytest.mark.parametrize(
    "text", ["", "plain", "\u00e9", "e\u0301", "\uac01", "\u1112\u1161\u11ab", "a" * 100 + "\u0301"]
)
def test_text_of_people_is_normalized(text: str) -> None:
    assert composed(text) == unicodedata.normalize("NFC", text)
    assert decomposed(text) == unicodedata.normalize("NFD", text)


def test_marks_up_to_the_limit_are_put_in_order() -> None:
    text = "a" + "\u0301\u0316" * (MAX_MARKS // 2)
    assert composed(text) == unicodedata.normalize("NFC", text) != text


@pytest.mark.parametrize(
    "marks", ["\u0301\u0316", "\u0f73\u0f71", "\u0344\u0316", "\U0001d165\u0316"]
)
def test_a_long_run_of_marks_costs_no_more_than_its_length(marks: str) -> None:
    text = "a" + marks * 200_000
    before = process_time()
    assert composed(text) == text
    assert decomposed(text) == text
    assert process_time() - before < 10  # some milliseconds; in order they would take hours
