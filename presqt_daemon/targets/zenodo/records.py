"""InvenioRDM's records API, as Zenodo has it since 2023: drafts of one account.

A draft becomes a record, which cannot be undone: only whole, and opened to nobody by itself.
"""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.targets.base import Container
from presqt_daemon.targets.web.answers import Answer
from presqt_daemon.targets.web.fields import object_in
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.zenodo.api import DraftsApi
from presqt_daemon.targets.zenodo.description.metadata import left_out, record_metadata
from presqt_daemon.targets.zenodo.files import DraftFiles
from presqt_daemon.targets.zenodo.keys import is_our_key
from presqt_daemon.targets.zenodo.words import (
    METADATA_ONLY,
    PUBLISHED,
    Row,
    link_in,
    no_such_resource,
)


class RecordsApi(DraftsApi):
    """The drafts of one account."""

    THING = "draft"
    THINGS = "records"
    # else drafts that others share with this account are among them (InvenioRDM 12)
    LISTED: ClassVar = {"sort": "newest", "shared_with_me": "false"}
    LINK = "self_html"
    # Zenodo answers plain `application/json` with records in the form of its older API
    HEADERS: ClassVar = {"Accept": "application/vnd.inveniordm.v1+json, application/json;q=0.9"}
    metadata = staticmethod(record_metadata)
    left_out = staticmethod(left_out)

    def __init__(
        self, http: Http, api: str, *, is_public: bool, files: DraftFiles | None = None
    ) -> None:
        self._records = f"{api}/records"
        self._access = "public" if is_public else "restricted"
        self._draft_files = files or DraftFiles(http, self._records)
        super().__init__(http, self._draft_files, f"{api}/user/records", is_public=is_public)

    def draft_url(self, identity: str) -> str:
        return f"{self._record(identity)}/draft"

    def owner_of(self, row: Row) -> object:
        return object_in(row, "parent", "access", "owned_by").get("user")

    def create(self, metadata: dict[str, Any]) -> Row:
        tree = {
            "files": {"enabled": True},
            "access": {"record": "public", "files": self._access},
            "metadata": metadata,
        }
        doing = "a new draft"
        return self.ask("POST", self._records, doing=doing, tree=tree, expect=(201,)).tree()

    def is_as_made(self, draft: Row) -> bool:
        """Also in its first version, since the next one has the mark of the first."""
        is_published = draft.get("is_published") or draft.get("is_draft") is False
        is_first = object_in(draft, "versions").get("index") in {None, 1}
        access = object_in(draft, "access").get("files")
        return not is_published and is_first and access in {None, self._access}

    def existing(self, identity: str) -> Container:
        url, doing = self._record(identity), f"record {identity}"
        answer = self._http.find(f"{url}/draft", doing, headers=self.HEADERS)
        if answer is None:
            if self._http.find(url, doing, headers=self.HEADERS) is None:
                raise no_such_resource(identity)
            raise UserFault("bad-request", PUBLISHED.format(id=identity))
        draft = answer.tree()
        if draft.get("is_published"):
            raise UserFault("bad-request", PUBLISHED.format(id=identity))
        if object_in(draft, "files").get("enabled") is False:
            raise UserFault("bad-request", METADATA_ONLY.format(id=identity))
        return self.container_of(draft, is_new=False)

    def _hits(self, answer: Answer) -> object:
        return object_in(answer.tree(), "hits").get("hits")

    def _state_of(self, draft: Mapping[str, Any], identity: str) -> Mapping[str, str]:  # noqa: ARG002
        if not identity:
            raise TargetFault(
                "target-misbehaved", f"{self._http.target} made a draft without an id."
            )
        # never empty, so that what was published later can still be listed for `verify`
        return {"api": "records"}

    def _record(self, identity: str) -> str:
        return f"{self._records}/{quote(identity, safe='')}"

    def _published_link(self, container: Container) -> str | None:
        url = self._record(container.id)
        answer = self._http.find(url, "the record", missing=(403, 404), headers=self.HEADERS)
        if answer is None:
            return None
        return link_in(answer.tree(), "self_html") or container.link or ""

    def _prepare(self, container: Container) -> None:
        """UserFault `forbidden` where a person must publish: others have something in it."""
        self._clear_pending(container)
        self._draft_files.clear_spares(container)
        if not self.is_public:
            self._restrict(container)

    def _clear_pending(self, container: Container) -> None:
        """Remove what we have begun and never ended, since the server publishes nothing with it."""
        for key in self._draft_files.pending(container):
            if not is_our_key(key):
                raise UserFault(
                    "forbidden",
                    f"The draft holds the unfinished file {key}, which is somebody else's: "
                    "finish or delete it there, and publish the draft by hand.",
                )
            self._draft_files.remove(container, key)

    def _restrict(self, container: Container) -> None:
        """Close the files of an open draft, since they shall not be public.

        It may have been there before us, or a person has opened it; nothing that others have closed
        is ever opened.
        """
        url = self.draft_url(container.id)
        draft = self.ask("GET", url, doing="the draft").tree()
        access, metadata = object_in(draft, "access"), object_in(draft, "metadata")
        if access.get("files") == "restricted":
            return
        access.pop("status", None)
        tree: dict[str, Any] = {
            # a draft is written as a whole: what is not sent is lost
            **{name: draft[name] for name in ("custom_fields", "pids") if draft.get(name)},
            "files": {"enabled": True},
            "access": {**access, "files": "restricted"},
            "metadata": {**metadata, **_rights_by_id(metadata)},
        }
        answer = self.ask("PUT", url, doing="the draft's access", tree=tree).tree()
        is_closed = object_in(answer, "access").get("files") == "restricted"
        if not is_closed or set(object_in(answer, "metadata")) < set(metadata):
            raise UserFault(
                "forbidden",
                "The draft's files could not be closed before publishing: set their visibility "
                "there, and publish the draft by hand.",
            )


def _rights_by_id(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Licences as they may be written: the server shows more of one than it takes."""
    rows = metadata.get("rights")
    if not isinstance(rows, list):
        return {}
    return {"rights": [{"id": row["id"]} if row.get("id") else row for row in rows]}
