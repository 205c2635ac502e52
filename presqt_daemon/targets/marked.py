"""Containers that carry a ticket's mark and are none of ours: told, and left alone."""

from collections.abc import Iterable

from presqt_daemon.targets.left_out import remarks_to

NOT_OURS = "marked-but-not-ours"
"""The warning's code."""

_TOLD = (
    "{name} carries the number of this ticket, but {why}: it was left alone, and a new resource "
    "was made. If it is nothing of yours, somebody tries to get at this deposit."
)


def others_to(others: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The entry for a new container's `state`; what each other one is called, and what it is."""
    return remarks_to((NOT_OURS, _TOLD.format(name=name, why=why)) for name, why in others)
