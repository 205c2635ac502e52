"""Names that git keeps for itself, as it reads them for every file system there is.

Source: git's path.c (`is_ntfs_dotgit`) and utf8.c (`is_hfs_dotgit`), which fsck and index ask.
"""

import re
from pathlib import PurePosixPath

from presqt_daemon.errors import UserFault

_UNSEEN = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
"""What HFS+ leaves out of a name before it compares."""

_OWN = frozenset({".git", "git~1"})
"""The folder of git's own, and its short name on NTFS."""


def why_git_refuses(name: str) -> str | None:
    """Why git takes no file or folder of this name, None where it does."""
    if _UNSEEN.sub("", name).lower() == ".git":
        return "git takes no file or folder called .git"
    # NTFS takes a backslash for a separator, a colon for the end of a name, and drops these ends
    parts = (part.partition(":")[0].rstrip(" .").lower() for part in name.split("\\"))
    return "git takes no name that Windows reads as .git" if _OWN.intersection(parts) else None


def refuse_git_path(path: str) -> None:
    """UserFault `bad-request` for a path that git cannot hold."""
    for part in PurePosixPath(path).parts:
        if (reason := why_git_refuses(part)) is not None:
            raise UserFault("bad-request", f"{path}: {reason}; rename or remove it.")
