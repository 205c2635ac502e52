"""Zenodo in small: InvenioRDM's records API and the older deposit API over one state.

What the records API says was seen at InvenioRDM 14.0.5 (rdm-records 32.3.2) unless another source
is named; `tests/real` runs the same suite against that server. The older API is after
developers.zenodo.org and target-apis.md, section 4.
"""

import hashlib
import itertools
import re
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
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
LONGEST_KEY = 255
DENIED = "Permission denied."
_TERM = re.compile(r'([a-z_.]+):"((?:[^"\\]|\\.)*)"')


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
    created: str = ""
    has_checksum: bool = True

    @property
    def checksum(self) -> str | None:
        if self.content is None or not self.has_checksum:
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
    shared: bool = False
    index: int = 1
    takes_files: bool = True


class FakeZenodo(FakeServer):
    """The server; `drafts` is what it stores.

    `has_records` and `has_deposit` switch the APIs; `takes_parts` the beginning of a multipart
    transfer, `refuses_part` is the status of every part (403 at Zenodo, zenodo-rdm issue 1443);
    `checksum_polls` is how often a multipart file is asked for before its md5 is there, and
    `loses_checksums` leaves it null for good (the server killed while it takes it);
    `spoils` names files that are stored wrong that many times; `index_lag` is how many lists a new
    draft is missing from; `page_cap` the longest page; `overloaded_publish` answers 504 that many
    times after having published; `refuses_metadata` takes no description; `unknown` are ids that
    the vocabularies lack; `max_request` is where 413 begins (100 MiB without a setting, nginx's
    `client_max_body_size`), `max_file` where "Maximum file size exceeded" does; `sticky` are keys
    whose unfinished file cannot be deleted (S3, invenio-app-rdm issue 3278).
    """

    ROUTES: ClassVar[tuple[tuple[str, str, str], ...]] = (
        ("GET", r"/api/user/records", "user_records"),
        ("POST", r"/api/records", "create"),
        ("GET", r"/api/records/([^/]+)", "record"),
        ("GET", r"/api/records/([^/]+)/draft", "draft"),
        ("PUT", r"/api/records/([^/]+)/draft", "write"),
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
        ("DELETE", r"/api/files/([^/]+)/([^/]+)", "delete_object"),
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
        self.refuses_part: int | None = None
        self.loses_checksums = False
        self.unknown: set[str] = set()
        self.max_request: int | None = None
        self.max_file: int | None = None
        self.sticky: set[str] = set()
        self._moment = datetime(2026, 1, 1, tzinfo=UTC)
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
        **more: Any,
    ) -> str:
        """Somebody's draft or record; `more` are attributes of the draft."""
        with self.lock:
            made = self._new({"title": title}, {}, owner)
            for name, value in more.items():
                setattr(made, name, value)
            made.files = {
                name: File(content=content, transfer={"type": "L"}, created=self._now())
                for name, content in (files or {}).items()
            }
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
        is_deposit = request.path.startswith(("/api/deposit/", "/api/files/"))
        if not (self.has_deposit if is_deposit else self.has_records):
            return _refusal(404, "The requested URL was not found on the server.")
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            # a wrong token is taken as nobody's
            is_public = request.method == "GET" and re.fullmatch(
                r"/api/records/[^/]+(/files)?", request.path
            )
            if is_public:
                return _refusal(404, "The persistent identifier is not registered.")
            return _refusal(403, DENIED)
        if self.max_request is not None and request.content.size > self.max_request:
            return Reply(status=413, content=b"<html>Request Entity Too Large</html>")
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
        metadata = tree.get("metadata", {})
        if self.refuses_metadata and "description" in metadata:
            return _refusal(400, "A validation error occurred.", fields=["description"])
        if (unknown := self._unknown_in(metadata)) is not None:
            return _refusal(400, f"Invalid value {unknown}.")
        if metadata.get("publication_date") == "0000":
            return _refusal(500, "The server encountered an internal error.")
        draft = self._new(metadata, tree.get("access", {}), OWNER)
        draft.takes_files = tree.get("files", {}).get("enabled", True)
        answer = self._record_tree(draft, request)
        answer["errors"] = _dropped_from(metadata)
        return Reply(status=201, tree=answer)

    def write(self, request: Request, identity: str) -> Reply:
        draft = self.drafts.get(identity)
        if draft is None or draft.published:
            return _refusal(404, "The persistent identifier does not exist.")
        tree = request.json()
        draft.metadata = tree.get("metadata", {})
        draft.access = {"record": "public", "files": "public", **tree.get("access", {})}
        answer = self._record_tree(draft, request)
        answer["errors"] = _dropped_from(draft.metadata)
        return Reply(tree=answer)

    def record(self, request: Request, identity: str) -> Reply:
        draft = self.drafts.get(identity)
        if draft is None or not draft.published:
            return _refusal(404, "The persistent identifier does not exist.")
        return Reply(tree=self._record_tree(draft, request))

    def draft(self, request: Request, identity: str) -> Reply:
        draft = self.drafts.get(identity)
        if draft is None or draft.published:
            return _refusal(404, "The persistent identifier does not exist.")
        if draft.owner != OWNER and not draft.shared:
            return _refusal(403, DENIED)
        return Reply(tree=self._record_tree(draft, request))

    def drop(self, request: Request, identity: str) -> Reply:
        draft = self.drafts.get(identity)
        if draft is None or draft.published:
            return _refusal(404, "The persistent identifier does not exist.")
        del self.drafts[identity]
        return Reply(status=201 if "/deposit/" in request.path else 204)

    def begin(self, request: Request, identity: str) -> Reply:
        draft = self.drafts.get(identity)
        if draft is None or draft.published:
            return _refusal(404, "The persistent identifier does not exist.")
        if not draft.takes_files:
            return _refusal(403, "Files are not enabled.")
        for row in request.json():
            if row["key"] in draft.files:
                return _refusal(400, f"File with key {row['key']} already exists.")
            if len(draft.files) >= 100:
                return _refusal(400, "Uploading selected files will result in 101 files")
            transfer = row.get("transfer", {"type": "L"})
            if transfer["type"] == "M" and not self.takes_parts:
                return _refusal(403, DENIED)
            if transfer["type"] == "M" and not {"parts", "part_size"} <= set(transfer):
                return _refusal(400, "Multipart file transfer requires parts.")
            draft.files[row["key"]] = File(
                transfer=transfer,
                size=row.get("size"),
                claimed=row.get("checksum"),
                created=self._now(),
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
        files = self.drafts[identity].files
        if key not in files:
            return _refusal(404, f"Record '{identity}' has no file '{key}'.")
        if key in self.sticky and files[key].content is None:
            return _refusal(500, "The server encountered an internal error.")
        del files[key]
        return Reply(status=204)

    def content(self, request: Request, identity: str, key: str) -> Reply:
        draft = self.drafts.get(identity)
        file = draft.files.get(key) if draft is not None else None
        if draft is None or file is None:
            return _refusal(404, f"Record '{identity}' has no file '{key}'.")
        if file.content is not None or file.transfer["type"] != "L":
            # answered well, and the file is no more
            tree = {**self._file_tree(draft, key), "errors": "File upload transfer failed."}
            del draft.files[key]
            return Reply(tree=tree)
        if len(key) > LONGEST_KEY:
            return _refusal(400, "Filename is too long.")
        if self.max_file is not None and request.content.size > self.max_file:
            return _refusal(400, "Maximum file size exceeded.")
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
        if self.refuses_part is not None:
            return _refusal(self.refuses_part, DENIED)
        if transfer["type"] != "M" or not 1 <= int(number) <= transfer["parts"]:
            return _refusal(400, "Part number is higher than total parts.")
        if int(number) < transfer["parts"] and request.content.size != transfer["part_size"]:
            return _refusal(400, "Size of this part must be equal to part_size.")
        file.parts[int(number)] = self._as_stored(key, request.body)
        return Reply(tree=self._file_tree(draft, key))

    def commit(self, request: Request, identity: str, key: str) -> Reply:
        draft = self.drafts.get(identity)
        file = draft.files.get(key) if draft is not None else None
        if draft is None or file is None:
            return _refusal(404, f"Record '{identity}' has no file '{key}'.")
        if file.content is not None:
            return Reply(tree=self._file_tree(draft, key))
        if file.transfer["type"] == "M":
            if set(file.parts) != set(range(1, file.transfer["parts"] + 1)):
                return _refusal(400, "Parts are missing.")
            file.sent = b"".join(file.parts[number] for number in sorted(file.parts))
            file.polls_left = self.checksum_polls
            file.has_checksum = not self.loses_checksums
        if file.sent is None:
            return _refusal(500, "The server encountered an internal error.")
        file.content = file.sent
        self.stored[str(stem_of(key))] += 1
        return Reply(status=200, tree=self._file_tree(draft, key))

    def publish(self, request: Request, identity: str) -> Reply:
        draft = self.drafts.get(identity)
        if draft is None or draft.published:
            return _refusal(404, "The persistent identifier does not exist.")
        missing = [name for name in NEEDED if name not in draft.metadata]
        if missing:
            return _refusal(400, "A validation error occurred.", fields=missing)
        if any(file.content is None for file in draft.files.values()):
            said = "One or more files have not completed their transfer, please wait."
            return _refusal(400, f"A validation error occurred. {said}")
        draft.published = True
        if self.overloaded_publish:
            self.overloaded_publish -= 1
            return _refusal(504, "Gateway Time-out")
        return Reply(status=202, tree=self._record_tree(draft, request))

    def depositions(self, request: Request) -> Reply:
        return Reply(tree=[self._deposition_tree(draft) for draft in self._listed(request)])

    def deposit(self, request: Request) -> Reply:
        metadata = request.json().get("metadata", {})
        if self.refuses_metadata and "description" in metadata:
            return _refusal(400, "Validation error.", fields=["description"])
        draft = self._new(metadata, {}, OWNER)
        return Reply(status=201, tree=self._deposition_tree(draft))

    def deposition(self, request: Request, identity: str) -> Reply:
        draft = self.drafts.get(identity)
        if draft is None:
            return _refusal(404, "PID does not exist.")
        if draft.owner != OWNER:
            return _refusal(403, DENIED)
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
            return _refusal(403, DENIED)
        if self.quota is not None and request.content.size > self.quota:
            return _refusal(400, "Bucket quota exceeded.")
        content = self._as_stored(key, request.body)
        file = File(content=content, transfer={"type": "L"}, created=self._now())
        draft.files[key] = file
        self.stored[str(stem_of(key))] += 1
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

    def delete_object(self, request: Request, bucket: str, key: str) -> Reply:
        self._in_bucket(bucket).files.pop(key, None)
        return Reply(status=204)

    def _now(self) -> str:
        """Each moment later than the one before."""
        self._moment += timedelta(seconds=1)
        return self._moment.isoformat()

    def _unknown_in(self, metadata: Mapping[str, Any]) -> str | None:
        """The first id that the vocabularies lack."""
        rows = [
            metadata.get("resource_type") or {},
            *metadata.get("rights", ()),
            *metadata.get("languages", ()),
            *(row["relation_type"] for row in metadata.get("related_identifiers", ())),
            *(row["role"] for row in metadata.get("contributors", ())),
        ]
        return next((row["id"] for row in rows if row.get("id") in self.unknown), None)

    def _new(self, metadata: dict[str, Any], access: dict[str, str], owner: int) -> Draft:
        draft = Draft(
            id=str(next(self._numbers)),
            owner=owner,
            metadata=metadata,
            access={"record": "public", "files": "public", **access},
            bucket=str(uuid.uuid4()),
            listed_from=self.lists + self.index_lag,
        )
        self.drafts[draft.id] = draft
        return draft

    def _listed(self, request: Request) -> list[Draft]:
        page = int(request.query.get("page", "1"))
        size = min(int(request.query.get("size", "10")), self.page_cap)
        own_only = request.query.get("shared_with_me") == "false" or "/deposit/" in request.path
        query = request.query.get("q", "")
        mine = [
            draft
            for draft in reversed(self.drafts.values())
            if (draft.owner == OWNER or (draft.shared and not own_only))
            and draft.listed_from <= self.lists
            and _matches(draft, query)
        ]
        self.lists += 1
        return mine[(page - 1) * size : page * size]

    def _in_bucket(self, bucket: str) -> Draft:
        return next(draft for draft in self.drafts.values() if draft.bucket == bucket)

    def _as_stored(self, key: str, content: bytes) -> bytes:
        name = str(stem_of(key))
        if not self.spoils[name]:
            return content
        self.spoils[name] -= 1
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
            "files": {"enabled": draft.takes_files},
            "versions": {"index": draft.index},
            "parent": {"access": {"owned_by": {"user": str(draft.owner)}}},
            "links": links,
        }

    def _files_of(self, identity: str, *, published: bool) -> Reply:
        draft = self.drafts.get(identity)
        if draft is None or draft.published is not published:
            return _refusal(404, "The persistent identifier does not exist.")
        tree = self._file_list(draft)
        for file in draft.files.values():
            file.polls_left -= file.content is not None and file.polls_left > 0
        return Reply(tree=tree)

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
            "created": file.created,
            "transfer": {"type": "L" if is_done else file.transfer.get("type", "L")},
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


