"""How much of a bag's tag files is held in memory: bounds that grow with the files allowed."""

import sys

MAX_MANIFESTS = 16
"""Of one kind, payload or tag manifests; more than there are algorithms in use."""

MAX_FILES = 100_000
ANY_NUMBER_OF_FILES = 10_000_000
"""For bags that are not a stranger's."""

_MANIFEST_BYTES = 640
_TOTAL_BYTES = 800
_LINES = 5
_HELD_BYTES = 500
_ENTRY_BYTES = 150
_FEWEST_FILES = 20_000
"""Small limits of files still leave room for what people write into tag files."""


class TagBudget:
    """What is left for the tag files of one bag that may have `max_files` files.

    `manifest_bytes` is for each manifest, `pending_bytes` (memory) for the lines of one manifest
    that do not name a file as it is. `total_bytes` and `lines` are for all tag files,
    `absent_bytes` (memory) for the names in manifests that no file of the bag has; what is used
    is taken off by `take_*`, which tell whether there was enough.
    """

    def __init__(self, max_files: int = MAX_FILES) -> None:
        files = max(max_files, _FEWEST_FILES)
        self.manifest_bytes = _MANIFEST_BYTES * files
        self.total_bytes = _TOTAL_BYTES * files
        self.lines = _LINES * files
        self.absent_bytes = _HELD_BYTES * files
        self.pending_bytes = _HELD_BYTES * files

    def take_bytes(self, count: int) -> bool:
        """Whether another `count` bytes of tag files may be read."""
        self.total_bytes -= count
        return self.total_bytes >= 0

    def take_lines(self, count: int) -> bool:
        """Whether another `count` lines may be read."""
        self.lines -= count
        return self.lines >= 0

    def take_absent(self, checksum: str, path: str) -> bool:
        """Whether one more name that no file has may be kept."""
        self.absent_bytes -= held_bytes(checksum, path)
        return self.absent_bytes >= 0


def held_bytes(checksum: str, path: str) -> int:
    """What one line takes in memory."""
    return sys.getsizeof(checksum) + sys.getsizeof(path) + _ENTRY_BYTES
