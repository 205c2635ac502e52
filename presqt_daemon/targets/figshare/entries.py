"""What Figshare says of files and articles as values, and its titles."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from presqt_daemon.errors import TargetFault
from presqt_daemon.targets.base import Item
from presqt_daemon.targets.figshare import TITLE_LENGTH

TITLE_FORMAT = "{title}(PresQT{number})"
_BASE_LENGTH = TITLE_LENGTH - 20
"""So much of a title stands before any number."""

_NUMBERED = re.compile(r"(.*)\(PresQT([0-9]{1,100})\)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One file of an article; `computed` is the md5 that Figshare took, empty until it has."""

    id: int
    path: PurePosixPath
    size: int
    supplied: str
    computed: str
    is_unfinished: bool
    status: str = ""

    def item(self, *, older: Collection[int] = (), is_wrong: bool = False) -> Item:
        """As the upload room sees it.

        `older` are files that this one shall take the place of; `is_wrong` marks one that we have
        sent ourselves and that has arrived with another content.
        """
        return Item(
            path=self.path,
            size=self.size,
            digests={"md5": self.computed} if self.computed else {},
            state={
                "id": str(self.id),
                "older": " ".join(map(str, older)),
                "wrong": "yes" if is_wrong else "",
            },
        )


def stored_from(entry: Mapping[str, Any], folders: Mapping[str, Any], target: str) -> Stored:
    """A file of an article; `folders` maps file ids to folder paths.

    Raises TargetFault `target-misbehaved`.
    """
    try:
        identity, name, size = int(entry["id"]), str(entry["name"]), int(entry["size"])
    except (KeyError, TypeError, ValueError):
        raise TargetFault("target-misbehaved", f"{target} lists a file without a name.") from None
    folder = folders.get(str(identity))
    computed = str(entry.get("computed_md5") or "").lower()
    return Stored(
        id=identity,
        path=PurePosixPath(str(folder or "").strip("/"), name.lstrip("/")),
        size=size,
        supplied=str(entry.get("supplied_md5") or "").lower(),
        computed=computed,
        is_unfinished=entry.get("status") == "created" and not computed,
        status=str(entry.get("status")),
    )


def id_from(tree: Mapping[str, Any], target: str) -> int:
    """The id of something new: newer answers name it, older ones only its address."""
    if isinstance(tree.get("entity_id"), int):
        return int(tree["entity_id"])
    found = re.search(r"/([0-9]+)/?$", str(tree.get("location")))
    if found is None:
        raise TargetFault("target-misbehaved", f"{target} does not say what it has created.")
    return int(found[1])


def base_title(title: str) -> str:
    """The title without its number, and without what gives way to one."""
    found = _NUMBERED.fullmatch(title)
    return (title if found is None else found[1])[:_BASE_LENGTH]