def stem_of(key: str) -> str:
    """The key without the digest in it, as tests name files."""
    return re.sub(r"\.[0-9a-f]{8,32}(?=(\.presqt)?\.[^.]+$)", "", key)


def _matches(draft: Draft, query: str) -> bool:
    """A query of quoted terms joined by OR; a term is in the index as its own or among words."""
    terms = _TERM.findall(query)
    return not terms or any(_has(draft.metadata, *term) for term in terms)


def _has(metadata: Mapping[str, Any], name: str, text: str) -> bool:
    text = re.sub(r"\\(.)", r"\1", text).lower()
    values: list[Any] = [metadata]
    for part in name.removeprefix("metadata.").split("."):
        found = [value.get(part) for value in values if isinstance(value, Mapping)]
        values = [one for value in found for one in (value if isinstance(value, list) else [value])]
    return any(text in str(value).lower() for value in values if value is not None)


def _dropped_from(metadata: dict[str, Any]) -> list[dict[str, Any]]:
    """What stands in the `errors` of a 201; the fields that it complains of are dropped."""
    errors = []

    def complain(field: str, said: str) -> None:
        errors.append({"field": f"metadata.{field}", "messages": [said]})

    for name in ("title", "description"):
        if 0 < len(metadata.get(name, "")) < 3:
            complain(name, "Shorter than minimum length 3.")
            del metadata[name]
    if not _is_day(metadata.get("publication_date", "2000")):
        complain("publication_date", "Please provide a valid date or interval.")
        del metadata["publication_date"]
    own = [(row["scheme"], row["identifier"]) for row in metadata.get("identifiers", ())]
    if len(set(own)) < len(own):
        complain("identifiers", "Duplicated identifier entry is not allowed.")
        del metadata["identifiers"]
    for name in NEEDED:
        if name not in metadata:
            complain(name, "Missing data for required field.")
    return errors


def _is_day(text: str) -> bool:
    """ISO 8601: a year, a month, or a day that exists."""
    try:
        date.fromisoformat({4: f"{text}-01-01", 7: f"{text}-01"}.get(len(text), text))
    except ValueError:
        return False
    return True
