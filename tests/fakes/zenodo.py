"""Zenodo in small: InvenioRDM's records API and the older deposit API over one state."""

import hashlib
import itertools
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.fakes.server import FakeServer, Reply, Request

TOKEN = "zenodo-token"
NATIVE = "application/vnd.inveniordm.v1+json"
OWNER = 4711
STRANGER = 1
RATES = {
    "X-RateLimit-Limit": "100",
    "X-RateLimit-Remaining": "99",
    "X-RateLimit-Reset": "4102444800",
    "Retry-After": "59",
}
"""On every answer: `Retry-After` comes with good ones too."""

NEEDED = ("title", "creators", "resource_type", "publication_date")


@dataclass
class File:
    """A file of a draft; `content` None until it has been committed."""

    content: bytes | None = None
    sent: bytes | None = None
    claimed: str | None = None
    parts: dict[int, bytes] = field(default_factory=dict)
    transfer: dict[str, Any] = field(default_factory=dict)
    size: int | None = None
    polls_left: int = 0

    @property
    def checksum(self) -> str | None:
        if self.content is None:
            return None
        if self.claimed is not None:
            return self.claimed
        if self.polls_left:
            return f"multipart:{hashlib.md5(self.content).hexdigest()}-{self.transfer['part_size']}"
        return f"md5:{hashlib.md5(self.content).hexdigest()}"


@dataclass
class Draft:
    """A draft or, when it is published, a record."""

    id: str
    owner: int
    metadata: dict[str, Any]
    access: dict[str, str]
    bucket: str
    files: dict[str, File] = field(default_factory=dict)
    published: bool = False
    listed_from: int = 0


