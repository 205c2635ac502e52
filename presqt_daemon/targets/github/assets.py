"""Files that are too large for a repository, as assets of one release per ticket.

A release's assets lie flat and their names know few characters, so that the file's path stands in
the asset's label. The release is a draft until the deposit is complete.
Source: docs.github.com/rest/releases.
"""

import hashlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from presqt_daemon.errors import TargetFault
from presqt_daemon.targets.base import Item, Sending
from presqt_daemon.targets.web.fields import text_at, whole_in
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.web.pages import all_pages

TAG = "presqt-"
STATE_KEY = "asset"
_SECONDS = 600.0
_STRANGE = re.compile(r"[^A-Za-z0-9_-]+")
_BODY = (
    "Files of this deposit that are larger than GitHub takes in a repository. "
    "The label of each is its path."
)


def asset_name(path: str) -> str:
    """A name that GitHub leaves as it is, another for every path."""
    name = PurePosixPath(path)
    code = hashlib.sha256(path.encode()).hexdigest()[:8]
    stem, suffix = (_STRANGE.sub("-", text)[:60] for text in (name.stem, name.suffix[1:]))
    return f"{stem}-{code}.{suffix}" if suffix else f"{stem}-{code}"


@dataclass
class Assets:
    """The large files of one repository; `api` is its address there."""

    http: Http
    api: str
    ticket: str
    branch: str
    _own: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self._tag = f"{TAG}{self.ticket}"
        self._lock = threading.Lock()

    def items(self) -> dict[str, Item]:
        """Every large file that a deposit has brought, by its path in the repository."""
        found = {}
        for release in self._releases():
            if not str(release.get("tag_name", "")).startswith(TAG):
                continue
            for asset in self._of(release):
                if asset.get("state") == "uploaded" and asset.get("label"):
                    found[str(asset["label"])] = _item(asset)
        return found

    def store(self, file: Sending, path: str) -> Item:
        """Send one file; what an earlier go of this ticket left under its name goes first."""
        name = asset_name(path)
        with self._lock:
            release = self._own = self._own or self._find() or self._make()
        for asset in self._of(release):
            if asset.get("name") == name:
                self.remove(str(asset.get("id")))
        answer = self.http.send(
            # the address ends with a template: `{?name,label}`
            str(release["upload_url"]).partition("{")[0],
            file,
            str(file.path),
            method="POST",
            params={"name": name, "label": path},
            expect=(201,),
            read_seconds=_SECONDS,
        )
        text_at(answer, "id")
        return _item(answer.tree())

    def remove(self, asset: str) -> None:
        """Remove an asset; one that is gone already is fine."""
        url = f"{self.api}/releases/assets/{quote(asset, safe='')}"
        self.http.delete(url, "the removal of a replaced large file")

    def show(self, commit: str) -> None:
        """Publish this ticket's release at a commit where it is still a draft."""
        release = self._find()
        if release is None or not release.get("draft"):
            return
        self.http.ask(
            "PATCH",
            f"{self.api}/releases/{release.get('id')}",
            tree={"draft": False, "prerelease": True, "target_commitish": commit},
            doing="the release with the large files",
        )

    def _find(self) -> dict[str, Any] | None:
        # a draft is not found by its tag, only in the list
        return next((one for one in self._releases() if one.get("tag_name") == self._tag), None)

    def _make(self) -> dict[str, Any]:
        tree = {
            "tag_name": self._tag,
            "target_commitish": self.branch,
            "name": "Large files",
            "body": _BODY,
            "draft": True,
            "prerelease": True,
        }
        url, doing = f"{self.api}/releases", "the release for the large files"
        answer = self.http.ask("POST", url, tree=tree, doing=doing, expect=(201,))
        text_at(answer, "id")
        text_at(answer, "upload_url")
        return answer.tree()

    def _releases(self) -> Iterator[dict[str, Any]]:
        url = f"{self.api}/releases"
        return all_pages(self.http, url, {"per_page": "100"}, doing="the list of releases")

    def _of(self, release: dict[str, Any]) -> Iterator[dict[str, Any]]:
        url = f"{self.api}/releases/{release.get('id')}/assets"
        return all_pages(self.http, url, {"per_page": "100"}, doing="the list of large files")


def _item(asset: dict[str, Any]) -> Item:
    """What GitHub says of an asset; its digest is null for a while, or on an older server."""
    algorithm, _, value = str(asset.get("digest") or "").partition(":")
    if asset.get("state") != "uploaded":
        raise TargetFault(
            "target-unavailable",
            f"The large file {asset.get('label')} did not arrive whole.",
            retryable=True,
        )
    return Item(
        path=PurePosixPath(str(asset.get("label"))),
        size=whole_in(asset, "size"),
        digests={algorithm: value.lower()} if algorithm == "sha256" and value else {},
        state={STATE_KEY: str(asset.get("id"))},
    )
