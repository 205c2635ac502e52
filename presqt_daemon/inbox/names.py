"""What a name in the inbox stands for, and the names we give there. Pure."""

import fnmatch
import functools
import re
import unicodedata
from collections.abc import Iterator
from enum import StrEnum

from presqt_daemon.tickets.claim_record import NAME_MAX_BYTES, NOTE_SUFFIX, shorten_name
from presqt_daemon.tickets.lease import LOCK_NAME
from presqt_daemon.tickets.store import RESERVED_NAMES, is_ticket

SIDECAR_SUFFIX = ".yaml"
UNUSED_SUFFIX = ".unused"
ASIDE_PREFIX = ".claimed-"
PLAIN_NAME = "drop.zip"
"""The name inside the ticket of a drop whose own name is not safe there."""

_MAX_INSIDE_BYTES = 200
_MAX_UNUSED_BYTES = NAME_MAX_BYTES - len(".yaml.unused-999")
_TICKET_LENGTH = 36
_REQUEST = re.compile(r"(?s).+\.([0-9a-f]{8})\.(cancel|retry)")
_UNUSED = re.compile(rf"(?s).+{re.escape(SIDECAR_SUFFIX + UNUSED_SUFFIX)}(-[0-9]+)?")
_SYSTEM_FOLDER = re.compile(
    r"lost\+found|\.Trash(-[0-9]+)?|\.Trashes|\$RECYCLE\.BIN|#recycle|System Volume Information"
    r"|\.snapshots?|\.zfs|@eaDir|\.fseventsd|\.Spotlight-V100|\.TemporaryItems|\.st(folder|versions)"
)
_TAG_FILE = re.compile(r"(?i)bagit\.txt|bag-info\.txt|fetch\.txt|(tag)?manifest-[a-z0-9]+\.txt")


class Kind(StrEnum):
    """What to do with a regular file of this name."""

    DROP = "drop"
    SIDECAR = "side-car"
    REQUEST = "request"
    ASIDE = "set aside"
    OTHER = "other"


def kind_of(name: str, ignore: tuple[str, ...]) -> Kind:
    """What a name stands for; `ignore` holds shell patterns, compared without case."""
    if name.startswith(ASIDE_PREFIX):
        return Kind.ASIDE if ticket_of_aside(name) else Kind.OTHER
    if name == LOCK_NAME or name.endswith(NOTE_SUFFIX) or _UNUSED.fullmatch(name):
        return Kind.OTHER
    if name.endswith(SIDECAR_SUFFIX) and is_zip_name(name.removesuffix(SIDECAR_SUFFIX)):
        return Kind.SIDECAR
    if _REQUEST.fullmatch(name):
        return Kind.REQUEST
    return Kind.OTHER if is_ignored(name, ignore) else Kind.DROP


def is_ignored(name: str, ignore: tuple[str, ...]) -> bool:
    """Whether one of the shell patterns names it, in any letter case."""
    return _pattern(ignore).fullmatch(name.lower()) is not None


def is_zip_name(name: str) -> bool:
    """Whether the name says that it is a zip."""
    return name.lower().endswith(".zip")


def is_system_folder(name: str) -> bool:
    """Whether a folder is the system's own: trash, snapshots, and what servers and syncing keep."""
    return _SYSTEM_FOLDER.fullmatch(name) is not None


def unused_names(name: str) -> Iterator[str]:
    """Names for a side-car that nothing will use, the first that is free to be taken."""
    stem = shorten_name(name.removesuffix(SIDECAR_SUFFIX), _MAX_UNUSED_BYTES)
    yield f"{stem}{SIDECAR_SUFFIX}{UNUSED_SUFFIX}"
    for number in range(2, 1000):
        yield f"{stem}{SIDECAR_SUFFIX}{UNUSED_SUFFIX}-{number}"


def is_tag_file_name(name: str) -> bool:
    """Whether the name is one that BagIt gives a file at a bag's root."""
    return _TAG_FILE.fullmatch(name) is not None


def name_inside(name: str) -> str:
    """The drop's name in its ticket's folder: its own where that is safe, else `PLAIN_NAME`."""
    try:
        length = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return PLAIN_NAME
    odd = any(unicodedata.category(char) in {"Cc", "Zl", "Zp"} for char in name)
    if length > _MAX_INSIDE_BYTES or odd or "\\" in name or name.startswith("."):
        return PLAIN_NAME
    return PLAIN_NAME if name.casefold() in RESERVED_NAMES else name


def aside_name(ticket: str, name: str) -> str:
    """The name of a drop that is ours already, but has still to be copied."""
    return shorten_name(f"{ASIDE_PREFIX}{ticket}-{name}", NAME_MAX_BYTES)


def ticket_of_aside(name: str) -> str | None:
    """The ticket of a drop that was set aside; None for any other name."""
    rest = name.removeprefix(ASIDE_PREFIX)
    ticket = rest[:_TICKET_LENGTH]
    if rest == name or not is_ticket(ticket) or rest[_TICKET_LENGTH : _TICKET_LENGTH + 1] != "-":
        return None
    return ticket if len(rest) > _TICKET_LENGTH + 1 else None


def name_of_aside(name: str) -> str:
    """The drop's own name, as far as it fitted."""
    return name[len(ASIDE_PREFIX) + _TICKET_LENGTH + 1 :]


@functools.lru_cache(maxsize=8)
def _pattern(ignore: tuple[str, ...]) -> re.Pattern[str]:
    if not ignore:
        return re.compile(r"(?!)")
    return re.compile("|".join(fnmatch.translate(pattern.lower()) for pattern in ignore))