class FakeZenodo(FakeServer):
    """The server; `drafts` is what it stores.

    `has_records` and `has_deposit` switch the APIs; `takes_parts` the multipart transfer;
    `checksum_polls` is how often a multipart file is asked for before its md5 is there;
    `spoils` names files that are stored wrong that many times; `index_lag` is how many lists a new
    draft is missing from; `page_cap` the longest page; `overloaded_publish` answers 504 that many
    times after having published; `refuses_metadata` takes no more than a title and a mark.
    """

    ROUTES: ClassVar[tuple[tuple[str, str, str], ...]] = (
        ("GET", r"/api/user/records", "user_records"),
        ("POST", r"/api/records", "create"),
        ("GET", r"/api/records/([^/]+)", "record"),
        ("GET", r"/api/records/([^/]+)/draft", "draft"),
        ("DELETE", r"/api/records/([^/]+)/draft", "drop"),
        ("DELETE", r"/api/deposit/depositions/([^/]+)", "drop"),
        ("POST", r"/api/records/([^/]+)/draft/files", "begin"),
        ("GET", r"/api/records/([^/]+)/draft/files", "files"),
        ("GET", r"/api/records/([^/]+)/draft/files/([^/]+)", "file"),
        ("DELETE", r"/api/records/([^/]+)/draft/files/([^/]+)", "delete"),
        ("PUT", r"/api/records/([^/]+)/draft/files/([^/]+)/content", "content"),
        ("GET", r"/api/records/([^/]+)/draft/files/([^/]+)/content", "download"),
        ("GET", r"/api/records/([^/]+)/files", "published_files"),
        ("GET", r"/api/records/([^/]+)/files/([^/]+)/content", "download"),
        ("PUT", r"/api/records/([^/]+)/draft/files/([^/]+)/content/([0-9]+)", "part"),
        ("POST", r"/api/records/([^/]+)/draft/files/([^/]+)/commit", "commit"),
        ("POST", r"/api/records/([^/]+)/draft/actions/publish", "publish"),
        ("GET", r"/api/deposit/depositions", "depositions"),
        ("POST", r"/api/deposit/depositions", "deposit"),
        ("GET", r"/api/deposit/depositions/([^/]+)", "deposition"),
        ("POST", r"/api/deposit/depositions/([^/]+)/actions/publish", "publish_deposition"),
        ("PUT", r"/api/files/([^/]+)/([^/]+)", "put_object"),
        ("GET", r"/api/files/([^/]+)/([^/]+)", "get_object"),
    )

    def __init__(self, *, has_records: bool = True, has_deposit: bool = True) -> None:
        super().__init__()
        self.drafts: dict[str, Draft] = {}
        self.has_records = has_records
        self.has_deposit = has_deposit
        self.takes_parts = True
        self.checksum_polls = 0
        self.spoils: Counter[str] = Counter()
        self.index_lag = 0
        self.page_cap = 100
        self.overloaded_publish = 0
        self.quota: int | None = None
        self.refuses_metadata = False
        self.lists = 0
        self.stored: Counter[str] = Counter()
        self._numbers = itertools.count(1001)

    def make(
        self,
        title: str,
        files: Mapping[str, bytes] | None = None,
        *,
        owner: int = OWNER,
        published: bool = False,
    ) -> str:
        """Somebody's draft or record."""
        with self.lock:
            made = self._new({"title": title}, {}, owner)
            made.files = {name: File(content=content) for name, content in (files or {}).items()}
            made.published = published
            return made.id

    def contents(self, identity: str) -> dict[str, bytes]:
        """The complete files of a draft."""
        with self.lock:
            files = self.drafts[identity].files.items()
            return {name: file.content for name, file in files if file.content is not None}

    def before(self, request: Request) -> Reply | None:
        if "access_token" in request.query:
            raise AssertionError("a token in an address ends in every log")
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _refusal(401, "The server could not verify that you are authorized")
        is_deposit = request.path.startswith(("/api/deposit/", "/api/files/"))
        if not (self.has_deposit if is_deposit else self.has_records):
            return _refusal(404, "The requested URL was not found on the server.")
        return None

    def answer(self, request: Request) -> Reply:
        reply = super().answer(request)
        return Reply(
            status=reply.status,
            tree=reply.tree,
            content=reply.content,
            headers={**RATES, **reply.headers},
        )

    def user_records(self, request: Request) -> Reply:
        rows = [self._record_tree(draft, request) for draft in self._listed(request)]
        return Reply(tree={"hits": {"hits": rows, "total": len(self.drafts)}})

    def create(self, request: Request) -> Reply:
        tree = request.json()
        if self.refuses_metadata and len(tree.get("metadata", {})) > 2:
            return _refusal(400, "A validation error occurred.", fields=["description"])
        draft = self._new(tree.get("metadata", {}), tree.get("access", {}), OWNER)
        answer = self._record_tree(draft, request)
        missing = [name for name in NEEDED if name not in draft.metadata]
        answer["errors"] = [
            {"field": f"metadata.{name}", "messages": ["Missing data for required field."]}
            for name in missing
        ]
        return Reply(status=201, tree=answer)

    def record(self, request: Request, identity: str) -> Reply:
        draft = self.drafts.get(identity)
        if draft is None or not draft.published:
            return _refusal(404, "The persistent identifier does not exist.")
        return Reply(tree=self._record_tree(draft, request))

    def draft(self, request: Request, identity: str) -> Reply:
        draft = self.drafts.get(identity)
        if draft is None or draft.published:
            return _refusal(404, "The persistent identifier does not exist.")
        if draft.owner != OWNER:
            return _refusal(403, "Permission denied.")
        return Reply(tree=self._record_tree(draft, request))

    def drop(self, request: Request, identity: str) -> Reply:
        draft = self.drafts.get(identity)
        if draft is None or draft.published:
            return _refusal(404, "The persistent identifier does not exist.")
        del self.drafts[identity]
        return Reply(status=201 if "/deposit/" in request.path else 204)

    def begin(self, request: Request, identity: str) -> Reply:
        draft = self.drafts[identity]
        for row in request.json():
            if row["key"] in draft.files:
                return _refusal(400, f"File with key {row['key']} already exists.")
            if len(draft.files) >= 100:
                return _refusal(400, "Uploading selected files will result in 101 files")
            transfer = row.get("transfer", {"type": "L"})
            if transfer["type"] == "M" and not self.takes_parts:
                return _refusal(403, "Permission denied.")
            if transfer["type"] == "M" and not {"parts", "part_size"} <= set(transfer):
                return _refusal(400, "Multipart file transfer requires parts.")
            draft.files[row["key"]] = File(
                transfer=transfer, size=row.get("size"), claimed=row.get("checksum")
            )
        return Reply(status=201, tree=self._file_list(draft))

    def files(self, request: Request, identity: str) -> Reply:
        return self._files_of(identity, published=False)

    def published_files(self, request: Request, identity: str) -> Reply:
        return self._files_of(identity, published=True)

    def file(self, request: Request, identity: str, key: str) -> Reply:
        draft = self.drafts[identity]
        if key not in draft.files:
            return _refusal(404, f"Record '{identity}' has no file '{key}'.")
        file = draft.files[key]
        tree = self._file_tree(draft, key)
        if file.content is not None and file.polls_left:
            file.polls_left -= 1
        return Reply(tree=tree)

    def delete(self, request: Request, identity: str, key: str) -> Reply:
        if self.drafts[identity].files.pop(key, None) is None:
            return _refusal(404, f"Record '{identity}' has no file '{key}'.")
        return Reply(status=204)

    def content(self, request: Request, identity: str, key: str) -> Reply:
        draft = self.drafts[identity]
        file = draft.files.get(key)
        if file is None:
            return _refusal(404, f"Record '{identity}' has no file '{key}'.")
        if file.content is not None or file.transfer["type"] != "L":
            return _refusal(400, f"File with key {key} is committed.")
        if self.quota is not None and request.content.size > self.quota:
            return _refusal(400, "Bucket quota exceeded.")
        file.sent = self._as_stored(key, request.body)
        return Reply(tree=self._file_tree(draft, key))

    def download(self, request: Request, identity: str, key: str) -> Reply:
        return Reply(content=self.drafts[identity].files[key].content)

    def part(self, request: Request, identity: str, key: str, number: str) -> Reply:
        draft = self.drafts[identity]
        file = draft.files[key]
        transfer = file.transfer
        if transfer["type"] != "M" or not 1 <= int(number) <= transfer["parts"]:
            return _refusal(400, "Part number is higher than total parts.")
        if int(number) < transfer["parts"] and request.content.size != transfer["part_size"]:
            return _refusal(400, "Size of this part must be equal to part_size.")
        file.parts[int(number)] = self._as_stored(key, request.body)
        return Reply(tree=self._file_tree(draft, key))

    def commit(self, request: Request, identity: str, key: str) -> Reply:
        draft = self.drafts[identity]
        file = draft.files.get(key)
        if file is None:
            return _refusal(404, f"Record '{identity}' has no file '{key}'.")
        if file.transfer["type"] == "M":
            if set(file.parts) != set(range(1, file.transfer["parts"] + 1)):
                return _refusal(400, "Parts are missing.")
            file.sent = b"".join(file.parts[number] for number in sorted(file.parts))
            file.polls_left = self.checksum_polls
        if file.sent is None:
            return _refusal(400, f"File with key {key} has no content.")
        file.content = file.sent
        self.stored[key] += 1
        return Reply(status=200, tree=self._file_tree(draft, key))

    def publish(self, request: Request, identity: str) -> Reply:
        draft = self.drafts.get(identity)
        if draft is None or draft.published:
            return _refusal(404, "The persistent identifier does not exist.")
        missing = [name for name in NEEDED if name not in draft.metadata]
        if missing:
            return _refusal(400, "A validation error occurred.", fields=missing)
        draft.published = True
        if self.overloaded_publish:
            self.overloaded_publish -= 1
            return _refusal(504, "Gateway Time-out")
        return Reply(status=202, tree=self._record_tree(draft, request))

    def depositions(self, request: Request) -> Reply:
        return Reply(tree=[self._deposition_tree(draft) for draft in self._listed(request)])

    def deposit(self, request: Request) -> Reply:
        metadata = request.json().get("metadata", {})
        if self.refuses_metadata and len(metadata) > 2:
            return _refusal(400, "Validation error.", fields=["description"])
        draft = self._new(metadata, {}, OWNER)
        return Reply(status=201, tree=self._deposition_tree(draft))

    def deposition(self, request: Request, identity: str) -> Reply:
        draft = self.drafts.get(identity)
        if draft is None:
            return _refusal(404, "PID does not exist.")
        if draft.owner != OWNER:
            return _refusal(403, "Permission denied.")
        return Reply(tree=self._deposition_tree(draft))

    def publish_deposition(self, request: Request, identity: str) -> Reply:
        draft = self.drafts[identity]
        if draft.published:
            return _refusal(404, "PID does not exist.")
        needed = ("title", "creators", "upload_type", "description")
        missing = [name for name in needed if name not in draft.metadata]
        if missing:
            return _refusal(400, "Validation error.", fields=missing)
        draft.published = True
        if self.overloaded_publish:
            self.overloaded_publish -= 1
            return _refusal(504, "Gateway Time-out")
        return Reply(status=202, tree=self._deposition_tree(draft))

    def put_object(self, request: Request, bucket: str, key: str) -> Reply:
        draft = self._in_bucket(bucket)
        if draft.published:
            return _refusal(403, "Permission denied.")
        if self.quota is not None and request.content.size > self.quota:
            return _refusal(400, "Bucket quota exceeded.")
        file = File(content=self._as_stored(key, request.body), transfer={"type": "L"})
        draft.files[key] = file
        self.stored[key] += 1
        tree = {
            "key": key,
            "checksum": file.checksum,
            "size": len(file.content or b""),
            "version_id": str(uuid.uuid4()),
            "links": {"self": f"{self.url}/api/files/{bucket}/{key}"},
        }
        return Reply(status=201, tree=tree)

    def get_object(self, request: Request, bucket: str, key: str) -> Reply:
        return Reply(content=self._in_bucket(bucket).files[key].content)

    def _new(self, metadata: dict[str, Any], access: dict[str, str], owner: int) -> Draft:
        draft = Draft(
            id=str(next(self._numbers)),
            owner=owner,
            metadata=metadata,
            access=access,
            bucket=str(uuid.uuid4()),
            listed_from=self.lists + self.index_lag,
        )
        self.drafts[draft.id] = draft
        return draft

    def _listed(self, request: Request) -> list[Draft]:
        page = int(request.query.get("page", "1"))
        size = min(int(request.query.get("size", "10")), self.page_cap)
        mine = [
            draft
            for draft in reversed(self.drafts.values())
            if draft.owner == OWNER and draft.listed_from <= self.lists
        ]
        self.lists += 1
        return mine[(page - 1) * size : page * size]

    def _in_bucket(self, bucket: str) -> Draft:
        return next(draft for draft in self.drafts.values() if draft.bucket == bucket)

    def _as_stored(self, key: str, content: bytes) -> bytes:
        if not self.spoils[key]:
            return content
        self.spoils[key] -= 1
        return bytes([content[0] ^ 1]) + content[1:] if content else b"x"

    def _record_tree(self, draft: Draft, request: Request) -> dict[str, Any]:
        page = "records" if draft.published else "uploads"
        links = {"self_html": f"{self.url}/{page}/{draft.id}"}
        if NATIVE not in request.headers.get("Accept", ""):
            # Zenodo's own form, made for clients of its older API
            title = draft.metadata.get("title", "")
            return {"id": int(draft.id), "metadata": {"title": title}, "links": links}
        return {
            "id": draft.id,
            "is_published": draft.published,
            "is_draft": not draft.published,
            "metadata": draft.metadata,
            "access": draft.access,
            "parent": {"access": {"owned_by": {"user": str(draft.owner)}}},
            "links": links,
        }

    def _files_of(self, identity: str, *, published: bool) -> Reply:
        draft = self.drafts.get(identity)
        if draft is None or draft.published is not published:
            return _refusal(404, "The persistent identifier does not exist.")
        return Reply(tree=self._file_list(draft))

    def _file_list(self, draft: Draft) -> dict[str, Any]:
        entries = [self._file_tree(draft, key) for key in draft.files]
        return {"enabled": True, "entries": entries}

    def _file_tree(self, draft: Draft, key: str) -> dict[str, Any]:
        file = draft.files[key]
        url = f"{self.url}/api/records/{draft.id}/draft/files/{key}"
        is_done = file.content is not None
        tree: dict[str, Any] = {
            "key": key,
            "status": "completed" if is_done else "pending",
            "metadata": None,
            "links": {"self": url, "content": f"{url}/content", "commit": f"{url}/commit"},
        }
        if is_done:
            tree.update(size=float(len(file.content or b"")), checksum=file.checksum)
        elif file.transfer.get("type") == "M":
            tree["size"] = file.size
            tree["checksum"] = file.claimed
            tree["links"]["parts"] = [
                {"part": number, "url": f"{url}/content/{number}", "expiration": "2099-01-01"}
                for number in range(1, file.transfer["parts"] + 1)
            ]
        return tree

    def _deposition_tree(self, draft: Draft) -> dict[str, Any]:
        api = f"{self.url}/api"
        own = f"{api}/deposit/depositions/{draft.id}"
        links = {
            "self": own,
            "html": f"{self.url}/deposit/{draft.id}",
            "bucket": f"{api}/files/{draft.bucket}",
            "publish": f"{own}/actions/publish",
        }
        if draft.published:
            links["record_html"] = f"{self.url}/record/{draft.id}"
        files = [
            {
                "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{draft.bucket}/{key}")),
                "filename": key,
                "filesize": len(file.content),
                "checksum": (file.checksum or "").partition(":")[2],
                "links": {},
            }
            for key, file in draft.files.items()
            if file.content is not None
        ]
        return {
            "id": int(draft.id),
            "owner": draft.owner,
            "title": draft.metadata.get("title", ""),
            "metadata": draft.metadata,
            "state": "done" if draft.published else "unsubmitted",
            "submitted": draft.published,
            "files": files,
            "links": links,
        }


def _refusal(status: int, message: str, *, fields: list[str] | None = None) -> Reply:
    tree: dict[str, Any] = {"status": status, "message": message}
    if fields:
        tree["errors"] = [
            {"field": f"metadata.{name}", "messages": ["Missing data for required field."]}
            for name in fields
        ]
    return Reply(status=status, tree=tree)
