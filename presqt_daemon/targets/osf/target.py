"""The Open Science Framework: a new deposit is a project (a node), its files lie in `osfstorage`.

WaterButler takes md5 and sha256 of every file while it stores it and tells them in its answer. A
new node carries the tag `presqt-ticket:<number>`, by which it is found again when the answer to its
creation was lost. The number is the ticket's secret, so only this account can have put it there;
the node must also be as we would have made it, have no other contributor, and be empty, which holds
for tickets of earlier versions too, whose number is public. Resource ids: `<node>`,
`<node>:<storage>`, or the id of a folder.
"""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import UserFault
from presqt_daemon.targets.base import Container, ContainerRequest, Item, Sending, Traits
from presqt_daemon.targets.left_out import first_of_ours
from presqt_daemon.targets.names import NameRules
from presqt_daemon.targets.osf import TITLE_LENGTH
from presqt_daemon.targets.osf.entries import (
    HASHES,
    data_of,
    has_older_version,
    item_from_entry,
    path_of,
    with_query,
    words_of,
)
from presqt_daemon.targets.osf.lists import NOT_READY_SECONDS, ROOT, Folders
from presqt_daemon.targets.osf.nodes import Nodes
from presqt_daemon.targets.web.given import GivenAddresses
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.web.pages import FolderBound

URL = "https://api.osf.io/v2"

STORE_SECONDS = 300.0
"""After the last byte of a large file WaterButler hands it on before it answers."""

TRAITS = Traits(
    algorithms=HASHES,
    needs_folders=True,
    keeps_empty_folders=True,
    parts_files_and_folders=True,
    max_title_length=TITLE_LENGTH,
    parallel_puts=16,
    max_file_bytes=5 * 10**9,
    # WaterButler reads names through tornado's `get_query_argument`
    names=NameRules(strips=True, blanks_controls=True),
)


def traits(config: TargetConfig) -> Traits:  # noqa: ARG001  (the same for every account)
    """What OSF can do."""
    return TRAITS


def connect(config: TargetConfig, token: str | None) -> "OsfTarget":
    """A connection with one personal access token; asks nothing yet."""
    return OsfTarget(config, token or "")


