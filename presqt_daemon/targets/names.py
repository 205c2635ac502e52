"""What a target does to names, of files and of containers: declared, so that none is a surprise."""

import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f]")
"""Those that are no white space: what tornado's `get_query_argument` makes blanks of."""

_TITLE = "\0"
_NUMBER = "\1"
_MAX_DIGITS = 100


def title_as_it_is(title: str) -> str:
    """The title; for targets that take any."""
    return title


def numbered_title(
    title: str, taken: Collection[str], title_format: str, longest: int | None = None
) -> str:
    """The title, numbered where PresQT numbers it, matched literally.

    Any numbered title among the taken ones gives the highest number + 1, even when the plain title
    is free; the plain title alone gives 1; else it stays as it is (`get_duplicate_title`). With
    `longest`, in characters, the title gives way to its number.
    """
    title = title[:longest]
    ends = re.escape(title_format.format(title=_TITLE, number=_NUMBER))
    pattern = re.compile(
        ends.replace(_TITLE, "(.*)").replace(_NUMBER, f"([0-9]{{1,{_MAX_DIGITS}}})"),
        re.DOTALL,
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


def takes_any(name: str) -> str | None:  # noqa: ARG001
    """None: no name is forbidden."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class NameRules:
    """How one part of a path is stored; the default changes nothing.

    `strips`: white space at both ends is dropped, every Unicode space. `blanks_controls`: control
    characters that are no white space become blanks (before that). `ignores_case`: two names that
    differ in letter case are one. `normalises`: the Unicode form in which names are stored, so
    that two forms are one.
    `forbids` gives the reason why a name cannot be stored at all, None where it can.
    """

    strips: bool = False
    blanks_controls: bool = False
    ignores_case: bool = False
    normalises: Literal["NFC", "NFD"] | None = None
    forbids: Callable[[str], str | None] = takes_any

    @property
    def changes_nothing(self) -> bool:
        """Whether every name is taken as it is, and is another than every other."""
        return self == NAMES_AS_THEY_ARE

    def stored(self, path: PurePosixPath) -> PurePosixPath:
        """The path under which the target stores what was sent under this one."""
        if not (self.strips or self.blanks_controls or self.normalises):
            return path
        return PurePosixPath(*(self._stored(part) for part in path.parts))

    def key(self, path: PurePosixPath) -> PurePosixPath:
        """Something that is equal for all paths that are one and the same at the target."""
        path = self.stored(path)
        return PurePosixPath(str(path).casefold()) if self.ignores_case else path

    def why_not(self, path: PurePosixPath) -> str | None:
        """The reason why the target cannot store a path, None where it can."""
        for part in path.parts:
            if not self._stored(part):
                return "nothing is left of the name without its white space"
            if (reason := self.forbids(part)) is not None:
                return reason
        return None

    def _stored(self, name: str) -> str:
        if self.blanks_controls:
            name = _CONTROLS.sub(" ", name)
        if self.strips:
            name = name.strip()
        return unicodedata.normalize(self.normalises, name) if self.normalises else name


NAMES_AS_THEY_ARE = NameRules()
