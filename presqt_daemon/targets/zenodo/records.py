"""InvenioRDM's records API, as Zenodo has it since 2023: drafts of one account."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.targets.base import Container
from presqt_daemon.targets.web.answers import Answer
from presqt_daemon.targets.web.fields import object_in
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.zenodo.api import DraftsApi
from presqt_daemon.targets.zenodo.description.metadata import left_out as left_out_of_record
from presqt_daemon.targets.zenodo.description.metadata import record_metadata
from presqt_daemon.targets.zenodo.files import DraftFiles
from presqt_daemon.targets.zenodo.publishing import PublishedDraft
from presqt_daemon.targets.zenodo.words import METADATA_ONLY, PUBLISHED, Row, no_such_resource


class RecordsApi(DraftsApi):
    """The drafts of one account."""

    THING = "draft"
    THINGS = "records"
    # else drafts that others share with this account are among them (InvenioRDM 12)
    LISTED: ClassVar = {"sort": "newest", "shared_with_me": "false"}
    LINK = "self_html"
    # Zenodo answers plain `application/json` with records in the form of its older API
    HEADERS: ClassVar = {"Accept": "application/vnd.inveniordm.v1+json, application/json;q=0.9"}

    def __init__(
        self, http: Http, api: str, *, is_public: bool, files: DraftFiles | None = None
    ) -> None:
        self._records = f"{api}/records"
        self._access = "public" if is_public else "restricted"
        self.draft_files = files or DraftFiles(http, self._records)
        super().__init__(http, self.draft_files, f"{api}/user/records", is_public=is_public)

    def publish(self, container: Container) -> str | None:
        draft = PublishedDraft(self.ask, self._record(container.id), self.draft_files, container)
        return draft.publish(is_public=self.is_public)

    def _hits(self, answer: Answer) -> object:
        return object_in(answer.tree(), "hits").get("hits")

    def draft_url(self, identity: str) -> str:
        return f"{self._record(identity)}/draft"

    def _record(self, identity: str) -> str:
        return f"{self._records}/{quote(identity, safe='')}"

    def owner_of(self, row: Row) -> object:
        return object_in(row, "parent", "access", "owned_by").get("user")

    def metadata(self, title: str, fields: Any, ticket: str, **options: Any) -> dict[str, Any]:
        return record_metadata(title, fields, ticket, **options)

    def left_out(
        self, fields: Mapping[str, Any], refused: Collection[str]
    ) -> Iterator[tuple[str, object]]:
        return left_out_of_record(fields, refused)

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
        answer = self.ask("GET", f"{url}/draft", doing=doing, expect=(200, 404))
        if answer.status == 404:
            record = self.ask("GET", url, doing=doing, expect=(200, 404))
            if record.status == 404:
                raise no_such_resource(identity)
            raise UserFault("bad-request", PUBLISHED.format(id=identity))
        draft = answer.tree()
        if draft.get("is_published"):
            raise UserFault("bad-request", PUBLISHED.format(id=identity))
        if object_in(draft, "files").get("enabled") is False:
            raise UserFault("bad-request", METADATA_ONLY.format(id=identity))
        return self.container_of(draft, is_new=False)

    def _state_of(self, draft: Mapping[str, Any], identity: str) -> Mapping[str, str]:  # noqa: ARG002
        if not identity:
            raise TargetFault(
                "target-misbehaved", f"{self._http.target} made a draft without an id."
            )
        # never empty, so that what was published later can still be listed for `verify`
        return {"api": "records"}
