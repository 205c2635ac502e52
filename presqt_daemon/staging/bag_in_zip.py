"""The bag in a zip: its root, or the one folder that holds bagit.txt; and what it is made of.

Names and sizes come from the zip's list, tag files are unpacked when they are read.
"""

import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from presqt_daemon.bagit.tree import Tree, TreeEntry
from presqt_daemon.errors import UserFault
from presqt_daemon.findings import finding, shown
from presqt_daemon.model import Severity
from presqt_daemon.staging.folders import parents
from presqt_daemon.zips.entries import Archive, Member
from presqt_daemon.zips.faults import check_crc
from presqt_daemon.zips.inflate import crc32, unpacked

MALFORMED = "PresQT Error: Bag is not formatted properly."
DECLARATION = "bagit.txt"
_JUNK_FOLDERS = frozenset({"__MACOSX"})
_JUNK_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", "Icon\r"})
_PACKED = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
_MAX_NAMED = 10
_READ_BYTES = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class BagInZip:
    """Where a bag lies in a zip, and what it is made of.

    `root` is its folder in the zip, "" or with a slash at its end; `members` are its files by path
    relative to the root, in the order of their data.
    """

    root: str
    members: Mapping[str, Member]
    tree: Tree


def find_bag(archive: Archive) -> BagInZip:
    """The one bag of a zip. Raises UserFault `malformed-bag` where there is none, or more."""
    files = {member.name: member for member in archive.members if not member.is_folder}
    root = find_root(files, {member.name for member in archive.members if member.is_folder})
    start = len(root)
    members = {name[start:]: member for name, member in files.items() if is_part(name, root)}
    tree = Tree(
        files={path: TreeEntry(size=member.size) for path, member in members.items()},
        folders=_folders(archive, root, members),
        read=lambda path, limit: _read(archive, members[path], limit),
        guessed=frozenset(
            name[start:] for name in archive.undeclared if name in files and is_part(name, root)
        ),
    )
    return BagInZip(root=root, members=members, tree=tree)


def _folders(archive: Archive, root: str, members: Mapping[str, Member]) -> frozenset[str]:
    folders = {
        member.name[len(root) :]
        for member in archive.members
        if member.is_folder and is_part(member.name, root)
    }
    above = {path.rpartition("/")[0] for path in (*folders, *members)}
    for parent in above - folders - {""}:
        folders.add(parent)
        folders.update(parents(parent))
    return frozenset(folders)


def _read(archive: Archive, member: Member, limit: int) -> bytes:
    """The first bytes of a member, at most `limit`; the checksum is looked at when they are all."""
    parts = io.BytesIO()  # gives its bytes away without a second copy of them
    crc = 0
    for block in unpacked(archive.fd, member, _READ_BYTES):
        parts.write(block)
        crc = crc32(block, crc)
        if parts.tell() >= limit:
            break
    count = parts.tell()
    if count == member.size:
        check_crc(member.name, member.crc, crc)
    parts.truncate(min(count, limit))
    return parts.getvalue()


def find_root(files: Collection[str], folders: Collection[str]) -> str:
    """The bag's folder with a slash behind it; "" when the bag lies at the zip's root.

    A bag inside the payload of a bag is payload; one among its tag files is a second bag, of which
    nothing would be deposited. What operating systems leave beside a bag is passed over. Raises
    UserFault `malformed-bag` when there is no bag, more than one, or something beside it.
    """
    declared = {
        name[: -len(DECLARATION)]
        for name in files
        if name == DECLARATION or (name.endswith(f"/{DECLARATION}") and not is_junk(name))
    }
    roots = sorted(root for root in declared if not _is_payload(root, declared))
    if all(root.count("/") > 1 for root in roots):
        raise _no_bag(files, folders, roots)
    if len(roots) > 1:
        raise _fault(
            "more-than-one-bag",
            roots,
            f"The zip holds {len(roots)} bags ({_list(roots)}): zip and drop each by itself.",
        )
    root = roots[0]
    beside = sorted(
        name
        for name in (*files, *folders)
        if not name.startswith(root) and name != root[:-1] and not is_junk(name)
    )
    if beside:
        raise _fault(
            "beside-the-bag",
            beside,
            f"Beside the bag {_list([root])} the zip holds {_list(beside)}: "
            "zip the bag folder alone.",
        )
    return root


