"""The bag in a zip as a `Tree`: its names and sizes from the zip's list, its tag files unpacked."""

import io
from collections.abc import Mapping
from dataclasses import dataclass

from presqt_daemon.bagit.tree import Entry, Tree
from presqt_daemon.staging.folders import parents
from presqt_daemon.staging.root import find_root, is_part
from presqt_daemon.zips.entries import Archive, Member
from presqt_daemon.zips.faults import damaged, wrong_crc
from presqt_daemon.zips.inflate import DamagedError, crc32, unpacked

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
        files={path: Entry(size=member.size) for path, member in members.items()},
        folders=_folders(archive, root, members),
        read=lambda path, limit: _read(archive, members[path], limit),
        guessed=frozenset(
            name[start:] for name in archive.undeclared if name in files and is_part(name, root)
        ),
    )
    return BagInZip(root=root, members=members, tree=tree)


def _folders(archive: Archive, root: str, members: Mapping[str, Member]) -> frozenset[str]:
    start = len(root)
    folders: set[str] = set()
    told = (
        member.name[start:]
        for member in archive.members
        if member.is_folder and is_part(member.name, root)
    )
    for path in told:
        folders.add(path)
    above = {path.rpartition("/")[0] for path in (*folders, *members)}
    for parent in above - folders - {""}:
        folders.add(parent)
        folders.update(parents(parent))
    return frozenset(folders)


def _read(archive: Archive, member: Member, limit: int) -> bytes:
    """The first bytes of a member, at most `limit`; the checksum is looked at when they are all."""
    parts = io.BytesIO()  # gives its bytes away without a second copy of them
    crc = 0
    try:
        for block in unpacked(archive.fd, member, _READ_BYTES):
            parts.write(block)
            crc = crc32(block, crc)
            if parts.tell() >= limit:
                break
    except DamagedError as error:
        raise damaged(member.name, str(error)) from error
    count = parts.tell()
    if count == member.size and crc != member.crc:
        raise wrong_crc(member.name, member.crc, crc)
    parts.truncate(min(count, limit))
    return parts.getvalue()
