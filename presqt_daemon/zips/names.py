"""Names of a zip's entries: from bytes to text, and which of them are refused."""

import re
import unicodedata
import zlib

from presqt_daemon.config import StagingConfig
from presqt_daemon.letter_forms import decomposed
from presqt_daemon.zips.faults import NEW_ZIP, Problems

MAX_NAME_BYTES = 255

UTF8_FLAG = 0x800
_UNICODE_PATH = 0x7075
_ORDINARY_DEPTH = 8
_ODD_STARTS = frozenset({"", "/", ".", ":"})


CODE_PAGES: tuple[str, ...] = (
    "cp850", "cp1252", "cp932", "cp866", "gbk", "cp949", "big5", "mac_roman",
)  # fmt: skip
"""In which names may be that do not say it: Western Europe (DOS, Windows), Japan, Cyrillic (DOS),
China, Korea, Taiwan, old Macs.

Without bit 11 a name is in code page 437 (APPNOTE.TXT 4.4.4 and appendix D); programs write the
code page of their system instead.
"""

_SHOWN = {"mac_roman": "Mac Roman"}


class NameBytesError(ValueError):
    """The entry says its name is UTF-8, and it is not."""


class CodePageError(ValueError):
    """A name is no text of this code page."""


def shown_page(page: str) -> str:
    """The code page's name as people know it."""
    return _SHOWN.get(page, page)


def decode_undeclared(raw: bytes, page: str | None) -> str:
    """A name whose encoding the entry does not tell, in a code page; None: as it is usually read.

    Bytes that are valid UTF-8 are usually that (the Finder writes them without saying so, and
    other text is hardly ever valid UTF-8), all else code page 437. Raises CodePageError.
    """
    if page is not None:
        try:
            return raw.decode(page)
        except UnicodeDecodeError:
            raise CodePageError(page) from None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp437")


def declared_name(raw: bytes, flags: int, extra: bytes) -> str | None:
    """The entry's name as text where the entry tells how it reads, None where it does not.

    UTF-8 where the entry says so, or in Info-ZIP's Unicode Path field as long as that belongs to
    this name (APPNOTE.TXT 4.6.9 and appendix D). Raises NameBytesError.
    """
    if raw.isascii():
        return raw.decode("ascii")
    if flags & UTF8_FLAG:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise NameBytesError from None
    return _unicode_path(raw, extra) if extra else None


def has_other_slashes(raw: bytes, name: str) -> bool:
    """Whether a Unicode Path has `\\` exactly where the name beside it has `/`, and no `/`."""
    return (
        "\\" in name
        and "/" not in name
        and [len(part) == 0 for part in raw.split(b"/")]
        == [len(part) == 0 for part in name.split("\\")]
    )


def extra_field(extra: bytes, wanted: int) -> bytes | None:
    """The content of an extra field, None when it is missing or torn."""
    start = 0
    while start + 4 <= len(extra):
        kind = int.from_bytes(extra[start : start + 2], "little")
        end = start + 4 + int.from_bytes(extra[start + 2 : start + 4], "little")
        if kind == wanted:
            return extra[start + 4 : end] if end <= len(extra) else None
        start = end
    return None


def is_ordinary(name: str) -> bool:
    """Whether a name is surely fine, told fast; `check_name` decides about the others."""
    return (
        name.isprintable()
        and "/." not in name
        and "//" not in name
        and "\\" not in name
        and name[:1] not in _ODD_STARTS
        and name[1:2] != ":"
        and (len(name) if name.isascii() else 4 * len(name)) <= MAX_NAME_BYTES
        and name.count("/") < _ORDINARY_DEPTH
    )


def check_name(name: str, config: StagingConfig, problems: Problems) -> bool:
    """Whether a name (of a folder: without its last slash) may be unpacked; else notes why not."""
    problem = _problem(name, config)
    if problem is not None:
        code, what, hint = problem
        problems.add(code, name, what, hint)
    return problem is None


def same_form(name: str) -> str:
    """What two names have in common that differ only by the form of their letters (NFC, NFD).

    Names that differ by case stay apart: RFC 8493 6.1.1.1 only warns of them.
    """
    return name if name.isascii() else decomposed(name)


def _unicode_path(raw: bytes, extra: bytes) -> str | None:
    """The name in Info-ZIP's Unicode Path field (APPNOTE.TXT 4.6.9) if it was made for this one."""
    field = extra_field(extra, _UNICODE_PATH)
    if field is None or len(field) < 6 or field[0] != 1:
        return None
    if int.from_bytes(field[1:5], "little") != zlib.crc32(raw):
        return None
    try:
        return field[5:].decode("utf-8")
    except UnicodeDecodeError:
        return None


def _problem(name: str, config: StagingConfig) -> tuple[str, str, str] | None:
    """Code, what is wrong, hint; None when the name is fine."""
    if not name:
        return "empty-name", "an entry of the zip has no name", NEW_ZIP
    if any(_is_control(char) for char in name):
        return "control-character", "the name holds a control character", _RENAME
    if "\\" in name:
        return "backslash", "the name holds a backslash, which Windows reads as a folder", _SLASHES
    if name.startswith("/"):
        return "absolute-path", "the name is an absolute path", _RELATIVE
    if re.match("[A-Za-z]?:", name):
        return "drive-prefix", "the name begins with a drive or a colon", _RELATIVE
    parts = name.split("/")
    if ".." in parts:
        return "path-climbs", "the name climbs out of its folder with `..`", _RELATIVE
    if "" in parts or "." in parts:
        return "path-not-plain", "the name holds an empty part or `.`", _RELATIVE
    if len(parts) > config.max_depth:
        return "too-deep", f"lies more than {config.max_depth} folders deep", _SHALLOWER
    if max(len(part.encode()) for part in parts) > MAX_NAME_BYTES:
        return "name-too-long", f"a name is longer than {MAX_NAME_BYTES} bytes", _SHORTER
    if len(name.encode()) > config.max_path_bytes:
        what = f"the path is longer than {config.max_path_bytes} bytes"
        return "path-too-long", what, _SHORTER_PATH
    return None


_RENAME = "Rename the file, make the bag again and zip it"
_RELATIVE = "Zip the bag folder itself, from the folder it lies in"
_SHORTER = "Use shorter names, make the bag again and zip it"
_SHORTER_PATH = (
    "Use shorter names or fewer folders and make the bag again, or ask the operator for a higher "
    "limit (staging.max_path_bytes)"
)
_SHALLOWER = (
    "Use fewer folders and make the bag again, or ask the operator for a higher limit "
    "(staging.max_depth)"
)
_SLASHES = (
    "If PowerShell 5.1 or an old program made the zip, zip the bag folder with PowerShell 7, 7-Zip "
    "or Explorer's `Compress to ZIP file` instead; if a file's own name holds it, rename the file "
    "and make the bag again"
)


def _is_control(char: str) -> bool:
    """Not for TAB, LF and CR, which a manifest can name (RFC 8493 2.1.3)."""
    return char not in "\t\n\r" and unicodedata.category(char) in {"Cc", "Zl", "Zp", "Cs"}
