"""Names that a sender chooses or that are made for one: what is safe as a single component."""

import re
import unicodedata

from presqt_daemon.errors import UserFault
from presqt_daemon.targets.definition import definition_of
from presqt_daemon.tickets.claim_record import shorten_name

MAX_TITLE_BYTES = 200
MAX_TITLE_CHARS = 4 * MAX_TITLE_BYTES
"""More than this is cut or refused before any other look: to normalize a text (Unicode Standard
Annex 15) may take the square of its length, and no title that fits is so long in any form."""

DEFAULT_TITLE = "deposit"
_JOINERS = "\u200c\u200d"


def check_title(title: str, target_type: str = "folder") -> str:
    """The title, NFC; UserFault for one that this type of target, or a person, cannot have.

    Where titles are text, a slash is a sign like others; elsewhere it must be a safe single name.
    """
    kind = definition_of(target_type)
    longest = None if kind is None else kind.longest_title
    limit, unit = (MAX_TITLE_BYTES, "bytes") if longest is None else (longest, "characters")
    text = title[: 4 * limit + 1].strip()
    is_too_long = len(text) > 4 * limit
    problem = None
    if not is_too_long:
        text = unicodedata.normalize("NFC", text).strip()
        length = len(text.encode("utf-8", "surrogatepass") if longest is None else text)
        is_too_long = length > limit
        problem = why_unsafe(text)
        if problem is None and longest is None and ("/" in text or "\\" in text):
            problem = "holds a path separator"
        if problem is None and any(map(_is_invisible, text)):
            problem = "holds a character that cannot be seen and may turn the text around"
    if problem is None and is_too_long:
        problem = f"is longer than {limit} {unit}"
    if problem is not None:
        raise UserFault(
            "bad-request", f"The title {quoted(title)} {problem}: choose another title."
        )
    return text


def title_from_name(name: str) -> str:
    """A title made of what was named for another purpose; what is unsafe in it is replaced."""
    text = "".join(
        "\0" if char in "/\\" or _is_control(char) or _is_invisible(char) else char
        for char in unicodedata.normalize("NFC", name[:MAX_TITLE_CHARS])
    )
    text = re.sub("\0+", "-", text).strip()
    return shorten_name(text, MAX_TITLE_BYTES).rstrip() if text.strip(".") else DEFAULT_TITLE


def why_unsafe(part: str) -> str | None:
    """Why a name is not a safe single component, None when it is."""
    if not part.strip():
        return "has an empty part"
    if part in {".", ".."}:
        return "climbs out of its place"
    if any(map(_is_control, part)):
        return "holds a control character or is not UTF-8"
    return None


def quoted(text: str) -> str:
    """The text for a message: in quotes, cut, nothing in it that cannot be seen."""
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}


def _is_invisible(char: str) -> bool:
    """Whether it formats text unseen, such as U+202E; what joins letters and emoji does not."""
    return unicodedata.category(char) == "Cf" and char not in _JOINERS
