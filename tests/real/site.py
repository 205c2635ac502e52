"""The account at the real server, as its owner sees it through the server's own API."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from presqt_daemon.config import TargetConfig
from tests.fakes.zenodo import stem_of
from tests.real.between import Between
from tests.real.invenio import Invenio

WHOLE: dict[str, Any] = {
    "title": "By hand",
    "publication_date": "2025-01-01",
    "publisher": "The Press",
    "resource_type": {"id": "dataset"},
    "creators": [{"person_or_org": {"type": "personal", "family_name": "Doe"}}],
}
"""Metadata with which a draft can be published."""


class RealSite:
    """The owner's account; packed bags are called as they were asked for."""

    def __init__(self, invenio: Invenio, proxy: Between) -> None:
        self.invenio = invenio
        self.proxy = proxy
        self.token: str | None = invenio.tokens[0]
        self.config = TargetConfig(name="zenodo", type="zenodo", url=f"{proxy.url}/api")

    def configured(self, **changes: Any) -> TargetConfig:
        """The target, configured in another way."""
        return replace(self.config, **changes)

    def call(
        self, method: str, path: str, tree: Any = None, *, raw: bytes | None = None, user: int = 0
    ) -> tuple[int, Any]:
        """Status and JSON of a request to the server itself."""
        content = json.dumps(tree).encode() if tree is not None else raw
        kind = "application/json" if tree is not None else "application/octet-stream"
        request = urllib.request.Request(
            f"{self.invenio.api}{path}",
            method=method,
            data=content,
            headers={
                "Authorization": f"Bearer {self.invenio.tokens[user]}",
                "Content-Type": kind,
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                status, text = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def draft(self, identity: str) -> dict[str, Any]:
        """A draft or, when it is published, the record."""
        status, tree = self.call("GET", f"/records/{identity}/draft")
        if status != 200:
            status, tree = self.call("GET", f"/records/{identity}")
        assert status == 200, tree
        return dict(tree)

    def entries(self, identity: str) -> list[dict[str, Any]]:
        """Every file, the unfinished ones too."""
        status, tree = self.call("GET", f"/records/{identity}/draft/files")
        if status != 200:
            status, tree = self.call("GET", f"/records/{identity}/files")
        assert status == 200, tree
        return list(tree["entries"])

    def keys(self, identity: str) -> set[str]:
        """The keys of all complete files."""
        rows = self.entries(identity)
        return {row["key"] for row in rows if row["status"] == "completed"}

    def files(self, container_id: str) -> Mapping[str, bytes]:
        keys = self.keys(container_id)
        found = {stem_of(key): self.content(container_id, key) for key in keys}
        assert len(found) == len(keys)
        return found

    def make(self, title: str, files: Mapping[str, bytes], *, takes_files: bool = True) -> str:
        tree = {"files": {"enabled": takes_files}, "metadata": {**WHOLE, "title": title}}
        status, draft = self.call("POST", "/records", tree)
        assert status == 201, draft
        identity = str(draft["id"])
        for key, content in files.items():
            self.add(identity, key, content)
        return identity

    def add(self, identity: str, key: str, content: bytes) -> None:
        """A file by hand."""
        files = f"/records/{identity}/draft/files"
        own = f"{files}/{quote(key, safe='')}"
        assert self.call("POST", files, [{"key": key}])[0] == 201
        assert self.call("PUT", f"{own}/content", raw=content)[0] == 200
        assert self.call("POST", f"{own}/commit")[0] == 200

    def drafts(self) -> list[dict[str, Any]]:
        """Every draft of the account, as far as the search shows them."""
        return [row for row in self.mine() if not row["is_published"]]

    def mine(self) -> list[dict[str, Any]]:
        """Every draft and record of the account."""
        query = "/user/records?size=100&shared_with_me=false&sort=newest"
        return list(self.call("GET", query)[1]["hits"]["hits"])

    def file_id(self, container_id: str, path: str) -> str:
        raise NotImplementedError

    def lie(self) -> None:
        """A draft's list of files has no pages."""

    def spoil(self, path: str) -> None:
        self.proxy.fault("spoil", "PUT", "/content")

    def fault(self, kind: str) -> None:
        hows = {
            "limited": "status 429 7",
            "unavailable": "status 503",
            "cut": "cut",
            "lost": "swallow",
        }
        self.proxy.fault(hows[kind], "PUT", "/content")

    def content(self, identity: str, key: str) -> bytes:
        """What a key holds."""
        for place in ("draft/files", "files"):
            request = urllib.request.Request(
                f"{self.invenio.api}/records/{identity}/{place}/{quote(key, safe='')}/content",
                headers={"Authorization": f"Bearer {self.invenio.tokens[0]}"},
            )
            try:
                with urllib.request.urlopen(request, timeout=120) as response:
                    return bytes(response.read())
            except urllib.error.HTTPError:
                continue
        raise AssertionError(f"{key} has no content")
