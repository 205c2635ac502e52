"""What programs that make zips do to names, undone before anything is judged.

Each rule undoes one habit and names who has it; all else keeps the name as it stands, and is
judged as it stands.
"""

import stat
from collections.abc import Iterable, Sequence
from enum import StrEnum

from presqt_daemon.findings import finding
from presqt_daemon.model import Finding, Severity
from presqt_daemon.zips.directory import ENCRYPTED_FLAGS, Row

_WINDOWS_SYSTEMS = frozenset({0, 10, 14})
"""FAT, NTFS and VFAT as "version made by" numbers them (APPNOTE.TXT 4.4.2)."""


class Habit(StrEnum):
    """One thing that makers do, in words for the person who reads the warning."""

    ROOT_ENTRY = "an entry `/` for the zip's root is passed over (Dropbox writes it)"
    DOT_SLASH = "a leading `./` is passed over (bsdtar writes it)"
    FOLDER_TWICE = "a folder that is listed twice is taken once (Gradle and other builders do so)"
    FOLDER_KIND = (
        "an entry marked as a folder is taken as one, whatever its mode says (old Java tools)"
    )
    UNICODE_BACKSLASH = "backslashes in the Unicode form of a name are taken as `/` (WinZip)"
    BACKSLASHES = (
        "backslashes are taken as `/` (PowerShell 5.1 and old .NET programs write them; "
        "PowerShell 7, 7-Zip or Explorer's `Compress to ZIP file` do not)"
    )
    SPLIT_MARK = "the mark of a split zip in front of this one part is passed over"
    ZEROS_BEHIND = "zero bytes behind the zip's end are passed over (bsdtar pads what it pipes)"
    LINE_END_BEHIND = "a line end behind the zip's end is passed over"
    COUNT_CUT = (
        "the zip holds more entries than its end record can count; its list is whole "
        "(old Finders write no zip64)"
    )


class Habits:
    """The habits that were met in one zip, each with how often and the first name."""

    def __init__(self) -> None:
        self._met: dict[Habit, tuple[str, int]] = {}

    def note(self, habit: Habit, name: str = "") -> None:
        """Count a use of this rule."""
        first, count = self._met.get(habit, (name, 0))
        self._met[habit] = (first, count + 1)

    def warnings(self) -> tuple[Finding, ...]:
        """One warning `zip-normalised` for each rule that was applied."""
        return tuple(
            finding(
                "zip-normalised",
                first,
                habit if count == 1 else f"{habit}; {count} entries in all",
                severity=Severity.WARNING,
            )
            for habit, (first, count) in self._met.items()
        )


def are_backslashes_folders(rows: Iterable[Row], names: Sequence[str]) -> bool:
    """Whether a Windows program wrote backslashes throughout: no `/` at all, all rows its own."""
    has_backslash = False
    for name in names:
        if "/" in name:
            return False
        has_backslash = has_backslash or "\\" in name
    return has_backslash and all(row.creator in _WINDOWS_SYSTEMS for row in rows)


def plain_names(rows: Sequence[Row], names: Sequence[str], habits: Habits) -> list[str | None]:
    """The names as they would stand in a plain zip, folders with a slash at their end.

    None for what is no entry of its own: the zip's root, and a folder listed before.
    """
    with_backslashes = are_backslashes_folders(rows, names)
    folders: set[str] = set()
    plain: list[str | None] = []
    for row, written in zip(rows, names, strict=True):
        name = written
        if with_backslashes and "\\" in name:
            name = name.replace("\\", "/")
            habits.note(Habit.BACKSLASHES, written)
        if name.startswith("./"):
            while name.startswith("./"):
                name = name[2:]
            habits.note(Habit.DOT_SLASH, written)
            if not name and _is_empty(row):
                plain.append(None)
                continue
        if name == "/" and _is_empty(row):
            habits.note(Habit.ROOT_ENTRY, written)
            plain.append(None)
            continue
        if row.is_dos_folder and not name.endswith("/") and name:
            habits.note(Habit.FOLDER_KIND, written)
            name += "/"
        if name.endswith("/"):
            if name in folders and _is_empty(row):
                habits.note(Habit.FOLDER_TWICE, written)
                plain.append(None)
                continue
            folders.add(name)
        plain.append(name)
    return plain


def _is_empty(row: Row) -> bool:
    """Whether nothing is lost, and nothing hidden, when an entry is passed over."""
    return not row.size and not stat.S_ISLNK(row.mode) and not row.flags & ENCRYPTED_FLAGS
