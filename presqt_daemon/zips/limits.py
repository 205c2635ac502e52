"""What a zip may hold in all, by the sizes that its list of entries declares."""

from collections.abc import Iterator

from presqt_daemon.config import StagingConfig
from presqt_daemon.units import text_from_bytes
from presqt_daemon.zips.directory import STORED, Row
from presqt_daemon.zips.end_record import EndRecord
from presqt_daemon.zips.faults import NEW_ZIP, Problems
from presqt_daemon.zips.listed_names import most_entries, refuse_number

RATIO_FROM_BYTES = 100 << 20
"""Below this size unpacked, the ratio does not matter."""

MAX_LISTED_BYTES = 4096
"""What an entry may take in the central directory on average, so that memory is bounded."""


def check_list(end: EndRecord, zip_bytes: int, config: StagingConfig, problems: Problems) -> None:
    """Note a zip, or a list of entries, that is larger than may be read."""
    if zip_bytes > config.max_zip_bytes:
        problems.add_limit(
            "zip-too-large",
            "",
            f"the zip has {text_from_bytes(zip_bytes)}, more than the "
            f"{text_from_bytes(config.max_zip_bytes)} allowed",
            key="staging.max_zip_bytes",
        )
    if end.entries > most_entries(config):
        refuse_number(end.entries, config, problems)
    if end.directory_size > end.most_entries * MAX_LISTED_BYTES:
        problems.add("list-too-large", "", "the zip's list of entries is far too large", NEW_ZIP)


def check_sizes(
    rows: Iterator[Row], zip_bytes: int, config: StagingConfig, problems: Problems
) -> None:
    """Note entries that are too large, each and in all, and stored ones with two sizes."""
    total = 0
    for row in rows:
        total += row.size
        if row.method == STORED and row.size != row.packed_size:
            problems.add(
                "header-mismatch",
                row.shown_name(),
                "is stored as it is, yet its two sizes differ",
                hint=NEW_ZIP,
            )
        if row.size > config.max_file_bytes:
            problems.add_limit(
                "file-too-large",
                row.shown_name(),
                f"has {text_from_bytes(row.size)}, more than the "
                f"{text_from_bytes(config.max_file_bytes)} allowed",
                key="staging.max_file_bytes",
            )
    if total > config.max_unpacked_bytes:
        problems.add_limit(
            "unpacked-too-large",
            "",
            f"the zip unpacks to {text_from_bytes(total)}, more than the "
            f"{text_from_bytes(config.max_unpacked_bytes)} allowed",
            key="staging.max_unpacked_bytes",
        )
    if total > RATIO_FROM_BYTES and total > config.max_ratio * zip_bytes:
        problems.add(
            "ratio",
            "",
            f"the zip unpacks to {total // zip_bytes} times its size, more than the "
            f"{config.max_ratio} times allowed (staging.max_ratio)",
            hint="Make the zip with the method Store, or ask the operator for a higher limit",
        )
