"""What a name in the inbox stands for, and the names we give there. Pure."""

import re
import unicodedata
from collections.abc import Iterator
from enum import StrEnum

from presqt_daemon.inbox.files.leftover_names import is_leftover_file, is_leftover_folder
from presqt_daemon.letter_forms import composed
from presqt_daemon.tickets.claim_record import (
    COPY_SUFFIX,
    NAME_MAX_BYTES,
    NOTE_SUFFIX,
    shorten_name,
)
from presqt_daemon.tickets.locks import LOCK_NAME
from presqt_daemon.tickets.store import RESERVED_NAMES, is_ticket

SIDECAR_SUFFIX = ".yaml"
SIDECAR_SUFFIXES = (".yaml", ".yml")
UNUSED_SUFFIX = ".unused"
ANSWER_SUFFIX = ".answer.txt"
ASIDE_PREFIX = ".claimed-"
PLAIN_NAME = "drop.zip"
"""The name of a drop whose own name is not safe, inside its ticket or in the inbox."""

_MAX_INSIDE_BYTES = 200
_MAX_UNUSED_BYTES = NAME_MAX_BYTES - len(".unused-999")
_REQUEST = re.compile(r"(?is)(.+\.(?:zip|(?-i:[0-9a-f]{8})))\.(cancel|retry)(?:\.txt)?")
"""Windows hides the `.txt` of the empty file that it makes, and so do other desktops."""

_TAKEN_REQUEST = re.compile(r"\.(cancel|retry)-([0-9a-f-]{36})\.([0-9]{1,16})")
_ASIDE = re.compile(rf"(?s){re.escape(ASIDE_PREFIX)}([0-9a-f-]{{36}})-(.+)")
_COPY = re.compile(rf"(?s).+\.[0-9a-f]{{8}}{re.escape(COPY_SUFFIX)}")
_OURS = re.compile(
    rf"(?s)(?i:.+\.(cancel|retry)){re.escape(ANSWER_SUFFIX)}"
    rf"|.+{re.escape(UNUSED_SUFFIX)}(-[0-9]+)?"
)
_NEAR_SIDECAR = re.compile(
    r"[\s._-]ya?ml(?:\.\s*[a-z0-9]{1,5}|\s?\([0-9]{1,3}\)|\s?-\s?(?:copy|copie|kopie|copia)|[\s._])*+$"
)
"""What is left of a side-car's ending when an editor, a browser or a file manager added its own."""

_UNSEEN = re.compile("[\u200b-\u200f\u2028-\u202e\u2060\ufeff]")
_TAG_FILE = re.compile(r"(?i)bagit\.txt|bag-info\.txt|fetch\.txt|(tag)?manifest-[a-z0-9]+\.txt")


class NameKind(StrEnum):
    """What to do with a regular file of this name."""

    DROP = "drop"
    SIDECAR = "side-car"
    NEAR_SIDECAR = "nearly a side-car"
    REQUEST = "request"
    ASIDE = "set aside"
    TAKEN_REQUEST = "request that is under way"
    NOTE = "note"
    COPY = "status copy"
    OTHER = "other"


def kind_of(name: str, ignore: tuple[str, ...]) -> NameKind:
    """What a name stands for; `ignore` adds shell patterns to the table of leftovers."""
    if name.startswith("."):
        if parts_of_taken_request(name) is not None:
            return NameKind.TAKEN_REQUEST
        return NameKind.ASIDE if ticket_of_aside(name) else NameKind.OTHER
    if name.endswith(NOTE_SUFFIX):
        return NameKind.NOTE
    if _COPY.fullmatch(name):
        return NameKind.COPY
    if name == LOCK_NAME or _OURS.fullmatch(name):
        return NameKind.OTHER
    if (stem := sidecar_stem(name)) is not None and is_zip_name(stem):
        return NameKind.SIDECAR
    if _REQUEST.fullmatch(name):
        return NameKind.REQUEST
    if is_leftover_file(name, ignore):
        return NameKind.OTHER
    return NameKind.DROP if near_sidecar_stem(name) is None else NameKind.NEAR_SIDECAR


