"""A fake OSF of many accounts: what one held at every moment, and others that begin with that."""

import bisect
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.fakes.osf import Node, OsfFake
from tests.fakes.server import Reply, Request, Seen
from tests.replay.disk_model import Disk

RECORD = "PRESQT_FTS_METADATA.json"
"""What is stored beside the payload."""

THEIRS = "Theirs"


def tokens(accounts: Iterable[str]) -> dict[str, str]:
    """What the daemon's environment tells; an account's token is its name turned round.

    The name itself stands in addresses, as no token may.
    """
    return {f"TOKEN_{account}": account[::-1] for account in accounts}


class OsfOfAccounts(OsfFake):
    """Every node's id begins with the name of the account that has made it.

    `history` holds the moments (seconds of the wall clock) after which all that is there, and how
    often each file has come, was something else; as JSON that `restore` takes.
    """

    def __init__(self) -> None:
        super().__init__(page=100)
        self.taken: Counter[tuple[str, str]] = Counter()
        self.history: list[tuple[float, bytes]] = [(0.0, b"[]")]
        self._account = ""

    def answer(self, request: Request) -> Reply:
        with self.lock:
            self._account = _account_of(request)
            reply = super().answer(request)
            if request.method != "GET" and reply.status < 300:
                entry = reply.tree["data"]
                if entry["attributes"].get("kind") == "file":
                    self.taken[request.path.split("/")[3], _path_in(entry)] += 1
                self.history.append((time.time(), json.dumps(self._held()).encode()))
            return reply

    def _is_known(self, seen: Seen) -> bool:
        return bool(_account_of(seen))

    def new_node_id(self) -> str:
        return f"{self._account}{super().new_node_id()}"

    def listed_nodes(self) -> Iterable[Node]:
        return self.nodes_of(self._account)

    def nodes_of(self, account: str) -> list[Node]:
        """The projects of an account."""
        return [node for node in self.nodes.values() if node.id.startswith(account)]

    def add_theirs(self, account: str) -> None:
        """Somebody's project, the first that is there, with a file of theirs."""
        self._account = account
        node = self.new_node(THEIRS)
        self.new_entity(node.id, "file", "keep.txt", "", b"keep")
        self.history[0] = (0.0, json.dumps(self._held()).encode())

    def _held(self) -> list[dict[str, Any]]:
        return [
            {
                "id": node.id,
                "title": node.title,
                "attributes": node.attributes,
                "entries": {
                    path: None if content is None else (content.kept or b"").decode()
                    for path, content in self.tree(node.id).items()
                },
                "taken": {path: n for (id_, path), n in self.taken.items() if id_ == node.id},
            }
            for node in self.nodes.values()
        ]

    def clear(self) -> None:
        """Hold nothing; the history stays."""
        with self.lock:
            for held in (self.nodes, self.entities, self.taken):
                held.clear()

    def restore(self, held: bytes) -> None:
        """Have these projects beside those that are there."""
        with self.lock:
            for tree in json.loads(held):
                self.nodes[tree["id"]] = Node(tree["id"], tree["title"], tree["attributes"])
                self.taken.update({(tree["id"], path): n for path, n in tree["taken"].items()})
                folders = {"": ""}
                # a folder stands before what is in it
                for path, text in tree["entries"].items():
                    above, _, name = path.rpartition("/")
                    kind, content = ("folder", None) if text is None else ("file", text.encode())
                    made = self.new_entity(tree["id"], kind, name, folders[above], content)
                    folders[path] = made.id

    def stored(self, account: str) -> dict[str, bytes]:
        """Title and path of every file of an account, with its content."""
        return {
            f"{node.title}/{path}": content.kept or b""
            for node in self.nodes_of(account)
            for path, content in self.tree(node.id).items()
            if content is not None and path != RECORD
        }

    def faults_of(self, account: str) -> Iterator[str]:
        """What was made or sent twice."""
        nodes = self.nodes_of(account)
        if len(nodes) != 1:
            yield f"projects {[(node.id, node.title, list(self.tree(node.id))) for node in nodes]}"
        for node in nodes:
            taken = {path: n for (id_, path), n in self.taken.items() if id_ == node.id}
            if node.title == THEIRS and taken.get(RECORD) == 2:
                # files that a power loss made duplicates are told as such, in the same entry
                taken[RECORD] = 1
            if often := {path: n for path, n in taken.items() if n != 1}:
                yield f"sent more than once: {often}"


class Meanwhile:
    """Which entries of a site's history a crash after so many changes may have met.

    All that the site became between the last change and the next one. The order of a change and an
    answer is known where one waited for the other, and then the moments tell it: those of calls are
    of their beginnings.
    """

    def __init__(self, disk: Disk, history: list[tuple[float, bytes]]) -> None:
        self._since = [moment for moment, _ in history]
        self._moments: list[float] = []
        """When the change of each number began, or one before it that ended later."""
        latest = 0.0
        for count, moment in disk.ended:
            latest = max(latest, moment)
            self._moments += [latest] * (count - len(self._moments))

    def around_requests(self) -> list[int]:
        """The counts of changes between which the site became something else, and their next."""
        every = range(len(self._moments) + 1)
        met = {count for count in every if len(self(count)) > 1}
        return [count for count in every if met & {count - 1, count, count + 1}]

    def __call__(self, count: int) -> range:
        first = bisect.bisect_right(self._since, self._moments[count - 1]) - 1 if count else 0
        if count == len(self._moments):
            return range(first, len(self._since))
        return range(first, bisect.bisect_right(self._since, self._moments[count]))


def _account_of(seen: Seen) -> str:
    return (seen.headers["Authorization"] or "").removeprefix("Bearer ")[::-1]


def _path_in(entry: Mapping[str, Any]) -> str:
    return str(entry["attributes"]["materialized"]).strip("/")
