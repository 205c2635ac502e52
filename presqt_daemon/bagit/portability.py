"""Names of files and folders that are unsafe, or that another system would lose or change.

RFC 8493 sections 5.1, 6.1.1 (case, normalization) and 6.1.2 (Windows).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from presqt_daemon.bagit.findings import Findings
from presqt_daemon.bagit.manifests import PAYLOAD
from presqt_daemon.bagit.tree import EntryKind, Tree, TreeEntry
from presqt_daemon.findings import shown
from presqt_daemon.letter_forms import composed

_END = "\0"
"""Stands behind every name where names are searched as one text; no file name can hold it."""

_BATCH = 5000
"""Names that are searched as one text."""

_UNSAFE = re.compile(r"/(?:\.\.?)?[/\0]")
_WINDOWS = re.compile(
    r"""[<>:"|?*\\\x01-\x1f]                                     # characters
    | [ .][/\0]                                               # ends
    | /(?:con|prn|aux|nul|(?:com|lpt)[0-9])[./\0]             # devices
    """,
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)
_SYSTEM_FILE = re.compile(
    r"/(?i:\._[^/\0]*|\.ds_store|thumbs\.db|ehthumbs\.db|desktop\.ini|\.localized)\0", re.ASCII
)


def check_portability(tree: Tree, findings: Findings) -> None:
    """Note links, special files, unsafe names, look-alikes, system files and empty folders.

    Each kind of name is first looked for in many names as one text: most bags hold none of them.
    """
    _check_kinds(tree.files, findings)
    names = [*tree.files, *tree.folders]
    _check_bytes([name for name in names if not name.isascii()], findings)
    for name in names:
        if _END in name:
            findings.add("name-unsafe", name, "is a name that could lie outside the bag")
    for name in _matching(names, _UNSAFE):
        findings.add("name-unsafe", name, "is a name that could lie outside the bag")
    _check_look_alikes(names, findings)
    for path in _matching([*tree.files], _WINDOWS):
        findings.add("name-windows", path, "is a name that Windows cannot hold")
    for path in _matching([*tree.files], _SYSTEM_FILE):
        if path.startswith(PAYLOAD):
            findings.add(
                "system-file",
                path,
                "was made by an operating system and is part of the payload",
                hint="Remove it before bagging if it is not wanted",
            )
    _check_empty_folders(tree, findings)


def _matching(names: Sequence[str], pattern: re.Pattern[str]) -> Iterator[str]:
    """The names that a pattern finds something in; looked for in many as one text first."""
    for start in range(0, len(names), _BATCH):
        batch = names[start : start + _BATCH]
        if pattern.search(_searchable(batch)):
            yield from (name for name in batch if pattern.search(_searchable([name])))


def is_system_file(path: str) -> bool:
    """Whether an operating system, not a person, made this file."""
    return _SYSTEM_FILE.search(_searchable([path])) is not None


def _searchable(names: Iterable[str]) -> str:
    """All names as one text in which every part of a name stands between `/` and `/` or the end."""
    return "".join(f"/{name}{_END}" for name in names)


def _check_kinds(files: Mapping[str, TreeEntry], findings: Findings) -> None:
    for path, entry in files.items():
        if entry.kind is EntryKind.LINK:
            findings.add(
                "symbolic-link",
                path,
                "is a symbolic link; a bag holds regular files only",
                hint="Put the file itself in its place",
            )
        elif entry.kind is EntryKind.OTHER:
            findings.add(
                "special-file",
                path,
                "is no regular file (a pipe, socket or device)",
                hint="Remove it from the bag",
            )


def _check_bytes(odd: Iterable[str], findings: Findings) -> None:
    for name in sorted(odd):
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:
            findings.add(
                "name-not-utf-8",
                name,
                "its name is not UTF-8",
                hint="Rename it and bag the folder again",
            )


def _check_look_alikes(names: list[str], findings: Findings) -> None:
    """Two names that are one on a system that normalizes, or that knows no case."""
    if len({hash(_folded(name)) for name in names}) == len(names):
        return  # hashes, since the names once more would double what they take in memory
    normalized: dict[str, str] = {}
    folded: dict[str, str] = {}
    for name in sorted(names):
        first = normalized.setdefault(composed(name), name)
        if first != name:
            findings.add(
                "name-normalization-duplicate",
                name,
                f"looks the same as {shown(first)} (Unicode normalization); on other systems "
                "one would replace the other",
                hint="Rename one of them",
            )
            continue
        first = folded.setdefault(_folded(name), name)
        if first != name:
            findings.add(
                "name-case-duplicate",
                name,
                f"differs from {shown(first)} by case only, or by letters that case folding makes "
                "one; on Windows or macOS one could replace the other",
                hint="Rename one of them",
            )


def _check_empty_folders(tree: Tree, findings: Findings) -> None:
    used = {path.rpartition("/")[0] for path in tree.files}
    used.update(path.rpartition("/")[0] for path in tree.folders)
    for folder in sorted(tree.folders - used):
        if folder.startswith(PAYLOAD):
            findings.add(
                "empty-folder",
                folder,
                "is an empty folder; BagIt cannot carry it and a target may lose it",
                hint="Put a placeholder file such as .keep into it if it matters",
            )


def _folded(name: str) -> str:
    return name.lower() if name.isascii() else composed(name).casefold()
