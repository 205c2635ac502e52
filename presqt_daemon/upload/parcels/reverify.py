"""The staged payload read again, where a reboot leaves doubt about what the disk kept."""

from collections.abc import Callable, Iterable

from presqt_daemon.digest import strongest_common
from presqt_daemon.errors import PayloadSpoilt
from presqt_daemon.upload.parcels.body import local_digests
from presqt_daemon.upload.parcels.decide import Parcel


def recheck_payload(
    parcels: Iterable[Parcel], preferred: str | None, beat: Callable[[], None]
) -> None:
    """Read every file; PayloadSpoilt for the first that has not the digest taken at staging."""
    for parcel in parcels:
        algorithm = preferred
        if algorithm is None or algorithm not in parcel.digests:
            algorithm = strongest_common(parcel.digests, parcel.digests)
        now = local_digests(
            parcel.source,
            name=parcel.name,
            size=parcel.size,
            algorithms=() if algorithm is None else (algorithm,),
            on_bytes=lambda _count: beat(),
        )
        if algorithm is not None and now[algorithm] != parcel.digests[algorithm].lower():
            raise PayloadSpoilt(f"{parcel.name} has another content on the server's disk")
