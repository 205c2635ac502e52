"""OSF with its two services: the API (JSON:API) at 127.0.0.1, WaterButler at `localhost`.

Two host names on one port, so that a client must send its token to a host that only the API's
links name. State and strictness are those of OSF, as far as an upload meets them. Sources: "WB" is
WaterButler's own code (CenterForOpenScience/waterbutler, `waterbutler/`), "seen" a WaterButler 26
that was run and asked, "issue" one of CenterForOpenScience/osf.io; the rest developer.osf.io.
"""

import itertools
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.fakes.server import Content, FakeServer, Reply, Request, Seen

TOKEN = "osf-token-1"
USER = "usr12"
DATE = "2026-01-01T00:00:00.000000Z"

_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f]")
"""What becomes a blank in an argument; tornado/web.py `_remove_control_chars_regex`."""

_MISSING = "Could not retrieve file or directory"
"""WB core/exceptions.py `NotFoundError`."""


def stored_name(name: str) -> str:
    """A name as WaterButler takes it out of a query, which blanks first and then strips.

    WB server/api/v1/provider/create.py asks tornado's `get_query_argument` (seen: U+00A0, U+3000
    and U+2028 are stripped too).
    """
    return _CONTROLS.sub(" ", name).strip()


@dataclass
class Entity:
    """A file or a folder in a storage; `versions` counts what was stored under one id."""

    id: str
    node: str
    kind: str
    name: str
    parent: str
    content: Content | None = None
    versions: int = 1
    checkout: str = ""


@dataclass
class Node:
    """A project; `status` is what it answers with (403 for one of others, 410 for a deleted)."""

    id: str
    title: str
    attributes: dict[str, Any] = field(default_factory=dict)
    parent: str = ""
    status: int = 200
    contributors: tuple[str, ...] = (USER,)