class OsfTarget(Nodes):
    """One account at OSF."""

    def __init__(self, config: TargetConfig, token: str) -> None:
        self._url = (config.url or URL).rstrip("/")
        http = Http(
            config.name,
            own_urls=(self._url,),
            credentials={"Authorization": f"Bearer {token}"},
            headers={"Accept": "application/vnd.api+json"},
            said=words_of,
        )
        super().__init__(http, TRAITS)
        self._given = GivenAddresses(http.target, NOT_READY_SECONDS)
        self._under_way: set[str] = set()
        self._one_ended = threading.Condition()
        self._is_public = config.visibility == "public"
        self._folders = Folders(http)

    def container(self, request: ContainerRequest) -> Container:
        if request.resource_id is not None:
            return self._existing(request.resource_id)
        ours, others = first_of_ours(
            self._marked(request.ticket),
            self._why_not_ours,
            lambda node: f"The project {node.get('id')}",
        )
        if ours is not None:
            return self._opened(ours)
        node, reason = self._create(request)
        found = self._opened(node)
        return replace(found, state={**found.state, **others, **reason})

    def _why_not_ours(self, node: Mapping[str, Any]) -> str | None:
        """Why a node with the mark is none that we have made, None where nothing says so."""
        why = self._why_not_made(node)
        if why is None and self.listing(self._opened(node)):
            return "there is something in it"
        return why

    def _opened(self, node: Mapping[str, Any]) -> Container:
        with self._given.asking("the storage"):
            return self._new_container(node)

    def listing(self, container: Container) -> Mapping[PurePosixPath, Item]:
        self._trust_files_host(container)
        found: dict[PurePosixPath, Item] = {}
        waiting = [(ROOT, self._folders.find(container, ROOT))]
        bound = FolderBound(target=self._http.target, doing="the list of files")
        with self._given.asking("the list of files"):
            while waiting:
                path, folder = waiting.pop()
                for name, entry in self._folders.entries(folder):
                    item = item_from_entry(entry, path / name)
                    if item.is_folder:
                        bound.enter(item.path)
                        below = self._folders.keep(container, item.path, entry)
                        waiting.append((item.path, below))
                        # a file and a folder may share a name; a put meets the file
                        found.setdefault(item.path, item)
                    else:
                        found[item.path] = item
        return found

    def stat(self, container: Container, path: PurePosixPath) -> Item | None:
        self._trust_files_host(container)
        with self._given.asking(f"what is at {path}"):
            entry = self._folders.stat(container, path)
        return None if entry is None else item_from_entry(entry, path)

    def make_folder(self, container: Container, path: PurePosixPath) -> None:
        self._trust_files_host(container)
        with self._given.asking(f"the new folder {path}"):
            parent = self._folders.find(container, path.parent)
            answer = self._http.ask(
                "PUT",
                with_query(parent.new_folder, kind="folder", name=path.name),
                doing=f"the new folder {path}",
                expect=(201, 409),
            )
        if answer.status == 409:
            # WaterButler tells nothing of the folder that is there
            self._folders.find(container, path)
        else:
            entry = data_of(answer.tree(), self._http.target)
            self._folders.keep(container, self._path_of(container, entry, path.parent), entry)

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        """Store a file; what the answer calls a replacement is told as one.

        That a name is free is looked up by WaterButler before it reads a body and is not looked up
        again: of two puts of one name at once it makes one file with two versions. So this
        connection has one of them under way at most.
        """
        self._trust_files_host(container)
        doing = f"the upload of {file.path}"
        with self._alone(f"{container.identity}/{file.path}"), self._given.asking(doing):
            try:
                answer = self._http.send(
                    self._place(container, file.path, replaces),
                    file,
                    doing,
                    expect=(200, 201, 400, 409),
                    read_seconds=STORE_SECONDS,
                )
            except UserFault as error:
                if error.code == "resource-not-found":
                    # a folder that is not found where it was gets looked up anew by the next go
                    self._folders.forget(container, file.path.parent)
                raise
        if answer.status == 409:
            raise FileExistsError(str(file.path))
        if answer.status == 400:
            if not answer.content:
                # its web server answers so before WaterButler sees the request
                raise UserFault(
                    "too-large",
                    f"{self._http.target} takes no file of {file.size} bytes: {file.path} "
                    "(400 without a word to the length of the upload).",
                )
            raise self._http.fault(answer, "PUT", doing)
        entry = data_of(answer.tree(), self._http.target)
        return replace(
            item_from_entry(entry, self._path_of(container, entry, file.path.parent)),
            has_replaced=replaces is None and answer.status == 200 and has_older_version(entry),
        )

    def _content(self, container: Container, item: Item) -> bytes | None:
        if "upload" not in item.state:
            return None
        self._trust_files_host(container)
        # where a file is put is where it is read
        url, doing = item.state["upload"], f"the content of {item.path}"
        return self._http.ask("GET", url, doing=doing, headers={"Accept": "*/*"}).content

    def _place(self, container: Container, path: PurePosixPath, replaces: Item | None) -> str:
        """The address for a file: its own where it gets a new version, else its folder's."""
        if replaces is not None and "upload" in replaces.state:
            return with_query(replaces.state["upload"], kind="file")
        parent = self._folders.find(container, path.parent)
        return with_query(parent.upload, kind="file", name=path.name)

    def _path_of(
        self, container: Container, entry: Mapping[str, object], parent: PurePosixPath
    ) -> PurePosixPath:
        return path_of(entry, container.state.get("root", "/"), parent)

    def _trust_files_host(self, container: Container) -> None:
        """The API names the host of the files, which differs from region to region."""
        self._http.trust(container.state["upload"])

    @contextlib.contextmanager
    def _alone(self, place: str) -> Iterator[None]:
        """Wait until no other put of this name is under way, and be the one that is."""
        with self._one_ended:
            self._one_ended.wait_for(lambda: place not in self._under_way)
            self._under_way.add(place)
        try:
            yield
        finally:
            with self._one_ended:
                self._under_way.discard(place)
                self._one_ended.notify_all()
