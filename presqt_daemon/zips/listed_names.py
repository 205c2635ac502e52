"""The names in a zip's list of entries, read as long as they are no burden."""

import sys

from presqt_daemon.config import StagingConfig
from presqt_daemon.zips.directory import Row, read_directory
from presqt_daemon.zips.end_record import EndRecord
from presqt_daemon.zips.faults import Problems
from presqt_daemon.zips.makers import Habit, Habits, plain_names
from presqt_daemon.zips.names import (
    NameBytesError,
    check_name,
    declared_name,
    decode_undeclared,
    has_other_slashes,
    is_ordinary,
)

_NAME_BYTES = 250
"""For each file allowed: what its name may take in memory on average."""

_FEWEST_FILES = 20_000
"""However few files are allowed, there is room for the names of so many."""


class ListedNames:
    """Every entry of a zip with its name, which is None for what is not unpacked.

    `undeclared` are those whose encoding no entry tells, without a slash at their end; they are
    read in `page`.
    """

    def __init__(self, config: StagingConfig, page: str | None, habits: Habits) -> None:
        self.undeclared: frozenset[str] = frozenset()
        self.is_any_undeclared = False
        self._odd: set[int] = set()
        self._unreadable: set[int] = set()
        self._config = config
        self._page = page
        self._habits = habits

    def read(self, fd: int, end: EndRecord, problems: Problems) -> list[tuple[Row, str | None]]:
        """All entries; names that may not be unpacked are noted as problems.

        Raises UserFault `too-large` where there are too many or too long names, CodePageError
        where a name is no text of the page.
        """
        rows: list[Row] = []
        names: list[str] = []
        left = name_bytes_allowed(self._config)
        most = most_entries(self._config)
        for row in read_directory(fd, end):
            text = self._decoded(row, len(rows), problems)
            rows.append(row)
            names.append(text)
            left -= len(row.extra) + sys.getsizeof(text)
            if left < 0:
                refuse_names(problems)
            if len(rows) > most:
                refuse_number(len(rows), self._config, problems)
        if len(rows) > end.entries:
            self._habits.note(Habit.COUNT_CUT)
        plain = plain_names(rows, names, self._habits)
        for index in self._unreadable:
            plain[index] = None
        self.undeclared = frozenset(
            name.rstrip("/") for index in self._odd if (name := plain[index]) is not None
        )
        return [(row, self._checked(name, problems)) for row, name in zip(rows, plain, strict=True)]

    def _decoded(self, row: Row, index: int, problems: Problems) -> str:
        try:
            name = declared_name(row.raw_name, row.flags, row.extra)
        except NameBytesError:
            shown = row.shown_name()
            problems.add("name-not-utf-8", shown, "the name is said to be UTF-8, but is not")
            self._unreadable.add(index)
            return shown
        if name is None:
            self.is_any_undeclared = True
            self._odd.add(index)
            return decode_undeclared(row.raw_name, self._page)
        if "\\" in name and row.extra and has_other_slashes(row.raw_name, name):
            self._habits.note(Habit.UNICODE_BACKSLASH, name)
            return name.replace("\\", "/")
        return name

    def _checked(self, name: str | None, problems: Problems) -> str | None:
        """The name if it is one that may be unpacked, with its last slash; else it is reported."""
        if name is None:
            return None
        plain = name[:-1] if name.endswith("/") and name != "/" else name
        is_fine = is_ordinary(plain) or check_name(plain, self._config, problems)
        return name if is_fine else None


def most_entries(config: StagingConfig) -> int:
    """How many entries a zip may have: files, folders, and what lies beside the bag."""
    return 2 * config.max_files + 1000


def name_bytes_allowed(config: StagingConfig) -> int:
    """What the names of a zip's files may take in memory, and those of its folders again."""
    return _NAME_BYTES * max(config.max_files, _FEWEST_FILES)


def refuse_names(problems: Problems) -> None:
    """Refuse the zip for the sum of its names."""
    what = "the names of its files and folders are too long in all"
    problems.refuse("names-too-long", what, key="staging.max_files")


def refuse_number(entries: int, config: StagingConfig, problems: Problems) -> None:
    """Refuse the zip for the number of its entries."""
    what = f"the zip has {entries} entries; a bag may have {config.max_files} files"
    problems.refuse("too-many-entries", what, key="staging.max_files")
