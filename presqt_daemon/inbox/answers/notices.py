"""What scanners say in the log: each cause once, until it is gone."""

import threading
from collections import Counter
from collections.abc import Hashable

from presqt_daemon.inbox.files.places import InboxFolder
from presqt_daemon.system.logs import shared_log

MAX_CAUSES = 10_000
"""Of one kind in one folder; what is beyond is not said at all, so that it is not said again."""

Group = tuple[str, InboxFolder]


class Notices:
    """Keeps a cause that lasts from filling the log. Safe from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._raised: dict[Hashable, Group] = {}
        self._causes: Counter[Group] = Counter()

    def warn(
        self, key: InboxFolder | tuple[InboxFolder, Hashable], message: str, kind: str
    ) -> None:
        """Say it, unless it has been said under this key; a key is a place, or begins with one."""
        place = key if isinstance(key, InboxFolder) else key[0]
        group = (kind, place)
        with self._lock:
            if key in self._raised or self._causes[group] >= MAX_CAUSES:
                return
            self._raised[key] = group
            self._causes[group] += 1
        shared_log(kind, place.known_target).warning("%s", message)

    def clear(self, key: Hashable, message: str = "") -> None:
        """The cause is gone; the message, if any, is said when there was one."""
        with self._lock:
            group = self._raised.pop(key, None)
            if group is not None:
                self._causes[group] -= 1
        if group is not None and message:
            kind, place = group
            shared_log(f"{kind} again", place.known_target).info("%s", message)
