"""Names in a code page that the zip does not name: which names those are, and how they may read.

APPNOTE.TXT 4.4.4 and appendix D: without bit 11 a name is in code page 437; programs write the
code page of their system instead.
"""

CODE_PAGES: tuple[str, ...] = (
    "cp850", "cp1252", "cp932", "cp866", "gbk", "cp949", "big5", "mac_roman",
)  # fmt: skip
"""Western Europe (DOS, Windows), Japan, Cyrillic (DOS), China, Korea, Taiwan, old Macs."""

_SHOWN = {"mac_roman": "Mac Roman"}


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
