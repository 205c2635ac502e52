"""Identifiers, dates and check digits as InvenioRDM reads them.

It stores an identifier that is wrong and refuses it when the draft is published, and drops a date
that is none (seen with InvenioRDM 14.0.5), so both are judged before they are sent.
"""

import re
from collections.abc import Callable
from datetime import date

_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_ORCID = re.compile(r"[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9X]")


def is_date(text: object) -> bool:
    """Whether it is a day, month or year that exists (`YYYY-MM-DD`, `YYYY-MM`, `YYYY`)."""
    found = _DATE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return False
    try:
        date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
    except ValueError:
        return False
    return True


def is_orcid(text: str) -> bool:
    """Whether the check digit is right (ISO 7064 MOD 11-2)."""
    if not _ORCID.fullmatch(text):
        return False
    total = 0
    for digit in text.replace("-", "")[:-1]:
        total = (total + int(digit)) * 2
    check = (12 - total % 11) % 11
    return text[-1] == ("X" if check == 10 else str(check))


def scheme_of(identifier: str) -> tuple[str, str] | None:
    """What kind of identifier it is, and the identifier as Zenodo writes it; None where unknown."""
    text = identifier.strip()
    for scheme, pattern, is_right in _SCHEMES:
        found = pattern.fullmatch(text)
        if found is not None:
            return (scheme, found[1]) if is_right(found[1]) else None
    return None


def _is_isbn(text: str) -> bool:
    digits = re.sub(r"[- ]", "", text).upper()
    if re.fullmatch(r"97[89][0-9]{10}", digits):
        return sum(int(one) * (1, 3)[index % 2] for index, one in enumerate(digits)) % 10 == 0
    if re.fullmatch(r"[0-9]{9}[0-9X]", digits):
        values = [10 if one == "X" else int(one) for one in digits]
        return sum(value * (10 - index) for index, value in enumerate(values)) % 11 == 0
    return False


def _is_issn(text: str) -> bool:
    digits = text.replace("-", "").upper()
    values = [10 if one == "X" else int(one) for one in digits]
    return sum(value * (8 - index) for index, value in enumerate(values)) % 11 == 0


def _any(_text: str) -> bool:
    return True


_ARXIV_YEAR_MONTH = re.compile(r"(?:[a-z-]+(?:\.[a-z]{2})?/)?[0-9]{2}([0-9]{2})", re.IGNORECASE)


def _is_arxiv(text: str) -> bool:
    found = _ARXIV_YEAR_MONTH.match(re.sub(r"^arxiv:", "", text, flags=re.IGNORECASE))
    return found is not None and 1 <= int(found[1]) <= 12


_SCHEMES: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = tuple(
    (scheme, re.compile(pattern, re.IGNORECASE), is_right)
    for scheme, pattern, is_right in (
        ("doi", r"(?:https?://(?:dx\.)?doi\.org/|doi:\s*)?(10\.[0-9]{4,9}/\S+)", _any),
        (
            "arxiv",
            r"(arxiv:(?:[0-9]{4}\.[0-9]{4,5}|[a-z-]+(?:\.[a-z]{2})?/[0-9]{7})(?:v[0-9]+)?)",
            _is_arxiv,
        ),
        ("ark", r"(ark:/?[0-9]{5,9}/\S+)", _any),
        ("isbn", r"(?:isbn(?:-1[03])?[:\s]\s*)([0-9][0-9 -]{8,16}[0-9X])", _is_isbn),
        ("isbn", r"(97[89][- ]?[0-9][0-9 -]{7,11}[0-9])", _is_isbn),
        ("issn", r"(?:e?issn[:\s]\s*)?([0-9]{4}-[0-9]{3}[0-9X])", _is_issn),
        ("handle", r"(?:hdl:|https?://hdl\.handle\.net/)([0-9.]+/\S+)", _any),
        ("urn", r"(urn:[a-z0-9][a-z0-9-]{1,31}:\S+)", _any),
        ("url", r"(https?://\S+)", _any),
    )
)
"""The first that fits; one that fits with a wrong check digit is none of the others either."""
