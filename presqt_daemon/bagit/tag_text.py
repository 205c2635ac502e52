"""The text of tag files: read within limits, decoded piece by piece, no line without a bound.

RFC 8493 section 2.3 (text tag files).
"""

import codecs
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from presqt_daemon.bagit.findings import Findings
from presqt_daemon.bagit.tree import EntryKind, Tree
from presqt_daemon.units import text_from_bytes

MAX_MANIFESTS = 16
"""Of one kind, payload or tag manifests; more than there are algorithms in use."""

MAX_FILES = 100_000
ANY_NUMBER_OF_FILES = 10_000_000
"""For bags that are not a stranger's."""

_MANIFEST_BYTES = 640
_TOTAL_BYTES = 800
_LINES = 5
_HELD_BYTES = 500
_ENTRY_BYTES = 150
_FEWEST_FILES = 20_000
"""Small limits of files still leave room for what people write into tag files."""

MAX_TAG_FILE_BYTES = 8 << 20
MAX_LINE = 1 << 20
"""Characters in one line of a tag file that is for people, such as bag-info.txt."""

MAX_LIST_LINE = 16 << 10
"""Characters in one line of a tag file that lists files."""

MAX_LINES = 100_000
"""Of one tag file that lists no files."""

_PIECE = 1 << 18
"""Characters, or bytes, that are decoded and judged at once; a piece ends with a line."""

_LINE_END = re.compile(r"\r\n|\r|\n")
_LINE_END_BYTES = re.compile(rb"\r\n|\r|\n")
_WIDE = {"utf-16": "utf-16-be", "utf-32": "utf-32-be"}
_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_BYTEWISE = re.compile(r"ascii|utf-8|iso8859-\d+|cp125\d")
"""Codecs in which a line can be found without decoding; others are decoded as a whole."""


def held_bytes(checksum: str, path: str) -> int:
    """What one line takes in memory."""
    return sys.getsizeof(checksum) + sys.getsizeof(path) + _ENTRY_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class TagText:
    """A tag file that can be decoded; `content` is text where only the whole could be decoded."""

    content: bytes | str
    codec: str

    def pieces(self) -> Iterator[str]:
        """The text with LF line ends, a few hundred thousand characters of whole lines at once."""
        for start, end in self.spans():
            part = self.content[start:end]
            text = part if isinstance(part, str) else part.decode(self.codec)
            if start == 0:
                text = text.removeprefix("\ufeff")
            if "\r" in text:
                text = text.replace("\r\n", "\n").replace("\r", "\n")
            yield text

    def spans(self) -> Iterator[tuple[int, int]]:
        """Where the pieces begin and end."""
        start = 0
        while start < len(self.content):
            end = _piece_end(self.content, start)
            yield start, end
            start = end