class OsfFake(FakeServer):
    """OSF for one user; `page` is the API's page size, whatever is asked for.

    `limits` are the `Retry-After` of WaterButler's next answers, each a 429; `most_bytes` is the
    longest body that it takes; with `ignores_order` pages repeat entries whatever is asked for.
    `loses` is how many entries the last page lacks, though they are counted. `looked_up` counts the
    names that WaterButler has looked for before it read a body.
    """

    JSON_TYPE: ClassVar[str] = "application/vnd.api+json"
    ROUTES: ClassVar = (
        ("GET", r"/v2/users/me/", "get_me"),
        ("GET", r"/v2/users/me/nodes/", "get_nodes"),
        ("POST", r"/v2/nodes/", "post_node"),
        ("GET", r"/v2/guids/([^/]+)/", "get_guid"),
        ("GET", r"/v2/nodes/([^/]+)/", "get_node"),
        ("DELETE", r"/v2/nodes/([^/]+)/", "delete_node"),
        ("GET", r"/v2/nodes/([^/]+)/contributors/", "get_contributors"),
        ("GET", r"/v2/nodes/([^/]+)/files/", "get_storages"),
        ("GET", r"/v2/nodes/([^/]+)/files/osfstorage/(?:([^/]+)/)?", "get_list"),
        ("GET", r"/v2/files/([^/]+)/", "get_file"),
        ("PUT", r"/v1/resources/([^/]+)/providers/osfstorage/(?:([^/]+)/)?", "put_into"),
        ("PUT", r"/v1/resources/([^/]+)/providers/osfstorage/([^/]+)", "put_over"),
        ("GET", r"/v1/resources/([^/]+)/providers/osfstorage/(?:([^/]+)/)?", "get_folder"),
        ("GET", r"/v1/resources/([^/]+)/providers/osfstorage/([^/]+)", "download"),
        ("DELETE", r"/v1/resources/([^/]+)/providers/osfstorage/([^/]+)", "delete"),
    )

    def __init__(self, *, token: str = TOKEN, page: int = 3) -> None:
        super().__init__()
        self.token = token
        self.page = page
        self.nodes: dict[str, Node] = {}
        self.entities: dict[str, Entity] = {}
        self.quota: int | None = None
        self.limits: list[int] = []
        self.most_bytes: int | None = None
        self.ignores_order = False
        self.loses = 0
        self.looked_up = 0
        self._numbers = itertools.count(1)

    @property
    def api(self) -> str:
        """The API's root, as the configuration names it."""
        return f"{self.url}/v2"

    @property
    def butler(self) -> str:
        """WaterButler's root."""
        return f"http://localhost:{self.address.rsplit(':')[-1]}/v1"

    def new_node(self, title: str, **more: Any) -> Node:
        """A project that is simply there."""
        node = Node(id=self.new_node_id(), title=title, **more)
        self.nodes[node.id] = node
        return node

    def new_node_id(self) -> str:
        """The id of the next project."""
        return f"n{next(self._numbers):04d}"

    def listed_nodes(self) -> Iterable[Node]:
        """The projects that the user's list shows."""
        return self.nodes.values()

    def new_entity(
        self, node: str, kind: str, name: str, parent: str = "", content: bytes | None = None
    ) -> Entity:
        """A file or folder that is simply there."""
        stored = None if content is None else Content.of(content)
        entity = Entity(
            id=f"{next(self._numbers):024x}", node=node, kind=kind, name=name, parent=parent,
            content=stored,
        )  # fmt: skip
        self.entities[entity.id] = entity
        return entity

    def tree(self, node: str, below: str = "") -> dict[str, Content | None]:
        """What lies in a node, or below a folder, by path; folders are None."""
        found: dict[str, Content | None] = {}
        with self.lock:
            for entity in self._children(node, below):
                found[entity.name] = entity.content
                if entity.kind == "folder":
                    inner = self.tree(node, entity.id)
                    found |= {f"{entity.name}/{name}": item for name, item in inner.items()}
        return found

    def before_body(self, seen: Seen) -> Any:
        """What WaterButler says or looks up before it reads a body.

        That the name was free is known before the body and used after it: of two at once one makes
        the file and the other a new version of it (seen: 201, then 200).
        """
        if not seen.path.startswith("/v1/") or not self._is_known(seen):
            return None
        if self.limits:
            return _limited(self.limits.pop(0))
        if self.most_bytes is not None and (seen.size or 0) > self.most_bytes:
            # tornado/http1connection.py: "Content-Length too long" is a bare line and the end
            return Reply(status=400, headers={"Connection": "close"})
        place = re.fullmatch(r"/v1/resources/([^/]+)/providers/osfstorage/(?:([^/]+)/)?", seen.path)
        if seen.method == "PUT" and place is not None and "name" in seen.query:
            name = stored_name(seen.query["name"])
            kind = seen.query.get("kind", "file")
            self.looked_up += 1
            return self._there(place[1], place[2] or "", name, kind)
        return None

    def refusal(self, seen: Seen, status: int) -> Any:
        if not seen.path.startswith("/v1/"):
            return {"errors": [{"detail": "by order"}]}
        # WB core/exceptions.py `exception_from_response` hands on what osf.io has said (seen)
        return _passed_on(status, "By order", "It was ordered.").tree

    def before(self, request: Request) -> Reply | None:
        is_butler = request.path.startswith("/v1/")
        host = "localhost" if is_butler else "127.0.0.1"
        if not (request.headers["Host"] or "").startswith(f"{host}:"):
            return _refused(404, "There is nothing of that name at this host.")
        if not self._is_known(request):
            if is_butler:
                return _passed_on(401, "Unauthorized", "You must <a href='/login/'>log in</a>.")
            return _refused(401, "User provided an invalid OAuth2 access token")
        if not is_butler and not request.path.endswith("/"):
            return Reply(status=301, headers={"Location": f"{self.url}{request.path}/"})
        return None

    def _is_known(self, seen: Seen) -> bool:
        return seen.headers["Authorization"] == f"Bearer {self.token}"

    def missing(self, request: Request) -> Reply:
        return _refused(404, "Not found.")

    def get_me(self, request: Request) -> Reply:
        names = {"full_name": "Ada Deposit"}
        return Reply(tree={"data": {"id": USER, "type": "users", "attributes": names}})

    def get_nodes(self, request: Request) -> Reply:
        tag = request.query.get("filter[tags]")
        return self._page(
            request,
            [
                self._node(node)
                for node in self.listed_nodes()
                if tag is None or tag in node.attributes.get("tags", ())
            ],
        )

    def post_node(self, request: Request) -> Reply:
        data = request.json()["data"]
        attributes = data["attributes"]
        if data["type"] != "nodes" or not attributes.get("title") or len(attributes["title"]) > 512:
            return _refused(400, "This field is required.")
        if any(len(tag) > 128 for tag in attributes.get("tags", ())):
            return _refused(400, "Ensure this field has no more than 128 characters.")
        node = self.new_node(attributes["title"], attributes=dict(attributes))
        return Reply(status=201, tree={"data": self._node(node)})

    def get_guid(self, request: Request, id_: str) -> Reply:
        return Reply(tree={"data": {"id": id_, "type": "nodes"}})

    def get_node(self, request: Request, id_: str) -> Reply:
        node = self.nodes.get(id_)
        if node is None:
            return _refused(404, "Not found.")
        if node.status != 200:
            return _refused(node.status, "You do not have permission to perform this action.")
        return Reply(tree={"data": self._node(node)})

    def get_contributors(self, request: Request, id_: str) -> Reply:
        """Their ids are of node and user (developer.osf.io, "List all contributors")."""
        node = self.nodes.get(id_)
        if node is None:
            return _refused(404, "Not found.")
        rows = [{"id": f"{id_}-{user}", "type": "contributors"} for user in node.contributors]
        return self._page(request, rows)

    def delete_node(self, request: Request, id_: str) -> Reply:
        if self.nodes.pop(id_, None) is None:
            return _refused(404, "Not found.")
        return Reply(status=204)

    def get_storages(self, request: Request, id_: str) -> Reply:
        if id_ not in self.nodes:
            return _refused(404, "Not found.")
        root = f"{self.butler}/resources/{id_}/providers"
        storages = [
            {
                "id": f"{id_}:{name}",
                "type": "files",
                "attributes": {
                    "kind": "folder", "name": name, "provider": name, "path": "/", "node": id_,
                },
                "relationships": _related(files=f"{self.api}/nodes/{id_}/files/{name}/"),
                "links": {
                    "upload": f"{root}/{name}/", "new_folder": f"{root}/{name}/?kind=folder",
                },
            }
            for name in ("dropbox", "osfstorage")
        ]  # fmt: skip
        return self._page(request, storages)

    def get_list(self, request: Request, id_: str, folder: str) -> Reply:
        if id_ not in self.nodes or (folder and folder not in self.entities):
            return _refused(404, "Not found.")
        return self._page(request, [self._file(item) for item in self._children(id_, folder)])

    def get_file(self, request: Request, id_: str) -> Reply:
        entity = self.entities.get(id_)
        if entity is None:
            return _refused(404, "Not found.")
        return Reply(tree={"data": self._file(entity)})

    def put_into(self, request: Request, node: str, folder: str) -> Reply:
        """A new file or folder in a folder; a new version of a file that came meanwhile."""
        given, kind = request.query.get("name"), request.query.get("kind", "file")
        if (reply := self._closed(node, folder)) is not None:
            return reply
        if given is None or kind not in {"file", "folder"}:
            return _said(400, "Missing required parameter 'name'")
        if kind == "folder" and request.content.size:
            return _said(413, "Folder creation requests may not have a body")
        if kind == "file" and request.size is None:
            return _said(411, "Content-Length is required for file uploads")
        name = stored_name(given)
        if not name or "/" in name:
            return _said(500, "Internal Server Error")
        if request.begun is not None:
            # a folder is found as the list of what is in it, of which nothing is told: `{}`
            data = self._stored(request.begun) if kind == "file" else {}
            message = f'Cannot complete action: file or folder "{name}" already exists'
            tree = {"message": f"{message} in this location", "data": data}
            return Reply(status=409, tree=tree)
        if self._is_full(request.content):
            return _full()
        there = self._there(node, folder, name, kind)
        if there is not None and kind == "file":
            return self._new_version(there, request.content)
        entity = self.new_entity(node, kind, name, folder)
        entity.content = request.content if kind == "file" else None
        return Reply(status=201, tree={"data": self._stored(entity)})

    def put_over(self, request: Request, node: str, id_: str) -> Reply:
        """A new version of a file."""
        entity = self.entities.get(id_)
        if (reply := self._closed(node, "")) is not None:
            return reply
        if entity is None or entity.kind != "file":
            return _said(404, f"{_MISSING} /{id_}")
        if "name" in request.query:
            return _said(400, "'name' parameter doesn't apply to actions on files")
        if self._is_full(request.content):
            return _full()
        return self._new_version(entity, request.content)

    def _new_version(self, entity: Entity, content: Content) -> Reply:
        """Equal bytes make none (seen); a file that somebody else has checked out is closed."""
        if entity.checkout:
            long = "This file is checked out: its checkout status lets nobody else change it."
            return _passed_on(403, "Forbidden", long)
        if entity.content is None or entity.content.digests != content.digests:
            entity.versions += 1
        entity.content = content
        return Reply(tree={"data": self._stored(entity)})

    def _closed(self, node: str, folder: str) -> Reply | None:
        """The refusal where the project may not be written, or is not there."""
        known = self.nodes.get(node)
        if known is None:
            return _passed_on(404, "Page not found", "The requested resource could not be found.")
        if known.status != 200:
            return _passed_on(known.status, "Forbidden", "You do not have permission.")
        if folder and folder not in self.entities:
            return _said(404, f"{_MISSING} /{folder}/")
        return None

    def get_folder(self, request: Request, node: str, folder: str) -> Reply:
        """All that lies in a folder: whole, with hashes (WB server/api/v1/provider/metadata.py)."""
        if (reply := self._closed(node, folder)) is not None:
            return reply
        return Reply(tree={"data": [self._stored(item) for item in self._children(node, folder)]})

    def download(self, request: Request, node: str, id_: str) -> Reply:
        entity = self.entities.get(id_)
        if entity is None or entity.content is None:
            return _said(404, f"{_MISSING} /{id_}")
        if "meta" in request.query:
            return Reply(tree={"data": self._stored(entity)})
        return Reply(content=entity.content.kept or b"")

    def delete(self, request: Request, node: str, id_: str) -> Reply:
        return Reply(status=204 if self.entities.pop(id_, None) else 404)

    def _is_full(self, more: Content) -> bool:
        used = sum(item.content.size for item in self.entities.values() if item.content)
        return self.quota is not None and used + more.size > self.quota

    def _children(self, node: str, folder: str) -> Iterator[Entity]:
        for entity in list(self.entities.values()):
            if (entity.node, entity.parent) == (node, folder):
                yield entity

    def _there(self, node: str, folder: str, name: str, kind: str) -> Entity | None:
        return next(
            (one for one in self._children(node, folder) if (one.name, one.kind) == (name, kind)),
            None,
        )

    def _page(self, request: Request, entries: list[dict[str, Any]]) -> Reply:
        """A page of a list; one without an order repeats an entry in the place of another.

        Issues 11266 and 10086: the last entry of the first page stands on the later ones too.
        """
        number = int(request.query.get("page", "1"))
        start = (number - 1) * self.page
        sort = request.query.get("sort", "")
        if sort and not self.ignores_order:
            entries = sorted(entries, key=lambda one: str(one["attributes"].get(sort.lstrip("-"))))
        elif number > 1 and start < len(entries):
            entries = [*entries[:start], entries[self.page - 1], *entries[start + 1 :]]
        following = None
        if start + self.page < len(entries):
            query = urllib.parse.urlencode({**request.query, "page": number + 1})
            following = f"{self.url}{urllib.parse.quote(request.path)}?{query}"
        page = entries[start : start + self.page]
        meta = {"total": len(entries), "per_page": self.page}
        if following is None and self.loses:
            page = page[: -self.loses]
        return Reply(tree={"data": page, "links": {"next": following, "meta": meta}})

    def _node(self, node: Node) -> dict[str, Any]:
        links = {
            "files": f"{self.api}/nodes/{node.id}/files/",
            "contributors": f"{self.api}/nodes/{node.id}/contributors/",
        }
        if node.parent:
            links["parent"] = f"{self.api}/nodes/{node.parent}/"
        return {
            "id": node.id,
            "type": "nodes",
            "attributes": {
                "title": node.title, "description": "", "category": "project", "public": False,
                "tags": [], "date_created": DATE, "date_modified": DATE, **node.attributes,
            },
            "relationships": _related(**links),
            "links": {
                "self": f"{self.api}/nodes/{node.id}/", "html": f"https://osf.io/{node.id}/",
            },
        }  # fmt: skip

    def _file(self, entity: Entity) -> dict[str, Any]:
        """An entry as the API shows it."""
        links = {"node": f"{self.api}/nodes/{entity.node}/"}
        if entity.kind == "folder":
            inner = f"{self.api}/nodes/{entity.node}/files/osfstorage/{entity.id}/"
            links["files"] = inner
        stored = self._stored(entity)
        dates = {"date_created": DATE, "date_modified": DATE}
        own = {"self": f"{self.api}/files/{entity.id}/", "html": f"https://osf.io/{entity.id}/"}
        return {
            "id": entity.id,
            "type": "files",
            "attributes": {
                **stored["attributes"],
                **dates,
                "materialized_path": self._path(entity),
            },
            "relationships": _related(**links),
            "links": {**stored["links"], **own},
        }

    def _stored(self, entity: Entity) -> dict[str, Any]:
        """An entry as WaterButler shows it."""
        root = f"{self.butler}/resources/{entity.node}/providers/osfstorage/{entity.id}"
        is_folder = entity.kind == "folder"
        place = f"{root}/" if is_folder else root
        attributes: dict[str, Any] = {
            "kind": entity.kind,
            "name": entity.name,
            "path": f"/{entity.id}/" if is_folder else f"/{entity.id}",
            "materialized": self._path(entity),
            "provider": "osfstorage",
            "extra": {},
            "size": None,
        }
        if entity.content is not None:
            digests = entity.content.digests
            attributes["size"] = entity.content.size
            attributes["sizeInt"] = entity.content.size
            attributes["extra"] = {
                "hashes": {"md5": digests["md5"], "sha256": digests["sha256"]},
                "version": entity.versions,
            }
        # WB core/metadata.py `_json_api_links`
        links = {"upload": f"{place}?kind=file", "move": place, "delete": place}
        if is_folder:
            links["new_folder"] = f"{place}?kind=folder"
        return {
            "id": f"osfstorage/{entity.id}",
            "type": "files",
            "attributes": {name: value for name, value in attributes.items() if value is not None},
            "links": links,
        }

    def _path(self, entity: Entity) -> str:
        above = self._path(self.entities[entity.parent]) if entity.parent else "/"
        return f"{above}{entity.name}{'/' if entity.kind == 'folder' else ''}"


