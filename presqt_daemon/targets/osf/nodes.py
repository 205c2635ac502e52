"""Nodes of OSF, and which container an id means: found, created, found again by a ticket's mark."""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from presqt_daemon.errors import UserFault
from presqt_daemon.targets.base import Account, Container, ContainerRequest
from presqt_daemon.targets.left_out import MARK, described_or_bare
from presqt_daemon.targets.osf import PART_OF_ID
from presqt_daemon.targets.osf.entries import (
    Folder,
    data_of,
    fields_from,
    folder_from_entry,
    related,
    with_query,
)
from presqt_daemon.targets.osf.lists import Entry, read_steadily
from presqt_daemon.targets.web.addresses import page_from
from presqt_daemon.targets.web.fields import object_in, texts_in
from presqt_daemon.targets.web.target import WebTarget

STORAGE = "osfstorage"
_ID = re.compile(PART_OF_ID)


class Nodes(WebTarget):
    """What one account may see of nodes, and what it makes."""

    _url: str
    _is_public: bool

    def account(self) -> Account:
        user = self.get(f"{self._url}/users/me/", "the question whose token it is")
        name = object_in(user, "attributes").get("full_name")
        return Account(id=str(user.get("id", "")), name=str(name or user.get("id", "")))

    def titles(self) -> Collection[str]:
        """The titles of all projects; components of a project are none."""
        return [
            str(object_in(node, "attributes").get("title"))
            for node in self._list()
            if not related(node, "parent")
        ]

    def _new_container(self, node: Mapping[str, Any]) -> Container:
        """A node of ours as a container. Raises UserFault while it has no storage yet."""
        return self._storage(node, STORAGE, id_=str(node.get("id")), is_new=True)

    def discard(self, container: Container) -> bool:
        url, doing = f"{self._url}/nodes/{container.id}/", "the removal of the project"
        return container.is_new and self._http.delete(url, doing, may_refuse=True)

    def _list(self, **filters: str) -> Sequence[Entry]:
        url = with_query(f"{self._url}/users/me/nodes/", **filters)
        return read_steadily(self._http, url, "the list of projects", sort="title")

    def _marked(self, ticket: str) -> list[Entry]:
        """The nodes that carry the mark: the one that an earlier go has created, or others' too."""
        mark = MARK + ticket
        listed = self._list(**{"filter[tags]": mark})
        return [node for node in listed if mark in texts_in(object_in(node, "attributes"), "tags")]

    def _why_not_made(self, node: Entry) -> str | None:
        """Why a node with the mark is none that we have made, None where nothing speaks against it.

        Anybody may make a node of any tags and add this account to it. Ours has the visibility that
        we ask for, is no copy of another, and has one contributor, who made it.
        """
        attributes = object_in(node, "attributes")
        is_public = attributes.get("public")
        if is_public not in {None, self._is_public}:
            return "it is public" if is_public else "it is private"
        if attributes.get("fork") or attributes.get("registration"):
            return "it is a copy of another"
        address = related(node, "contributors")
        if address:
            two = with_query(address, **{"page[size]": "2"})
            people = self._http.ask("GET", two, doing="the contributors").tree().get("data")
            if not isinstance(people, list) or len(people) != 1:
                return "others contribute to it"
        return None

    def _create(self, request: ContainerRequest) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        """The new node; where its description is refused, one without, and the reason."""
        return described_or_bare(partial(self._post, request), fields_from(request.fields), {})

    def _post(self, request: ContainerRequest, described: Mapping[str, Any]) -> Mapping[str, Any]:
        attributes = {
            **described,
            "title": request.title,
            "category": "project",
            "public": self._is_public,
            "tags": [*described.get("tags", ()), MARK + request.ticket],
        }
        answer = self._http.ask(
            "POST",
            f"{self._url}/nodes/",
            doing=f"the new project {request.title!r}",
            tree={"data": {"type": "nodes", "attributes": attributes}},
            headers={"Content-Type": "application/vnd.api+json"},
            expect=(201,),
        )
        return data_of(answer.tree(), self._http.target)

    def _existing(self, resource_id: str) -> Container:
        """The container of an id. Raises UserFault in PresQT's words."""
        node_id, has_storage, storage = resource_id.partition(":")
        if not _ID.fullmatch(node_id) or (has_storage and not _ID.fullmatch(storage)):
            raise _not_found(resource_id)
        try:
            node = self._found(f"{self._url}/nodes/{node_id}/", resource_id)
            if node is not None:
                return self._storage(node, storage or STORAGE, id_=resource_id, is_new=False)
            entry = self._found(f"{self._url}/files/{node_id}/", resource_id)
        except UserFault as error:
            if error.code != "forbidden":
                raise
            raise UserFault(
                "forbidden", "User does not have access to this resource with the token provided."
            ) from error
        if entry is None or has_storage:
            raise _not_found(resource_id)
        return self._existing_folder(entry, resource_id)

    def _existing_folder(self, entry: Mapping[str, Any], resource_id: str) -> Container:
        attributes = object_in(entry, "attributes")
        if attributes.get("kind") != "folder":
            raise UserFault(
                "bad-request", f"The Resource provided, {resource_id}, is not a container"
            )
        address = related(entry, "node") or related(entry, "target")
        node = self.get(address, "the project of the folder") if address else {}
        folder = folder_from_entry(entry, self._http.target)
        title = str(attributes.get("name"))
        root = str(attributes.get("materialized_path") or "/")
        return _container(folder, node, id_=resource_id, title=title, is_new=False, root=root)

    def _storage(self, node: Mapping[str, Any], name: str, *, id_: str, is_new: bool) -> Container:
        url = related(node, "files") or f"{self._url}/nodes/{node.get('id')}/files/"
        for storage in read_steadily(self._http, url, "the storages of the project", sort="name"):
            attributes = object_in(storage, "attributes")
            if name in (attributes.get("provider"), attributes.get("name")):
                title = str(object_in(node, "attributes").get("title"))
                folder = folder_from_entry(storage, self._http.target)
                return _container(folder, node, id_=id_, title=title, is_new=is_new)
        raise UserFault("resource-not-found", f"Project has no storage provider '{name}'")

    def _found(self, url: str, resource_id: str) -> Mapping[str, Any] | None:
        """The entry at an address, None when there is none."""
        answer = self._http.find(url, f"the search for {resource_id}")
        return None if answer is None else data_of(answer.tree(), self._http.target)

    def get(self, url: str, doing: str) -> Mapping[str, Any]:
        return data_of(self._http.ask("GET", url, doing=doing).tree(), self._http.target)


def _container(
    folder: Folder,
    node: Mapping[str, Any],
    *,
    id_: str,
    title: str,
    is_new: bool,
    root: str = "/",
) -> Container:
    """`root` is the folder's own path in its storage; with a slash at its end, as OSF writes it."""
    return Container(
        id=id_,
        title=title,
        link=page_from(object_in(node, "links").get("html")),
        is_new=is_new,
        # a project, its storage and a folder in it hold the same files
        identity=str(node.get("id") or ""),
        state={
            "upload": folder.upload,
            "new_folder": folder.new_folder,
            "listing": folder.listing,
            "root": root if root.endswith("/") else f"{root}/",
        },
    )


def _not_found(resource_id: str) -> UserFault:
    return UserFault(
        "resource-not-found", f"Resource with id '{resource_id}' not found for this user."
    )
