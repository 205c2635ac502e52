"""Characters that a person must not be shown as they are, on a terminal or in a log."""

import re

UNSAFE = (
    "[\x00-\x1f\x7f-\x9f"  # controls, which move the cursor or begin a line
    "\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # unseen; direction
    "\ufff9-\ufffb\U000e0000-\U000e0fff"  # interlinear marks; tags, which hide whole sentences
    "\ud800-\udfff]"
)
"""A class of a regular expression: controls, marks of direction, tags, and what has no width.

After the Unicode Standard, "Cf" (format) characters of Annexes 9 and 31; joiners between letters
are among them, since a name that needs them stays readable as an escape.
"""


def escape(found: re.Match[str]) -> str:
    """The character as Python writes it: `\\x1b`, `\\u202e`, `\\U000e0041`."""
    code = ord(found.group())
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