def _related(**links: str) -> Mapping[str, Any]:
    return {name: {"links": {"related": {"href": href}}} for name, href in links.items()}


def _refused(status: int, detail: str) -> Reply:
    return Reply(status=status, tree={"errors": [{"detail": detail}]})


def _said(status: int, message: str) -> Reply:
    """WB server/api/v1/core.py `write_error`."""
    return Reply(status=status, tree={"code": status, "message": message})


def _passed_on(status: int, short: str, long: str) -> Reply:
    """What osf.io told WaterButler, handed on whole (seen)."""
    tree = {"message_short": short, "message_long": long, "code": status, "referrer": None}
    return Reply(status=status, tree=tree)


def _full() -> Reply:
    """Only after the whole body, when osf.io is told of the new file (seen)."""
    return _passed_on(507, "Storage limit reached", "The storage quota would be exceeded.")


def _limited(seconds: int) -> Reply:
    """WB core/exceptions.py `TooManyRequests`; the seconds are whole, so they can be 0 (seen)."""
    headers = {
        "Retry-After": str(seconds),
        "X-Waterbutler-RateLimiting-Window": "3600",
        "X-Waterbutler-RateLimiting-Limit": "3600",
        "X-Waterbutler-RateLimiting-Remaining": "0",
    }
    tree = {"error": "API rate-limiting active due to too many requests", "headers": headers}
    return Reply(status=429, tree=tree, headers=headers)
