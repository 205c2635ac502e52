"""Lines of a manifest that are not plainly `checksum path`: what is wrong, or what they mean.

RFC 8493 section 2.1.3; a backslash before the line is what md5sum and its kin write.
"""

import functools
import re

from presqt_daemon.bagit.findings import Findings
from presqt_daemon.bagit.manifests import ManifestName
from presqt_daemon.findings import shown

MAX_DIGITS = 256
"""Of a checksum by an algorithm that is not known here."""

_LINE = re.compile(r"([^ \t]+)[ \t]+([^ \t].*)", re.DOTALL)
_HEX = re.compile(r"[0-9a-fA-F]+", re.ASCII)


def read_odd_line(
    number: int, line: str, file: ManifestName, length: int | None, findings: Findings
) -> tuple[str, str] | None:
    """The checksum, in lower case, and the path as written; None, with a finding, where none is.

    `length`: hexadecimal digits of a checksum, None for an algorithm that is not known here.
    """
    if not line.strip(" \t"):
        findings.add("blank-line", file.name, f"line {number} is blank")
        return None
    if line.startswith("#"):
        findings.add(
            "manifest-line-comment", file.name, f"line {number} is a comment; BagIt knows none"
        )
        return None
    if line.startswith("\\"):
        findings.add(
            "manifest-line-escaped",
            file.name,
            f"line {number} begins with a backslash, as md5sum writes odd names",
            hint="Write the name plainly, with %0A for a line feed",
            found=line[:200],
        )
        return None
    match = _LINE.fullmatch(line)
    if match is None:
        findings.add(
            "manifest-line-malformed",
            file.name,
            f"line {number} is not of the form `checksum path`",
            found=line[:200],
        )
        return None
    checksum, path = match.groups()
    digits = length or min(len(checksum), MAX_DIGITS)
    if not _HEX.fullmatch(checksum) or digits != len(checksum):
        named = f"{length} " if length else ""
        findings.add(
            "checksum-malformed",
            file.name,
            f"line {number}: the checksum of {shown(path)} does not have the "
            f"{named}hexadecimal digits of {shown(file.algorithm, 40)}",
            found=checksum[:200],
        )
        return None
    return checksum.lower(), path


@functools.lru_cache(maxsize=32)
def clean_line(length: int, *, is_tag: bool, excluded: str) -> re.Pattern[str]:
    """Groups: checksum and path of a line that a manifest should hold, else the whole odd line."""
    digits = f"{{{length}}}" if length else f"{{1,{MAX_DIGITS}}}"
    start = rf"(?!data/|tagmanifest-)[^\n \t*{excluded}]" if is_tag else "data/"
    return re.compile(rf"(?:([0-9a-f]{digits})[ \t]+({start}[^\n{excluded}]*)|([^\n]*))(?:\n|\Z)")
