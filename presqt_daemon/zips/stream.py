"""Digests of a member straight from its zip, nothing written: what the sender really sent."""

from collections.abc import Callable, Collection

from presqt_daemon.digest import new_hash
from presqt_daemon.zips.entries import Archive, Member
from presqt_daemon.zips.faults import damaged, wrong_crc
from presqt_daemon.zips.inflate import DamagedError, crc32, unpacked


def stream_digests(
    archive: Archive, member: Member, algorithms: Collection[str], alive: Callable[[], None]
) -> dict[str, str]:
    """Digests of a member's bytes; `alive` is called for each block of them.

    Raises UserFault `incomplete-zip` for a damaged member.
    """
    states = [(name, new_hash(name, member.size)) for name in algorithms]
    crc = 0
    try:
        for block in unpacked(archive.fd, member):
            alive()
            crc = crc32(block, crc)
            for _, state in states:
                state.update(block)
    except DamagedError as error:
        raise damaged(member.name, str(error)) from error
    if crc != member.crc:
        raise wrong_crc(member.name, member.crc, crc)
    return {name: state.hexdigest() for name, state in states}
