"""Entries of `receivers` and `notify` that cannot be, and addresses that must not stand there."""

from collections.abc import Collection, Mapping
from typing import Any

from presqt_daemon.receivers import NotifyConfig, ReceiverConfig
from presqt_daemon.settings.complaints import Complaints
from presqt_daemon.settings.texts import ADDRESS, problem_of_credential

ADDRESS_KEYS = frozenset({"urls_file", "urls_credential", "ping_file", "ping_credential"})
"""Keys that name the place of an address, which is a secret."""

PARTS = frozenset({"receivers", "notify"})
WAYS = ("urls_file", "urls_credential", "command")


def pasted_address(key: str, value: Any) -> str | None:
    """What to say where an address itself was written instead of the place of one; else None."""
    if key not in ADDRESS_KEYS or value is None:
        return None
    text = str(value)
    if ADDRESS.search(text):
        means = "the path of the file" if key.endswith("_file") else "the name of the credential"
        return (
            f"is an address itself (not shown); write {means} that holds it. "
            "If others could read this file, have a new one made"
        )
    return problem_of_credential(text) if key.endswith("_credential") else None


def may_hold_address(value: object, where: tuple[str, ...]) -> bool:
    """Whether a wrong value must not be shown, since it may be an address."""
    return where[0] in PARTS and ADDRESS.search(repr(value)) is not None


def check_receiver(
    receiver: ReceiverConfig,
    entry: Mapping[str, Any],
    where: tuple[str, str],
    targets: Collection[str],
    complaints: Complaints,
) -> None:
    """How it is told, and of which targets."""
    ways = [key for key in WAYS if getattr(receiver, key)]
    if not ways:
        complaints.add(where, f"has no way to be told: give one of {', '.join(WAYS)}")
    elif len(ways) > 1:
        complaints.add(where, f"give one of {' and '.join(ways)}, not both")
    if "events" in entry and not receiver.events:
        complaints.add((*where, "events"), "is empty: nothing would ever be told")
    for target in receiver.targets:
        if target not in targets:
            known = ", ".join(targets)
            complaints.add(
                (*where, "targets"), f"{target!r} is not among the targets (there are: {known})"
            )


def check_notify(notify: NotifyConfig, complaints: Complaints) -> None:
    """The ping's one address."""
    if notify.ping_file is not None and notify.ping_credential is not None:
        complaints.add(("notify",), "give one of ping_file and ping_credential, not both")
