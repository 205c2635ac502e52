"""The repositories of one account or organisation: found, made, or named by a resource id.

One that carries a ticket's mark is ours when it also is of our account or organisation, has our
visibility, is no copy, and holds nothing but a README.
Resource ids: `<repository id>` or `owner/name`, with `:<path>` behind it for a folder.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from presqt_daemon.errors import TargetFault
from presqt_daemon.targets.base import Account, Container, ContainerRequest
from presqt_daemon.targets.git_host import GitContainers, description_of
from presqt_daemon.targets.github import NAME
from presqt_daemon.targets.github.git import Branch
from presqt_daemon.targets.left_out import MARK
from presqt_daemon.targets.web.fields import object_in, text_at
from presqt_daemon.targets.web.pages import all_pages

README = "README.md"

TITLE_LENGTH = 88
"""A repository's name has at most 100 characters; the rest is for `-PresQT1-`."""

_DESCRIPTION_LENGTH = 350
_STRANGE = re.compile(r"[^A-Za-z0-9._-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_NAME = re.compile(NAME)


class Repositories(GitContainers):
    """The repositories of one account or organisation."""

    LINK = "html_url"
    ADDED = (README,)
    MISSING = NO_FOLDER = "The resource with id, {id}, does not exist for this user."
    NO_CONTAINER = "The Resource provided, {id}, is not a container"

    def account(self) -> Account:
        answer = self._http.ask("GET", f"{self._api}/user", doing="the question whose token it is")
        return Account(id=text_at(answer, "id"), name=text_at(answer, "login"))

    def _why_not_ours(self, row: Mapping[str, Any], ticket: str) -> str | None:
        """Why a repository with the mark is none that we have made, None where nothing says so.

        It is listed among those of our own account, or of our organisation, where members may make
        any; ours has the visibility that we ask for, is no copy, and holds what creation adds.
        """
        is_private = self._config.visibility == "private"
        if row.get("private", is_private) is not is_private:
            return "it is public" if is_private else "it is private"
        if row.get("fork"):
            return "it is a copy of another"
        branch = self.branch(self._new(row, ticket))
        head = branch.head()
        if head is not None and not set(branch.files(head)) <= {README}:
            return "there is something in it"
        return None

    def branch(self, container: Container) -> Branch:
        """The branch that the container's files are on."""
        return Branch(self._http, self.address(container), container.state["branch"])

    def address(self, container: Container) -> str:
        """Where the API has the container's repository."""
        return f"{self._api}/repos/{container.state['repository']}"

    def _list(self) -> list[dict[str, Any]]:
        owner = self._organisation
        if owner is None:
            url, params = f"{self._api}/user/repos", {"affiliation": "owner"}
        else:
            url, params = f"{self._api}/orgs/{quote(owner, safe='')}/repos", {"type": "all"}
        params |= {"per_page": "100"}
        return list(all_pages(self._http, url, params, doing="the list of repositories"))

    def _new(self, row: Mapping[str, Any], ticket: str) -> Container:
        return super()._new(_described(row, self._http.target), ticket)

    def _shown(self, row: Mapping[str, Any]) -> str:
        return f"The repository {row.get('full_name')}"

    def _create(self, request: ContainerRequest) -> Container:
        owner = self._organisation
        place = "user" if owner is None else f"orgs/{quote(owner, safe='')}"
        is_private = self._config.visibility == "private"
        tree = {
            "name": request.title,
            "description": _description(request),
            "private": is_private,
            # without a first commit there is nothing that blobs and trees could be added to
            "auto_init": True,
        }
        doing = f"the new repository {request.title}"
        answer = self._http.ask(
            "POST", f"{self._api}/{place}/repos", tree=tree, doing=doing, expect=(201, 422)
        )
        row: Mapping[str, Any] = answer.tree()
        if answer.status == 422:
            taken = self._by_name(owner or self.account().name, request.title)
            if taken is None:
                raise self._http.fault(answer, "POST", doing)
            row = self._ours_among([taken], request)
        if is_private and row.get("private") is not True:
            raise TargetFault(
                "target-refused",
                f"{self._config.name} made the repository {request.title} public although a "
                "private one was asked for. Nothing has been sent; remove it there.",
            )
        return self._new(row, request.ticket)

    def _by_name(self, owner: str, name: str) -> dict[str, Any] | None:
        url = f"{self._api}/repos/{quote(owner, safe='')}/{quote(name, safe='')}"
        answer = self._http.find(url, f"the repository {name}")
        return None if answer is None else answer.tree()

    def _by_id(self, name: str, resource_id: str) -> Mapping[str, Any] | None:
        is_number = name.isascii() and name.isdecimal()
        if not is_number and not _NAME.fullmatch(name):
            return None
        url = f"{self._api}/{'repositories' if is_number else 'repos'}/{name}"
        answer = self._http.find(url, f"the resource {resource_id}")
        return None if answer is None else _described(answer.tree(), self._http.target)

    def _why_closed(self, row: Mapping[str, Any]) -> str | None:
        if not object_in(row, "permissions").get("push", True):
            return f"the repository {row.get('full_name')} can only be read with this token"
        return f"the repository {row.get('full_name')} is archived" if row.get("archived") else None

    def _is_folder(self, container: Container) -> bool | None:
        branch = self.branch(container)
        head = branch.head()
        listed = None if head is None else branch.files(head).get(container.state["path"])
        return None if listed is None else listed.kind == "tree"

    def _state(self, row: Mapping[str, Any], ticket: str) -> Mapping[str, str]:
        return {
            "repository": str(row.get("full_name") or f"{row['owner']['login']}/{row['name']}"),
            # servers of 2012 called it so
            "branch": str(row.get("default_branch") or row.get("master_branch") or "main"),
            "ticket": ticket,
        }


def title_from(title: str) -> str:
    """A title as GitHub would write it: what is no letter, digit, `.`, `_` or `-` becomes `-`."""
    name = _STRANGE.sub("-", title)[:TITLE_LENGTH]
    while name.lower().endswith((".git", ".wiki")):
        name = name.rpartition(".")[0]
    return name if name.strip(".-") else "untitled"


def _described(row: Mapping[str, Any], target: str) -> Mapping[str, Any]:
    """The row of a repository that names itself. Raises TargetFault `target-misbehaved`."""
    owner = row.get("owner")
    has_owner = isinstance(owner, dict) and "login" in owner
    if "id" not in row or "name" not in row or not (has_owner or row.get("full_name")):
        raise TargetFault("target-misbehaved", f"{target} does not say which repository it means.")
    return row


def _description(request: ContainerRequest) -> str:
    """The title as the bag or the sender wrote it, what the bag says of itself, and the mark."""
    mark = f" {MARK}{request.ticket}"
    text = _CONTROL.sub(" ", ". ".join(description_of(request))).strip()
    room = _DESCRIPTION_LENGTH - len(mark)
    return (text if len(text) <= room else f"{text[: room - 1]}…") + mark


def words_from(tree: Any) -> str | None:
    """GitHub's message with the details of a failed validation."""
    details = [
        str(error.get("message") or f"{error.get('field')}: {error.get('code')}")
        if isinstance(error, dict)
        else str(error)
        for error in tree.get("errors") or ()
    ]
    return "; ".join([str(tree["message"]), *details])
