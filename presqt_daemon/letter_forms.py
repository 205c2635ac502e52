"""Unicode normalization of text that a stranger wrote, at a cost that grows with its length.

Putting marks in order takes time quadratic in the length of a run of them. Unicode's Stream-Safe
Text Format (UAX #15, section 13) allows 30 marks in a row; no language needs more. A text with a
longer run keeps the form it has.
"""

import unicodedata
from typing import Literal

MAX_MARKS = 30

_HIDDEN_MARKS = frozenset("\u0f73\u0f75\u0f81")
"""Of combining class 0 themselves, but made of marks alone when decomposed."""


def composed(text: str) -> str:
    """The text in NFC, or as it stands where a run of marks is longer than any language's."""
    return _normalized("NFC", text)


def decomposed(text: str) -> str:
    """The text in NFD, else as `composed`."""
    return _normalized("NFD", text)


def _normalized(form: Literal["NFC", "NFD"], text: str) -> str:
    if text.isascii() or (len(text) > MAX_MARKS and _has_long_run(text)):
        return text
    return unicodedata.normalize(form, text)


def _has_long_run(text: str) -> bool:
    run = 0
    for char in text:
        if char < "\u0300" or not (unicodedata.combining(char) or char in _HIDDEN_MARKS):
            run = 0
            continue
        run += 1
        if run > MAX_MARKS:
            return True
    return False