def is_junk(name: str) -> bool:
    """Whether an entry outside a bag is one that operating systems and archivers leave behind."""
    parts = name.split("/")
    return parts[0] in _JUNK_FOLDERS or parts[-1] in _JUNK_FILES or parts[-1].startswith("._")


def is_part(name: str, root: str) -> bool:
    """Whether an entry belongs to the bag at `root`."""
    if root:
        return name.startswith(root)
    return name.partition("/")[0] not in _JUNK_FOLDERS


def _is_payload(path: str, roots: Collection[str]) -> bool:
    """Whether a folder lies in the payload of a bag at one of these roots."""
    start = 0
    while (end := path.find("/", start)) >= 0:
        if path[start:end] == "data" and path[:start] in roots:
            return True
        start = end + 1
    return False


def _no_bag(files: Collection[str], folders: Collection[str], deep: list[str]) -> UserFault:
    if deep:
        return _fault(
            "bag-too-deep",
            deep,
            f"The bag lies too deep in the zip ({_list(deep)}): zip that folder itself.",
        )
    odd = next((name for name in sorted(files) if _is_odd_declaration(name)), None)
    if odd is not None:
        return _fault(
            "no-declaration",
            [odd],
            f"The zip holds {_list([odd])}, but a bag's declaration is called {DECLARATION}, in "
            "small letters: rename it and zip the bag again.",
        )
    inner = sorted(name for name in files if not is_junk(name))
    if inner and all(name.lower().endswith(_PACKED) for name in inner):
        zips = [name for name in inner if name.lower().endswith(".zip")]
        what = (
            f"Drop {_list([zips[0].rpartition('/')[2]])} itself"
            if len(inner) == 1 and zips
            else "Drop each zip that lies in it by itself"
            if len(zips) == len(inner)
            else f"Unpack {_list(inner)}, zip the bag folder in it and drop that"
        )
        return _fault(
            "no-bag",
            inner,
            f"No bag is in the zip, only what is packed itself: {_list(inner)}. {what}.",
        )
    likely = _likely_bag(files, folders)
    if likely is not None:
        place = f"The folder {_list([likely])} looks" if likely else "The zip's root looks"
        return _fault(
            "no-declaration",
            [likely + DECLARATION],
            f"{place} like a bag, but its {DECLARATION} is missing: "
            "make the bag again and zip its folder.",
        )
    holds = sorted({name.partition("/")[0] for name in files if not is_junk(name)})
    what = f"It holds {_list(holds)}" if holds else "It holds no files"
    return _fault(
        "no-bag",
        [],
        f"No bag is in the zip: no folder holds {DECLARATION}. {what}. "
        "Make a bag of the folder first (presqt-daemon submit does so), then zip it.",
    )


def _is_odd_declaration(name: str) -> bool:
    """Whether a file at the zip's root, or in a top folder, is bagit.txt in other letter case."""
    last = name.rpartition("/")[2]
    return name.count("/") <= 1 and last != DECLARATION and last.lower() == DECLARATION


def _likely_bag(files: Collection[str], folders: Collection[str]) -> str | None:
    """A folder with a payload folder or a manifest, but without the declaration."""
    for name in sorted((*files, *folders)):
        parts = name.split("/")
        for depth in range(min(2, len(parts))):
            part = parts[depth]
            is_last = depth == len(parts) - 1
            is_payload = part == "data" and (not is_last or name in folders)
            is_manifest = is_last and part.startswith("manifest-") and part.endswith(".txt")
            if (is_payload or is_manifest) and parts[0] not in _JUNK_FOLDERS:
                return "".join(f"{folder}/" for folder in parts[:depth])
    return None


def _fault(code: str, names: list[str], what: str) -> UserFault:
    return UserFault(
        "malformed-bag",
        f"{MALFORMED} {what}",
        findings=tuple(
            finding(code, name, what, severity=Severity.ERROR) for name in names[:50] or [""]
        ),
        findings_total=max(1, len(names)),
    )


def _list(names: list[str]) -> str:
    told = ", ".join(
        f'"{shown(name, 80)}"' if name else "the zip's root" for name in names[:_MAX_NAMED]
    )
    rest = len(names) - _MAX_NAMED
    return f"{told} and {rest} more" if rest > 0 else told
