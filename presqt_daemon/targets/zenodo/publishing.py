"""A draft becomes a record, which cannot be undone: only whole, and opened to nobody by itself."""

from collections.abc import Callable, Mapping
from typing import Any

from presqt_daemon.errors import PresqtError, UserFault
from presqt_daemon.targets.base import Container
from presqt_daemon.targets.web.answers import Answer
from presqt_daemon.targets.zenodo.files import DraftFiles
from presqt_daemon.targets.zenodo.keys import is_our_key
from presqt_daemon.targets.zenodo.parts import STORE_SECONDS
from presqt_daemon.targets.zenodo.words import link_in


class PublishedDraft:
    """One draft on its way to be a record; `record` is its address below the API."""

    def __init__(
        self, ask: Callable[..., Answer], record: str, files: DraftFiles, container: Container
    ) -> None:
        self._ask = ask
        self._record = record
        self._files = files
        self._container = container

    def publish(self, *, is_public: bool) -> str | None:
        """The record's page.

        An answer that was lost, or a 504, may hide a success: the state is read before any error.
        Raises UserFault `forbidden` where a person must publish, because of what others have in it.
        """
        if (link := self._published_link()) is not None:
            return link
        self._clear_pending()
        self._files.clear_spares(self._container)
        self._restrict(is_public=is_public)
        try:
            answer = self._ask(
                "POST",
                f"{self._record}/draft/actions/publish",
                doing="publishing",
                expect=(200, 201, 202),
                read_seconds=STORE_SECONDS,
            )
        except PresqtError as error:
            if error.outcome_unknown and (link := self._published_link()) is not None:
                return link
            raise
        return link_in(answer.tree(), "self_html") or self._container.link

    def _clear_pending(self) -> None:
        """Remove what we have begun and never ended, since the server publishes nothing with it."""
        for key in self._files.pending(self._container):
            if not is_our_key(key):
                raise UserFault(
                    "forbidden",
                    f"The draft holds the unfinished file {key}, which is somebody else's: "
                    "finish or delete it there, and publish the draft by hand.",
                )
            self._files.remove(self._container, key)

    def _restrict(self, *, is_public: bool) -> None:
        """Close the files of an open draft where they shall not be public.

        It may have been there before us, or a person has opened it; nothing that others have closed
        is ever opened.
        """
        if is_public:
            return
        draft = self._ask("GET", f"{self._record}/draft", doing="the draft").tree()
        access = draft.get("access")
        access = dict(access) if isinstance(access, Mapping) else {}
        if access.get("files") == "restricted":
            return
        metadata = draft.get("metadata")
        metadata = dict(metadata) if isinstance(metadata, Mapping) else {}
        access.pop("status", None)
        tree: dict[str, Any] = {
            # a draft is written as a whole: what is not sent is lost
            **{name: draft[name] for name in ("custom_fields", "pids") if draft.get(name)},
            "files": {"enabled": True},
            "access": {**access, "files": "restricted"},
            "metadata": {**metadata, **_rights_by_id(metadata)},
        }
        answer = self._ask(
            "PUT", f"{self._record}/draft", doing="the draft's access", tree=tree
        ).tree()
        now, kept = answer.get("access"), answer.get("metadata")
        is_closed = isinstance(now, Mapping) and now.get("files") == "restricted"
        if not is_closed or not isinstance(kept, Mapping) or set(kept) < set(metadata):
            raise UserFault(
                "forbidden",
                "The draft's files could not be closed before publishing: set their visibility "
                "there, and publish the draft by hand.",
            )

    def _published_link(self) -> str | None:
        """The page of the record when it is published, else None."""
        answer = self._ask("GET", self._record, doing="the record", expect=(200, 403, 404))
        if answer.status != 200:
            return None
        return link_in(answer.tree(), "self_html") or self._container.link


def _rights_by_id(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Licences as they may be written: the server shows more of one than it takes."""
    rows = metadata.get("rights")
    if not isinstance(rows, list):
        return {}
    return {"rights": [{"id": row["id"]} if row.get("id") else row for row in rows]}
