"""What a person is shown: no secret in it, and no character that moves the cursor or hides.

A pasted token must not end in a log or on a screen, nor may a name rewrite the line it is in.
"""

import re

HIDDEN = "(not shown: it may be a secret)"
_RUN = re.compile(r"[A-Za-z0-9_+/=-]{20,}")
_KNOWN = re.compile(r"(?:gh[a-z]_|github_pat_|glpat-)\w")
_LEFT_OUT = " (...) "
_NAMES = re.compile(r"(?i)token|secret|passw|credential|api_?key|authorization")


def bounded(text: str, most: int) -> str:
    """The text; of one with more than `most` characters the beginning and the end.

    A sentence says at its end what to do, a path which file it is.
    """
    half = most // 2 - len(_LEFT_OUT)
    return text if len(text) <= most else f"{text[:half]}{_LEFT_OUT}{text[-half:]}"


def may_be_secret(text: str) -> bool:
    """Whether a text holds what looks like a token: long, of letters and digits, no word."""
    return _KNOWN.search(text) is not None or any(
        _is_random(run.group()) for run in _RUN.finditer(text)
    )


def names_secret(key: str) -> bool:
    """Whether a key's name says that its value is a secret."""
    return _NAMES.search(key) is not None


def without_secrets(text: str) -> str:
    """The text with each word that may be a secret replaced."""
    return re.sub(
        r"[^\s'\",;:()]+",
        lambda word: HIDDEN if may_be_secret(word.group()) else word.group(),
        text,
    )


def _is_random(run: str) -> bool:
    if not any(char.isdigit() for char in run) or not any(char.isalpha() for char in run):
        return False
    if any(char.isupper() for char in run) and any(char.islower() for char in run):
        return not re.search(r"[/_-][a-z]{4,}[/_-]", run)
    longest = max(len(part) for part in re.split(r"[/_+=-]", run))
    return longest >= 24


_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # controls, which move the cursor or begin a line
    "\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # unseen; direction
    "\ufff9-\ufffb\U000e0000-\U000e0fff"  # interlinear marks; tags, which hide whole sentences
    "\ud800-\udfff]"
)
"""Controls, marks of direction, tags, and what has no width.

After the Unicode Standard, "Cf" (format) characters of Annexes 9 and 31; joiners between letters
are among them, since a name that needs them stays readable as an escape.
"""


def on_one_line(text: str) -> str:
    """The text with each character that moves the cursor or hides as Python writes it.

    That is `\\x1b`, `\\u202e`, `\\U000e0041`.
    """
    return _UNSAFE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
