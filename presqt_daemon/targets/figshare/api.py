"""Figshare's API as three small questions: one thing, a whole list, something new."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from presqt_daemon.errors import TargetFault
from presqt_daemon.targets.figshare.entries import id_from
from presqt_daemon.targets.web.fields import objects_of
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.web.pages import MAX_PAGES, repeated

PAGE_SIZE = 500


class FigshareApi:
    """What lies below `/account`; places are written without a slash at either end."""

    def __init__(self, http: Http, url: str) -> None:
        self.http = http
        self.name = http.target
        self._url = f"{url}/account"

    def url(self, place: str) -> str:
        """The address of a place."""
        return f"{self._url}/{place}"

    def get(self, place: str, doing: str) -> Mapping[str, Any]:
        """The thing at a place. Raises what the target says."""
        return self.http.ask("GET", self.url(place), doing=doing).tree()

    def pages(self, place: str, doing: str) -> Iterator[Mapping[str, Any]]:
        """Every entry of a list, until a page brings nothing new.

        Raises TargetFault `target-unavailable`, to be tried again, for a page that brings some for
        the second time: pages are counted by number here, so whatever comes or goes moves them.
        """
        seen: set[object] = set()
        for page in range(1, MAX_PAGES + 1):
            params = {"page": str(page), "page_size": str(PAGE_SIZE)}
            entries = self.http.ask("GET", self.url(place), doing=doing, params=params).json()
            if not isinstance(entries, list) or not all(map(_has_id, entries)):
                raise TargetFault("target-misbehaved", f"{self.name} gave no list to {doing}.")
            fresh = [entry for entry in entries if entry["id"] not in seen]
            if not fresh:
                return
            if len(fresh) < len(entries):
                raise repeated(self.name, doing)
            seen.update(entry["id"] for entry in fresh)
            yield from fresh
        raise TargetFault("target-misbehaved", f"{self.name} gave a list without end to {doing}.")

    def rows(self, place: str, doing: str) -> Sequence[Mapping[str, Any]]:
        """A list that comes whole; empty where the account has none."""
        answer = self.http.ask("GET", self.url(place), doing=doing, expect=(200, 403, 404))
        return objects_of(answer.json()) if answer.status == 200 else []

    def create(self, place: str, doing: str, tree: Mapping[str, object]) -> int:
        """The id of something new."""
        answer = self.http.ask("POST", self.url(place), doing=doing, tree=tree, expect=(201,))
        return id_from(answer.tree(), self.name)


def _has_id(entry: object) -> bool:
    number = entry.get("id") if isinstance(entry, dict) else None
    return isinstance(number, int) and not isinstance(number, bool)
