"""The names in a zip's list of entries, read as long as they are no burden."""

import sys

from presqt_daemon.config import StagingConfig
from presqt_daemon.zips.directory import Row, read_directory
from presqt_daemon.zips.end_record import EndRecord
from presqt_daemon.zips.faults import Problems
from presqt_daemon.zips.names import NameBytesError, Report, check_name, decode_name, is_ordinary

_NAME_BYTES = 250
"""For each file allowed: what its name may take in memory on average."""

_FEWEST_FILES = 20_000
"""However few files are allowed, there is room for the names of so many."""


def read_names(
    fd: int, end: EndRecord, config: StagingConfig, problems: Problems
) -> list[tuple[Row, str | None]]:
    """Every entry with its name, as long as the names are no burden."""
    named = []
    left = name_bytes_allowed(config)
    for row in read_directory(fd, end):
        name = _read_name(row, problems.add)
        named.append((row, name))
        left -= len(row.extra) + sys.getsizeof(row.raw_name if name is None else name)
        if left < 0:
            refuse_names(problems)
    return named


def name_bytes_allowed(config: StagingConfig) -> int:
    """What the names of a zip's files may take in memory, and those of its folders again."""
    return _NAME_BYTES * max(config.max_files, _FEWEST_FILES)


def refuse_names(problems: Problems) -> None:
    """Refuse the zip for the sum of its names."""
    problems.add_limit(
        "names-too-long",
        "",
        "the names of its files and folders are too long in all",
        key="staging.max_files",
    )
    problems.raise_any()


def _read_name(row: Row, report: Report) -> str | None:
    """The name if it is one that may be unpacked, with its last slash; else it is reported."""
    try:
        name = decode_name(row.raw_name, row.flags, row.extra)
    except NameBytesError:
        shown = row.raw_name.decode("utf-8", "surrogateescape")
        report("name-not-utf-8", shown, "the name is said to be UTF-8, but is not", None)
        return None
    plain = name[:-1] if name.endswith("/") and name != "/" else name
    return name if is_ordinary(plain) or check_name(plain, report) else None
