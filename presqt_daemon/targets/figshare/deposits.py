"""Projects and articles of Figshare: found, created, found again by a ticket's mark."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from presqt_daemon.errors import UserFault
from presqt_daemon.targets.base import Container, ContainerRequest
from presqt_daemon.targets.figshare import NUMBER, TITLE_LENGTH
from presqt_daemon.targets.figshare.api import FigshareApi
from presqt_daemon.targets.figshare.article import Terms, article_from, left_out, terms_from
from presqt_daemon.targets.figshare.entries import TITLE_FORMAT, base_title
from presqt_daemon.targets.left_out import MARK, described_or_bare, first_of_ours, state_from
from presqt_daemon.targets.names import numbered_title
from presqt_daemon.targets.web.addresses import page_from
from presqt_daemon.targets.web.fields import texts_in
from presqt_daemon.targets.web.target import WebTarget


class Deposits(WebTarget):
    """What one account has, and what it makes."""

    _api: FigshareApi

    def titles(self) -> Collection[str]:
        """The titles of all projects."""
        return [
            str(entry.get("title")) for entry in self._api.pages("projects", "the list of projects")
        ]

    def container(self, request: ContainerRequest) -> Container:
        if request.resource_id is None:
            return self._new(request)
        return self._existing(request, request.resource_id)

    def _new(self, request: ContainerRequest) -> Container:
        """The ticket's own project with its article; what is there of them is not made twice."""
        ours, others = first_of_ours(
            self._marked(request),
            lambda tree: self._why_not_ours(tree, request),
            lambda tree: f"The project {tree['id']}",
        )
        project = int(ours["id"]) if ours is not None else self._create_project(request)
        return _with_state(self._new_article(project, request, request.title), others)

    def _existing(self, request: ContainerRequest, resource_id: str) -> Container:
        """An article, or the ticket's new one in a project. Raises UserFault in PresQT's words."""
        project, article = _ids_from(resource_id)
        if article is not None:
            self._require(f"projects/{project}/articles/{article}", "Article", article)
            return self._container(project, article, is_new=False)
        self._require(f"projects/{project}", "Project", project)
        return self._new_article(project, request, None)

    def discard(self, container: Container) -> bool:
        """The article first: one whose project goes before it stays behind alone."""
        if not container.is_new:
            return False
        project, article = container.id.split(":")
        return all(
            self._api.http.delete(
                self._api.url(place), "the removal of the deposit", may_refuse=True
            )
            for place in (f"articles/{article}", f"projects/{project}")
        )

    def _marked(self, request: ContainerRequest) -> Iterator[Mapping[str, Any]]:
        """The projects with the ticket's mark, which only their own pages show.

        Only those are looked at whose title is the ticket's, numbered or not.
        """
        for entry in self._api.pages("projects", "the list of projects"):
            if base_title(str(entry.get("title"))) == base_title(request.title):
                tree = self._api.get(f"projects/{entry['id']}", "the search for the project")
                if MARK + request.ticket in str(tree.get("description")):
                    yield {**entry, **tree}

    def _why_not_ours(self, tree: Mapping[str, Any], request: ContainerRequest) -> str | None:
        """Why a project with the mark is none that we have made, None where nothing says so.

        Anybody may invite this account into a project. Ours belongs to it, and holds no article but
        the one with the mark.
        """
        role = tree.get("role")
        if role is not None and role != "Owner":
            return "it belongs to somebody else"
        people = tree.get("collaborators")
        if isinstance(people, list) and len(people) > 1:
            return "others work in it"
        place = f"projects/{tree['id']}/articles"
        for row in self._api.pages(place, "the articles of the project"):
            article = self._api.get(f"{place}/{row['id']}", "the search for the article")
            if MARK + request.ticket not in texts_in(article, "tags"):
                return "there is something in it"
        return None

    def _create_project(self, request: ContainerRequest) -> int:
        mark = MARK + request.ticket
        about = request.fields.get("description")
        text = f"{about}\n\n{mark}" if isinstance(about, str) and about else mark
        project, _reason = described_or_bare(
            partial(self._api.create, "projects", f"the new project {request.title!r}"),
            {"title": request.title, "description": text},
            {"title": request.title, "description": mark},
        )
        return project

    def _new_article(self, project: int, request: ContainerRequest, title: str | None) -> Container:
        """The ticket's article in a project, created where it is not there; None: a free title."""
        place, mark = f"projects/{project}/articles", MARK + request.ticket
        terms = self._terms(request.fields)
        left = state_from(left_out(request.fields, terms))
        titles = []
        for entry in self._api.pages(place, "the articles of the project"):
            titles.append(str(entry.get("title")))
            if base_title(titles[-1]) == base_title(request.title):
                tree = self._api.get(f"{place}/{entry['id']}", "the search for the article")
                if mark in texts_in(tree, "tags"):
                    found = self._container(project, int(entry["id"]), is_new=True)
                    return _with_state(found, left)
        chosen = title or numbered_title(request.title, titles, TITLE_FORMAT, TITLE_LENGTH)
        article, reason = described_or_bare(
            partial(self._api.create, place, f"the new article {chosen!r}"),
            article_from(chosen, request.fields, mark, terms),
            article_from(chosen, {}, mark, Terms()),
        )
        found = self._container(project, article, is_new=True)
        return _with_state(found, reason or left)

    def _terms(self, fields: Mapping[str, object]) -> Terms:
        """Figshare's numbers for the bag's words, by the account's own lists."""
        licenses: Sequence[Mapping[str, Any]] = ()
        categories: Sequence[Mapping[str, Any]] = ()
        if fields.get("license"):
            licenses = self._api.rows("licenses", "the list of licences")
        if fields.get("categories"):
            categories = self._api.rows("categories", "the list of categories")
        return terms_from(fields, licenses, categories)

    def _container(self, project: int, article: int, *, is_new: bool) -> Container:
        tree = self._api.get(f"articles/{article}", "the article")
        own = f"https://figshare.com/account/articles/{article}"
        return Container(
            id=f"{project}:{article}",
            title=str(tree.get("title")),
            link=page_from(tree.get("url_private_html")) or own,
            is_new=is_new,
            identity=str(article),
            state={"article": str(article)},
        )

    def _require(self, place: str, kind: str, identity: int) -> None:
        doing = f"the search for {kind.lower()} {identity}"
        if self._api.http.find(self._api.url(place), doing) is None:
            raise _not_found(kind, str(identity))


def _with_state(container: Container, more: Mapping[str, str]) -> Container:
    return replace(container, state={**container.state, **more})


def _ids_from(resource_id: str) -> tuple[int, int | None]:
    """Project and article of an id. Raises UserFault."""
    parts = resource_id.split(":")
    if len(parts) > 2:
        raise UserFault("bad-request", "Can not upload into an existing file.")
    for kind, part in zip(("Project", "Article"), parts, strict=False):
        if not re.fullmatch(NUMBER, part):
            raise _not_found(kind, part)
    return int(parts[0]), int(parts[1]) if parts[1:] else None


def _not_found(kind: str, identity: str) -> UserFault:
    return UserFault(
        "resource-not-found",
        f"{kind} with id, {identity}, could not be found by the requesting user.",
    )
