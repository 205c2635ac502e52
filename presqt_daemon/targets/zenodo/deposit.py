"""Zenodo's older deposit API: depositions, and one PUT into a bucket for each file.

A bucket overwrites in one step, and an interrupted PUT leaves the old file as it was; the packed
bag has its digest in its key all the same, so that an old one goes only when the new is verified.
"""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.targets.base import Container
from presqt_daemon.targets.web.answers import Answer
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.zenodo.api import DraftsApi
from presqt_daemon.targets.zenodo.bucket import BucketFiles
from presqt_daemon.targets.zenodo.description.deposit_metadata import deposit_metadata, left_out
from presqt_daemon.targets.zenodo.words import PUBLISHED, VANISHED, Row, link_in, no_such_resource


class DepositApi(DraftsApi):
    """The depositions of one account."""

    THING = "deposition"
    THINGS = "depositions"
    LISTED: ClassVar = {"sort": "mostrecent"}
    LINK = "html"
    metadata = staticmethod(deposit_metadata)
    left_out = staticmethod(left_out)

    def __init__(self, http: Http, api: str, *, is_public: bool) -> None:
        self._depositions = f"{api}/deposit/depositions"
        self._bucket = BucketFiles(http, self._depositions)
        super().__init__(http, self._bucket, self._depositions, is_public=is_public)

    def _published_link(self, container: Container) -> str | None:
        deposition = self._bucket.read(container)
        if not _is_published(deposition):
            return None
        page = link_in(deposition, "record_html") or link_in(deposition, "html")
        return page or container.link or ""

    def _hits(self, answer: Answer) -> object:
        return answer.json()

    def draft_url(self, identity: str) -> str:
        return f"{self._depositions}/{quote(identity, safe='')}"

    def owner_of(self, row: Row) -> object:
        return row.get("owner")

    def create(self, metadata: dict[str, Any]) -> Row:
        metadata["access_right"] = "open" if self.is_public else "restricted"
        return self.ask(
            "POST",
            self._depositions,
            doing="a new deposition",
            tree={"metadata": metadata},
            expect=(200, 201),
        ).tree()

    def is_as_made(self, draft: Row) -> bool:
        return not _is_published(draft)

    def existing(self, identity: str) -> Container:
        url, doing = self.draft_url(identity), f"deposition {identity}"
        answer = self._http.find(url, doing, missing=VANISHED)
        if answer is None:
            raise no_such_resource(identity)
        deposition = answer.tree()
        if _is_published(deposition):
            raise UserFault("bad-request", PUBLISHED.format(id=identity))
        return self.container_of(deposition, is_new=False)

    def _state_of(self, draft: Mapping[str, Any], identity: str) -> Mapping[str, str]:
        bucket = link_in(draft, "bucket")
        if bucket is None or not identity:
            raise TargetFault(
                "target-misbehaved", f"{self._http.target} names no bucket for the files."
            )
        return {"bucket": bucket}


def _is_published(deposition: Mapping[str, Any]) -> bool:
    return bool(deposition.get("submitted")) or deposition.get("state") in {"done", "inprogress"}
