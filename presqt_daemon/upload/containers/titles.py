"""PresQT's rule for a title that is taken, matched literally."""

import re
from collections.abc import Collection

_TITLE = "\0"
_NUMBER = "\1"
_MAX_DIGITS = 100


def numbered_title(
    title: str, taken: Collection[str], title_format: str, longest: int | None = None
) -> str:
    """The title, numbered where PresQT numbers it.

    Any numbered title among the taken ones gives the highest number + 1, even when the plain title
    is free; the plain title alone gives 1; else it stays as it is (`get_duplicate_title`). With
    `longest`, in characters, the title gives way to its number.
    """
    title = title[:longest]
    ends = re.escape(title_format.format(title=_TITLE, number=_NUMBER))
    pattern = re.compile(
        ends.replace(_TITLE, "(.*)").replace(_NUMBER, f"([0-9]{{1,{_MAX_DIGITS}}})"), re.DOTALL
    )
    numbers = [
        int(found[2])
        for name in taken
        if (found := pattern.fullmatch(name)) is not None
        and found[1] == _shortened(title, found[2], title_format, longest)
    ]
    if not numbers and title not in taken:
        return title
    number = str(max(numbers, default=0) + 1)
    shortened = _shortened(title, number, title_format, longest)
    return title_format.format(title=shortened, number=number)


def _shortened(title: str, number: str, title_format: str, longest: int | None) -> str:
    """The title as it stands beside this number."""
    if longest is None:
        return title
    return title[: longest - len(title_format.format(title="", number=number))]
