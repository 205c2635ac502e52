"""The shape of a clean manifest line, found fast in many lines at once.

RFC 8493 section 2.1.3.
"""

import functools
import re

MAX_DIGITS = 256
"""Of a checksum by an algorithm that is not known here."""


@functools.lru_cache(maxsize=32)
def clean_line(length: int, *, is_tag: bool, excluded: str) -> re.Pattern[str]:
    """Groups: checksum and path of a line that a manifest should hold, else the whole odd line."""
    digits = f"{{{length}}}" if length else f"{{1,{MAX_DIGITS}}}"
    start = rf"(?!data/|tagmanifest-)[^\n \t*{excluded}]" if is_tag else "data/"
    return re.compile(rf"(?:([0-9a-f]{digits})[ \t]+({start}[^\n{excluded}]*)|([^\n]*))(?:\n|\Z)")


def are_lower_hex(digits: str) -> bool:
    """Whether a text is made of 0-9 and a-f alone (several times faster than a pattern)."""
    try:
        return len(bytes.fromhex(digits)) * 2 == len(digits) and digits == digits.lower()
    except ValueError:
        return False
