"""PresQT's rule for a title that is taken, matched literally."""

from collections.abc import Collection

_MARK = "\0"
_MAX_DIGITS = 100


def numbered_title(title: str, taken: Collection[str], title_format: str) -> str:
    """The title, numbered where PresQT numbers it.

    Any numbered title among the taken ones gives the highest number + 1, even when the plain title
    is free; the plain title alone gives 1; else it stays as it is (`get_duplicate_title`).
    """
    numbers = [
        number for name in taken if (number := _number_in(name, title, title_format)) is not None
    ]
    if numbers:
        return title_format.format(title=title, number=max(numbers) + 1)
    if title in taken:
        return title_format.format(title=title, number=1)
    return title


def _number_in(name: str, title: str, title_format: str) -> int | None:
    """The number that a taken name carries, None when it is no numbered form of the title."""
    head, _, tail = title_format.format(title=title, number=_MARK).partition(_MARK)
    if not name.startswith(head) or not name.endswith(tail):
        return None
    digits = name[len(head) : len(name) - len(tail)]
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > _MAX_DIGITS:
        return None
    return int(digits)
