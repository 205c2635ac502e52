"""The projects of one account or group: found, made, or named by a resource id."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.targets.base import Account, Container, ContainerRequest, Item
from presqt_daemon.targets.git_host import GitContainers, description_of
from presqt_daemon.targets.gitlab.refusals import words
from presqt_daemon.targets.gitlab.tree import tree_at
from presqt_daemon.targets.left_out import MARK
from presqt_daemon.targets.web.fields import text_at
from presqt_daemon.targets.web.pages import all_pages

FIRST_BRANCH = "main"
"""The branch that the first commit makes in a project that names none."""

TITLE_LENGTH = 240
"""A project's name has at most 255 characters; the rest is for `-PresQT1-`."""

_PATH_LENGTH = 200
_DESCRIPTION_LENGTH = 2000
_STRANGE = re.compile(r"[^\w\u00a9-\U0001f9ff.+ -]+")
_HEAD = re.compile(r"^[.+ -]+")
_PROJECT_PART = re.compile(r"(?!\.+$)[\w.-]+")
"""A part of dots alone would climb out of the address."""

_PATH_STRANGE = re.compile(r"[^A-Za-z0-9]+")


def title_from(title: str) -> str:
    """A title as GitLab takes it: letters, digits, space and `_.+-`; the first no punctuation."""
    return _HEAD.sub("", _STRANGE.sub("-", title))[:TITLE_LENGTH].rstrip() or "untitled"


class Projects(GitContainers):
    """The projects of one account or group."""

    LINK = "web_url"
    MISSING = "Project with id, {name}, could not be found."
    NO_FOLDER = "Resource with id, {id}, could not be found."
    NO_CONTAINER = "Resource with id, {id}, belongs to a file."

    _user: str | None = None

    def account(self) -> Account:
        answer = self._http.ask("GET", f"{self._api}/user", doing="the question whose token it is")
        self._user = text_at(answer, "id")
        return Account(id=self._user, name=text_at(answer, "username"))

    def address(self, container: Container) -> str:
        """Where the API has the container's project."""
        return f"{self._api}/projects/{container.state['project']}"

    def _tree(self, container: Container) -> Mapping[str, Item]:
        """Everything in the container's project, by its path there."""
        return dict(tree_at(self._http, self.address(container), container.state["branch"]))

    def _why_not_ours(self, row: Mapping[str, Any], ticket: str) -> str | None:
        """Why a project with the mark is none that we have made, None where nothing says so.

        In a group, members may make any. Ours has the visibility that we ask for, was created by
        our account, is no copy of another, and is empty.
        """
        if row.get("visibility", self._config.visibility) != self._config.visibility:
            return f"it is {row['visibility']}"
        if row.get("forked_from_project"):
            return "it is a copy of another"
        creator = row.get("creator_id")
        if creator is not None and str(creator) != (self._user or self.account().id):
            return "somebody else has created it"
        return "there is something in it" if self._tree(self._new(row, ticket)) else None

    def _state(self, row: Mapping[str, Any], ticket: str) -> Mapping[str, str]:  # noqa: ARG002
        return {
            "project": str(row["id"]),
            "branch": str(row.get("default_branch") or FIRST_BRANCH),
        }

    def _shown(self, row: Mapping[str, Any]) -> str:
        return f"The project {row.get('path_with_namespace')}"

    def _list(self) -> list[dict[str, Any]]:
        group = self._organisation
        if group is None:
            owner = f"users/{self._user or self.account().id}"
        else:
            owner = f"groups/{quote(group, safe='')}"
        params = {"per_page": "100", "pagination": "keyset", "order_by": "id", "sort": "desc"}
        url = f"{self._api}/{owner}/projects"
        return list(all_pages(self._http, url, params, doing="the list of projects"))

    def _create(self, request: ContainerRequest) -> Container:
        """A new, empty project. Raises FileExistsError when its path is taken, too."""
        tree: dict[str, Any] = {
            "name": request.title,
            "path": _path_from(request),
            "description": _description(request),
            "visibility": self._config.visibility,
        }
        if self._organisation is not None:
            tree["namespace_id"] = int(self._namespace(self._organisation))
        doing = f"the new project {request.title}"
        answer = self._http.ask(
            "POST", f"{self._api}/projects", tree=tree, doing=doing, expect=(201, 400, 409)
        )
        row: Mapping[str, Any] = answer.tree()
        if answer.status != 201:
            if "already been taken" not in (words(row) or ""):
                raise self._http.fault(answer, "POST", doing)
            row = self._ours_among(self._taken(str(tree["path"])), request)
        if row.get("visibility", "private") != self._config.visibility:
            raise TargetFault(
                "target-refused",
                f"{self._http.target} made the project {request.title} {row['visibility']}, not "
                f"{self._config.visibility}. Nothing has been sent; remove it there.",
            )
        return self._new(row, request.ticket)

    def _taken(self, path: str) -> Iterator[dict[str, Any]]:
        """The project at a path, and all others: the list comes later than projects."""
        owner = self._organisation or self.account().name
        url = f"{self._api}/projects/{quote(f'{owner}/{path}', safe='')}"
        if (answer := self._http.find(url, f"the project {path}")) is not None:
            yield answer.tree()
        yield from self._list()

    def _namespace(self, group: str) -> str:
        url = f"{self._api}/groups/{quote(group, safe='')}"
        answer = self._http.find(url, f"the group {group}")
        if answer is None:
            raise UserFault(
                "resource-not-found",
                f"The group {group!r}, the target's `organisation`, is not there for this token.",
            )
        return text_at(answer, "id")

    def _by_id(self, name: str, resource_id: str) -> Mapping[str, Any] | None:  # noqa: ARG002
        if not all(_PROJECT_PART.fullmatch(part) for part in name.split("/")):
            return None
        url = f"{self._api}/projects/{quote(name, safe='')}"
        answer = self._http.find(url, f"the project {name}")
        return None if answer is None else answer.tree()

    def _why_closed(self, row: Mapping[str, Any]) -> str | None:
        name = row.get("path_with_namespace")
        return f"the project {name} is archived" if row.get("archived") else None

    def _is_folder(self, container: Container) -> bool | None:
        item = self._tree(container).get(container.state["path"])
        return None if item is None else item.is_folder


def _path_from(request: ContainerRequest) -> str:
    """The project's part of its address, which knows ASCII only; the ticket's if none is left."""
    path = _PATH_STRANGE.sub("-", request.title).strip("-")[:_PATH_LENGTH]
    return path or f"presqt-{request.ticket[:8]}"


def _description(request: ContainerRequest) -> str:
    """The title as the bag or the sender wrote it, what the bag says of itself, and the mark."""
    mark = f"{MARK}{request.ticket}"
    return (
        "\n\n".join(description_of(request))[: _DESCRIPTION_LENGTH - len(mark) - 2] + f"\n\n{mark}"
    )