def is_zip_name(name: str) -> bool:
    """Whether the name says that it is a zip."""
    return name.lower().endswith(".zip")


def is_system_folder(name: str) -> bool:
    """Whether a folder is hidden, or what file servers, systems and programs keep."""
    return is_leftover_folder(name)


def same_name(name: str) -> str:
    """What names have in common that people take for one: letter case and the letters' form.

    macOS writes an umlaut as two characters where others write one.
    """
    return composed(name.lower())


def sidecar_stem(name: str) -> str | None:
    """The name of the drop whose side-car this is, as `same_name`; None for any other name."""
    text = same_name(name)
    for suffix in SIDECAR_SUFFIXES:
        if text.endswith(suffix) and len(text) > len(suffix):
            return text.removesuffix(suffix)
    return None


def near_sidecar_stem(name: str) -> str | None:
    """The zip, as `same_name`, for which a name looks like a side-car's; None for any other.

    So does a name of `.yaml` or `.yml` with or without `.zip` before it, with blanks or another
    sign for the dot, or with an ending behind that a program has added (`.txt`, `.rtf`, `(1)`).
    """
    text = re.sub(r"\.\s+", ".", _UNSEEN.sub("", same_name(name)).strip())
    if is_zip_name(text):
        return None
    stem = text
    while (found := _NEAR_SIDECAR.search(stem)) is not None:
        stem = stem[: found.start()].rstrip(" .")
    return plain_zip_name(stem) if stem and stem != text else None


def plain_zip_name(name: str) -> str:
    """A zip's `same_name` without what hides easily: blanks, a missing or doubled ending."""
    text = same_name(name).strip()
    while text.endswith(".zip"):
        text = text.removesuffix(".zip").rstrip()
    return f"{text}.zip"


def unused_names(name: str) -> Iterator[str]:
    """Names for a side-car that nothing will use, the first that is free to be taken."""
    stem = shorten_name(name, _MAX_UNUSED_BYTES)
    yield f"{stem}{UNUSED_SUFFIX}"
    for number in range(2, 1000):
        yield f"{stem}{UNUSED_SUFFIX}-{number}"


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


def parts_of_request(name: str) -> tuple[str, str]:
    """What a name of `NameKind.REQUEST` asks for: the drop or its note's stem, and the word."""
    found = _REQUEST.fullmatch(name)
    assert found is not None
    return found[1], found[2].lower()


def taken_request_name(ticket: str, word: str, epoch: int) -> str:
    """The name of a request that a daemon has taken; none but the one of this number has it."""
    return f".{word}-{ticket}.{epoch}"


def parts_of_taken_request(name: str) -> tuple[str, str, int] | None:
    """Ticket, word and the number of the daemon that took it; None for any other name."""
    found = _TAKEN_REQUEST.fullmatch(name)
    if found is None or not is_ticket(found[2]):
        return None
    return found[2], found[1], int(found[3])


def answer_name(request: str) -> str:
    """The name of the sentence that takes a request's place; it fits, and no sender needs it."""
    stem, word = parts_of_request(request)
    ending = f".{word}{ANSWER_SUFFIX}"
    return f"{shorten_name(stem, NAME_MAX_BYTES - len(ending))}{ending}"


def aside_name(ticket: str, name: str) -> str:
    """The name of a drop that is ours already, but has still to be copied."""
    return shorten_name(f"{ASIDE_PREFIX}{ticket}-{name}", NAME_MAX_BYTES)


def ticket_of_aside(name: str) -> str | None:
    """The ticket of a drop that was set aside; None for any other name."""
    found = _ASIDE.fullmatch(name)
    return found[1] if found is not None and is_ticket(found[1]) else None


def name_of_aside(name: str) -> str:
    """The drop's own name, as far as it fitted; never a hidden one."""
    return _ASIDE.sub(r"\2", name).lstrip(".") or PLAIN_NAME
