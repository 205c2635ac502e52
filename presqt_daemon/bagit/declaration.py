"""bagit.txt: the bag declaration.

RFC 8493 section 2.1.1.
"""

import codecs
import re

from presqt_daemon.bagit.tag_text import TagFiles
from presqt_daemon.bagit.tagfiles import lines_from_text
from presqt_daemon.bagit.tree import EntryKind
from presqt_daemon.findings import THIS, shown

MAX_DECLARATION_BYTES = 64 << 10
DECLARATION = "bagit.txt"
SUPPORTED: frozenset[str] = frozenset({"0.93", "0.94", "0.95", "0.96", "0.97", "1.0"})

_LABELS = ("BagIt-Version", "Tag-File-Character-Encoding")
_VERSION = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}", re.ASCII)
_CHARSET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+()-]{0,63}", re.ASCII)

_CHARSETS: frozenset[str] = frozenset({
    "ascii", "utf-8", "utf-7", "utf-16", "utf-16-be", "utf-16-le", "utf-32", "utf-32-be",
    "utf-32-le", "tis-620", "mac-roman", "hp-roman8", "koi8-r", "koi8-u", "kz1048", "ptcp154",
    "big5", "big5hkscs", "gb2312", "gbk", "gb18030", "hz", "euc_jp", "shift_jis", "cp932",
    "iso2022_jp", "iso2022_jp_2", "euc_kr", "iso2022_kr", "cp037", "cp424", "cp437", "cp500",
    "cp775", "cp850", "cp852", "cp855", "cp857", "cp858", "cp866", "cp869", "cp1026", "cp1140",
    *(f"cp86{number}" for number in range(6)),
    *(f"cp125{number}" for number in range(9)),
    *(f"iso8859-{number}" for number in range(1, 17) if number != 12),
})  # fmt: skip
"""Python's names of codecs that are character sets registered with IANA. Its other codecs (rot13,
hex, zlib, idna, undefined, ...) are no character sets, and some of them inflate their input."""


def version_number(version: str) -> tuple[int, int]:
    """Major and minor; 0.97, which most bags declare, where the version cannot be read."""
    if not _VERSION.fullmatch(version):
        return (0, 97)
    major, _, minor = version.partition(".")
    return (int(major), int(minor))


def read_declaration(tags: TagFiles) -> str:
    """The version that the bag declares, empty where it does not.

    Sets by it the findings' `strict`, and the codec of the other tag files: utf-8 where the
    declared one is unknown.
    """
    findings = tags.findings
    entry = tags.tree.files.get(DECLARATION)
    if entry is None:
        findings.add(
            "no-declaration",
            DECLARATION,
            f"Expected {THIS} does not exist",
            hint="The folder that holds bagit.txt, the manifests and data/ must be zipped whole",
        )
        return ""
    if entry.kind is not EntryKind.FILE:
        return ""
    content = tags.content(DECLARATION, MAX_DECLARATION_BYTES)
    if content is None:
        return ""
    if content.startswith(codecs.BOM_UTF8):
        findings.add("declaration-bom", DECLARATION, f"{THIS} must not contain a byte-order mark")
        content = content[len(codecs.BOM_UTF8) :]
    text = tags.decode(content, "utf-8", DECLARATION)
    if text is None:
        return ""
    return _version_from_lines(lines_from_text(text), tags)


def codec_from_charset(name: str) -> str | None:
    """Python's codec for a character set's name, None for what is no character set."""
    if not _CHARSET_NAME.fullmatch(name):
        return None
    try:
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return codec if codec in _CHARSETS else None


def _version_from_lines(lines: list[str], tags: TagFiles) -> str:
    labels, findings = _LABELS, tags.findings
    rows = [line.partition(":") for line in lines[:2]]
    written = [row[0].rstrip(" \t") for row in rows]
    given = [label.lower() for label in written]
    values = dict(zip(given, (row[2].strip(" \t") for row in rows), strict=True))
    version, encoding = (values.get(label.lower(), "") for label in labels)
    is_well_formed = len(lines) == 2 and bool(version) and bool(encoding)
    codec = codec_from_charset(encoding)
    tags.codec = codec or "utf-8"
    findings.strict = version_number(version) >= (1, 0)
    if not is_well_formed:
        findings.add(
            "declaration-malformed",
            DECLARATION,
            f"{THIS} must hold two lines and no more, `BagIt-Version: M.N` and "
            f"`Tag-File-Character-Encoding: UTF-8`{_what_is_odd(lines, values)}",
            found=" | ".join(lines[:4]),
        )
        return version
    if given != [label.lower() for label in labels]:
        findings.add(
            "declaration-order", DECLARATION, f"{labels[0]} belongs on the first line of {THIS}"
        )
    if sorted(written) != sorted(labels):
        findings.add(
            "declaration-label-case",
            DECLARATION,
            f"the labels of {THIS} are written {labels[0]} and {labels[1]}; other tools refuse a "
            "bag that writes them in other letter case",
            found=" | ".join(written),
        )
    if sorted(lines) != sorted(f"{label}: {values[label.lower()]}" for label in written):
        findings.add(
            "declaration-spacing",
            DECLARATION,
            "each line must have one space after its colon, none before it and none at its end",
        )
    if version and not _VERSION.fullmatch(version):
        findings.add(
            "version-malformed",
            DECLARATION,
            f"Bag version numbers must be MAJOR.MINOR numbers, not {shown(version, 40)}",
            found=version,
        )
    elif version and version not in SUPPORTED:
        findings.add(
            "version-unsupported",
            DECLARATION,
            f"BagIt {shown(version, 40)} is no version known here",
            expected=", ".join(sorted(SUPPORTED)),
            found=version,
        )
    if codec is None:
        findings.add(
            "encoding-unknown",
            DECLARATION,
            f"Unsupported encoding: {shown(encoding, 60)}",
            hint="Save the tag files as UTF-8 and say so in bagit.txt",
            found=encoding,
        )
    elif codec != "utf-8":
        findings.add(
            "encoding-not-utf-8", DECLARATION, f"its tag files are {encoding}, better use UTF-8"
        )
    return version


def _what_is_odd(lines: list[str], values: dict[str, str]) -> str:
    """A clause that says which line is wrong, where that can be told."""
    for number, line in enumerate(lines, 1):
        if not line.strip(" \t"):
            return f"; line {number} is blank: remove it"
    if len(lines) > 2:
        return f"; it holds {len(lines)} lines"
    for label in _LABELS:
        if values.get(label.lower(), label) == "":
            return f"; {label} says nothing"
    return ""