class TagFiles:
    """Reads the tag files of one bag, as long as they are no burden; notes what cannot be read.

    `codec` is that of all but bagit.txt, which says it. `pending_bytes` (memory) is for the lines
    of one manifest that do not name a file as it is, `absent_bytes` for the names in all manifests
    that no file of the bag has; the caller takes off what is used.
    """

    def __init__(self, tree: Tree, findings: Findings, max_files: int = MAX_FILES) -> None:
        files = max(max_files, _FEWEST_FILES)
        self.tree, self.findings, self.codec = tree, findings, "utf-8"
        self.absent_bytes = self.pending_bytes = _HELD_BYTES * files
        self._manifest_bytes = _MANIFEST_BYTES * files
        self._bytes_left = _TOTAL_BYTES * files
        self._lines_left = _LINES * files

    def text(self, name: str) -> str | None:
        """A tag file for people, with LF line ends; None where it is no regular file or unusable.

        Nothing counts as text that holds what is no character of the codec, or too long a line.
        """
        found = self._read(name, MAX_TAG_FILE_BYTES, MAX_LINE, MAX_LINES)
        return None if found is None else "".join(found.pieces())

    def listing(self, name: str) -> TagText | None:
        """A tag file that lists files; else as `text`."""
        return self._read(name, self._manifest_bytes, MAX_LIST_LINE, max(self._lines_left, 0))

    def content(self, name: str, limit: int) -> bytes | None:
        """The file's bytes, None and a finding where there are more than `limit`."""
        size = self.tree.files[name].size
        content = b"" if size > limit else self.tree.read(name, limit + 1)
        if size > limit or len(content) > limit:
            self.findings.add(
                "tag-file-too-large",
                name,
                f"is larger than {text_from_bytes(limit)}, which is the limit for this tag file",
                found=str(max(size, len(content))),
            )
            return None
        return content

    def decode(self, content: bytes, codec: str, name: str) -> str | None:
        """All of the text, None and a finding where it is not of this codec."""
        if codec in _WIDE and not content.startswith(_BOMS):
            codec = _WIDE[codec]  # RFC 2781 section 4.3: big-endian where no mark says otherwise
        try:
            text = content.decode(codec)
            if codec != "utf-8":
                text.encode("utf-8")
        except UnicodeError as error:
            start = error.start if isinstance(error, UnicodeDecodeError) else None
            self._note_undecodable(name, codec, start, content)
            return None
        return text

    def _read(self, name: str, max_bytes: int, max_line: int, max_lines: int) -> TagText | None:
        if self.tree.files[name].kind is not EntryKind.FILE:
            return None
        is_bytewise = _BYTEWISE.fullmatch(self.codec) is not None
        limit = max_bytes if is_bytewise else min(max_bytes, MAX_TAG_FILE_BYTES)
        size = self.tree.files[name].size
        if size <= limit:
            self._bytes_left -= size
            if self._bytes_left < 0:
                what = "is not read: the bag's tag files are too large in all"
                self.findings.add("tag-files-too-large", name, what)
                return None
        content = self.content(name, limit)
        if content is None:
            return None
        text = content if is_bytewise else self.decode(content, self.codec, name)
        if text is None:
            return None
        if (start := _long_line(text, max_line)) is not None:
            self.findings.add(
                "tag-file-line-too-long",
                name,
                f"has a line of more than {max_line} characters, which begins at {start}",
                found=str(start),
            )
            return None
        found = TagText(content=text, codec=self.codec)
        lines = self._count_lines(found, name)
        if lines is None:
            return None
        if lines <= max_lines:
            self._lines_left -= lines
        if lines > max_lines or self._lines_left < 0:
            self.findings.add(
                "tag-file-too-many-lines",
                name,
                f"has {lines} lines, more than the {max_lines} that are read of it",
                found=str(lines),
            )
            return None
        if _begins_with_mark(text):
            what = "begins with a byte-order mark"
            self.findings.add("tag-file-bom", name, what, hint="Save it as UTF-8 without")
        return found

    def _count_lines(self, found: TagText, name: str) -> int | None:
        """The number of line ends; None and a finding where a piece cannot be decoded."""
        lines = read = 0
        spans = found.spans()
        try:
            for piece in found.pieces():
                lines += piece.count("\n")
                read = next(spans)[1]
        except UnicodeDecodeError as error:
            self._note_undecodable(name, found.codec, read + error.start, found.content)
            return None
        return lines

    def _note_undecodable(
        self, name: str, codec: str, start: int | None, content: bytes | str
    ) -> None:
        where = "" if start is None else f" (byte {start})"
        self.findings.add(
            "tag-file-undecodable",
            name,
            f"is not {codec.upper()} text{where}",
            hint="It is UTF-16, as PowerShell 5.1 writes with `>`: use Out-File -Encoding ascii "
            "there, or another tool where names are not ASCII"
            if isinstance(content, bytes) and content.startswith(_BOMS[:2])
            else "Save it in the encoding that bagit.txt names, best UTF-8",
        )


def _long_line(content: bytes | str, limit: int) -> int | None:
    """Where the first line of more than `limit` begins; looks at no byte more than a few times."""
    start = 0
    while start + limit < len(content):
        if isinstance(content, bytes):
            ends = (content.rfind(end, start, start + limit + 1) for end in (b"\n", b"\r"))
        else:
            ends = (content.rfind(end, start, start + limit + 1) for end in ("\n", "\r"))
        last = max(ends)
        if last < 0:
            return start
        start = last + 1
    return None


def _piece_end(content: bytes | str, start: int) -> int:
    """The end of a piece: behind the first line end after so many characters."""
    found = (
        _LINE_END_BYTES.search(content, start + _PIECE)
        if isinstance(content, bytes)
        else _LINE_END.search(content, start + _PIECE)
    )
    return len(content) if found is None else found.end()


def _begins_with_mark(content: bytes | str) -> bool:
    if isinstance(content, str):
        return content.startswith("\ufeff")
    return content.startswith(codecs.BOM_UTF8)
