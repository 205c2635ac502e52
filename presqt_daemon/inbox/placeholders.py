"""What lies beside a file that only holds a name, or is not whole though its end has come."""

import contextlib
import os
import re

from presqt_daemon.inbox.files.stability import sight_of
from presqt_daemon.tickets.claim_record import DropFile

_RANDOM_PART = re.compile(r"[\w+-]{8}\.zip\.part")


def file_beside(name: str, suffixes: tuple[str, ...], folder: int) -> DropFile | None:
    """The file whose name is this one and a suffix; None without.

    As `x.zip.part` grows beside the placeholder `x.zip` (`GROWING_SUFFIXES`), and as the control
    file of a download in pieces lies there until all have come (`CONTROL_SUFFIXES`).
    """
    for suffix in suffixes:
        try:
            return sight_of(os.stat(name + suffix, dir_fd=folder, follow_symlinks=False))
        except OSError:  # missing, or the name leaves no room
            continue
    return None


def part_file_of(name: str, folder: int) -> DropFile | None:
    """Of the parts of downloads that may become this file, the one that has grown last.

    Firefox names it after eight random characters, with or without the file's own name before them
    (its tests test_tempfilename); to see which one it is, the whole folder must be listed.
    """
    stem = name.rpartition(".")[0]
    found = []
    for other in os.listdir(folder):
        if other.endswith(".zip.part") and (
            other.startswith(f"{stem}.") or _RANDOM_PART.fullmatch(other)
        ):
            with contextlib.suppress(OSError):
                found.append(sight_of(os.stat(other, dir_fd=folder, follow_symlinks=False)))
    return max(found, key=lambda sight: sight.mtime_ns, default=None)
