"""A damaged record is kept beside the one made anew, which carries over what it still says."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from presqt_daemon.system.logs import ticket_log
from presqt_daemon.tickets.salvage import readable_head
from presqt_daemon.tickets.store import TicketFolder

SUFFIX = ".damaged"


def keep_aside(path: Path) -> None:
    """Give a record a second name, under which it stays. The first that was kept stays first."""
    with contextlib.suppress(FileExistsError):
        os.link(path, path.with_name(f"{path.name}{SUFFIX}"))


def old_head(folder: TicketFolder) -> Mapping[str, Any]:
    """What a ticket's damaged record still says, but for its files. Raises OSError."""
    ticket_log(folder.ticket).warning("its record is damaged; it is kept and made anew")
    head = readable_head(folder.receipt)
    return head if head.get("ticket_number") == folder.ticket else {}


def carried_over(tree: dict[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """A record made anew, with what a damaged one said of what nobody else knows any more."""
    kept = {key: value for key, value in known(old).items() if key in tree}
    merged = {**tree, **kept}
    for key in ("schema_version", "prepared_in"):
        merged[key] = tree[key]
    merged["content_fingerprint"] = tree["content_fingerprint"] or old.get("content_fingerprint")
    if "source" in kept:
        merged["source"] = {**tree["source"], **known(kept["source"])}
    if "events" in kept:
        merged["events"] = [*kept["events"], tree["events"][-1]]
    return merged


def known(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is not null."""
    return {key: value for key, value in values.items() if value is not None}
