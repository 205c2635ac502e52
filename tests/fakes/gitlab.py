"""GitLab, as far as a deposit needs it: projects, commits, the tree, single files.

Facts beyond the contract document: an empty project has no default branch and answers 404 to its
tree, a commit with one bad action is refused whole, names and paths know some characters only, and
more than three bodies over 20 MB in half a minute are too many.
"""

import base64
import binascii
import hashlib
import itertools
import re
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any, ClassVar

from tests.fakes.git_store import PLAIN, GitStore
from tests.fakes.server import FakeServer, Reply, Request

TOKEN = "glpat-a-token-that-must-not-leak"
USER = 7
LOGIN = "tester"
HEAVY_BYTES = 20 * 10**6

_NAME = re.compile(r"[\w\u00a9-\U0001f9ff][\w\u00a9-\U0001f9ff.+ -]*")
_PATH = re.compile(r"(?!.*[-_.]{2})[A-Za-z0-9][A-Za-z0-9_.-]*(?<![-_.])")
_PROJECT = "/api/v4/projects/([^/]+)"


@dataclass
class Project:
    id: int
    namespace: str
    name: str
    path: str
    description: str | None = None
    visibility: str = "private"
    branch: str | None = None
    heads: dict[str, str] = field(default_factory=dict)
    archived: bool = False
    is_protected: bool = False
    format: str = "sha1"
    creator: int = USER

    @property
    def head(self) -> str | None:
        return None if self.branch is None else self.heads.get(self.branch)


class GitLabFake(FakeServer):
    """One account and its groups; `spoils` counts files that are stored wrong.

    `before_commit` holds what somebody else does just before a commit is made; `actions` is how
    many files each commit had, `refusals` what the next commits get for an answer. Bodies too long
    to be kept make a commit without any change; `bodies` are the SHA-256 of all. `token_fault` is
    what is wrong with the token, `most_bytes` what a proxy before it takes at once; with
    `lists_late` no list shows a project yet; with `has_lfs` git's large files are switched on; with
    `lies` the later pages of a list repeat an entry in the place of another.
    """

    keep_bytes = 48 << 20
    ROUTES: ClassVar[tuple[tuple[str, str, str], ...]] = (
        ("GET", "/api/v4/user", "user"),
        ("GET", "/api/v4/users/([0-9]+)/projects", "list_own"),
        ("GET", "/api/v4/groups/([^/]+)", "group"),
        ("GET", "/api/v4/groups/([^/]+)/projects", "list_of"),
        ("POST", "/api/v4/projects", "make"),
        ("GET", _PROJECT, "project"),
        ("DELETE", _PROJECT, "drop"),
        ("GET", f"{_PROJECT}/repository/tree", "tree"),
        ("POST", f"{_PROJECT}/repository/commits", "commit"),
        ("HEAD", f"{_PROJECT}/repository/files/([^/]+)", "file"),
        ("GET", f"{_PROJECT}/repository/files/([^/]+)", "file"),
    )

    def __init__(self) -> None:
        super().__init__()
        self.projects: dict[int, Project] = {}
        self.groups = {"lab/data": 55}
        self.stores = {name: GitStore(algorithm=name) for name in ("sha1", "sha256")}
        self.spoils = 0
        self.actions: list[int] = []
        self.heavy = 0
        self.bodies: list[str] = []
        self.before_commit: list[Callable[[], None]] = []
        self.refusals: list[tuple[int, str]] = []
        self.makes_public = False
        self.token_fault = ""
        self.most_bytes: int | None = None
        self.lists_late = False
        self.has_lfs = self.has_made_pointer = False
        self.lies = False
        self.default_visibility = "public"
        self._numbers = itertools.count(500)

    @property
    def api(self) -> str:
        return f"{self.url}/api/v4"

    # What an owner does without the API.

    def new(self, name: str, namespace: str = LOGIN, **more: Any) -> Project:
        number = next(self._numbers)
        more.setdefault("path", re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or f"p{number}")
        found = Project(id=number, namespace=namespace, name=name, **more)
        self.projects[number] = found
        return found

    def push(self, project: Project, files: dict[str, bytes]) -> None:
        """One commit on the default branch."""
        store = self.stores[project.format]
        project.branch = project.branch or "main"
        flat = {} if project.head is None else dict(store.files(project.head))
        flat |= {name: (PLAIN, store.add_blob(content)) for name, content in files.items()}
        self._commit(project, project.branch, flat, "by hand")

    def contents(self, project: Project) -> dict[str, bytes]:
        return self.stores[project.format].contents(project.head)

    def _commit(self, project: Project, branch: str, flat: dict[str, Any], message: str) -> str:
        store = self.stores[project.format]
        head = project.heads.get(branch)
        sha = store.add_commit(store.add_tree(flat), [] if head is None else [head], message)
        project.heads[branch] = sha
        return sha

    # The API.

    def before(self, request: Request) -> Reply | None:
        """A wrong token is told in one form, an expired one in another (lib/api/api_guard.rb)."""
        if self.token_fault:
            tree = {"error": "invalid_token", "error_description": self.token_fault}
            return Reply(status=401, tree=tree)
        if request.headers.get("PRIVATE-TOKEN") != TOKEN:
            return _no(401, "401 Unauthorized")
        if self.most_bytes is not None and request.content.size > self.most_bytes:
            page = b"<html><head><title>413 Request Entity Too Large</title></head>nginx</html>"
            return Reply(status=413, content=page, headers={"Content-Type": "text/html"})
        return None

    def missing(self, request: Request) -> Reply:
        return Reply(status=404, tree={"error": "404 Not Found"})

    def user(self, request: Request) -> Reply:
        return Reply(tree={"id": USER, "username": LOGIN, "name": "A Tester", "state": "active"})

    def list_own(self, request: Request, number: str) -> Reply:
        return self.list_of(request, LOGIN)

    def list_of(self, request: Request, namespace: str) -> Reply:
        rows = [row for row in self.projects.values() if row.namespace == namespace]
        rows = [] if self.lists_late else rows
        return self._page(request, [self._project(row) for row in reversed(rows)])

    def group(self, request: Request, name: str) -> Reply:
        if name not in self.groups:
            return _no(404, "404 Group Not Found")
        return Reply(tree={"id": self.groups[name], "full_path": name})

    def make(self, request: Request) -> Reply:
        wanted = request.json()
        namespace = LOGIN
        if "namespace_id" in wanted:
            namespace = next(n for n, i in self.groups.items() if i == wanted["namespace_id"])
        name, path = wanted["name"], wanted.get("path")
        if path is None:
            path = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
        wrong: dict[str, list[str]] = {}
        if not _NAME.fullmatch(name) or len(name) > 255:
            wrong["name"] = [
                "can contain only letters, digits, emoji, '_', '.', '+', dash or space"
            ]
        if not _PATH.fullmatch(path) or path.endswith((".git", ".atom")):
            wrong["path"] = ["must not start or end with a special character"]
        taken = [row for row in self.projects.values() if row.namespace == namespace]
        if any(row.name == name for row in taken):
            wrong["name"] = ["has already been taken"]
        if any(row.path.lower() == path.lower() for row in taken):
            wrong["path"] = ["has already been taken"]
        if wrong:
            return Reply(status=400, tree={"message": wrong})
        found = self.new(name, namespace, path=path, description=wanted.get("description"))
        found.visibility = wanted.get("visibility", self.default_visibility)
        if self.makes_public:
            found.visibility = "public"
        if wanted.get("initialize_with_readme"):
            self.push(found, {"README.md": b"# readme\n"})
        return Reply(status=201, tree=self._project(found))

    def project(self, request: Request, name: str) -> Reply:
        found = self._find(name)
        if found is None:
            return _no(404, "404 Project Not Found")
        return Reply(tree=self._project(found))

    def drop(self, request: Request, name: str) -> Reply:
        found = self._find(name)
        if found is None:
            return _no(404, "404 Project Not Found")
        del self.projects[found.id]
        return Reply(status=202, tree={"message": "202 Accepted"})

    def tree(self, request: Request, name: str) -> Reply:
        found = self._find(name)
        if found is None:
            return _no(404, "404 Project Not Found")
        store = self.stores[found.format]
        ref = request.query.get("ref") or found.branch or ""
        commit = found.heads.get(ref, ref)
        if commit not in store.commits:
            return _no(404, "404 Tree Not Found")
        is_deep = request.query.get("recursive") in {"true", "1", "True"}
        below = f"{request.query['path']}/" if request.query.get("path") else ""
        rows = [
            {
                "id": row["sha"],
                "name": str(row["path"]).rsplit("/", 1)[-1],
                "type": row["type"],
                "path": row["path"],
                "mode": row["mode"],
            }
            for row in store.rows(store.commits[commit].tree, is_deep=is_deep or bool(below))
            if not below or str(row["path"]).startswith(below)
        ]
        if below and not rows:
            return _no(404, "404 invalid revision or path Not Found")
        return self._page(request, rows)

    def commit(self, request: Request, name: str) -> Reply:
        found = self._find(name)
        if found is None:
            return _no(404, "404 Project Not Found")
        if request.content.size > HEAVY_BYTES:
            self.heavy += 1
            if self.heavy > 3:
                return Reply(status=429, tree={"message": "x"}, headers={"Retry-After": "30"})
        self.bodies.append(request.content.digests["sha256"])
        if self.refusals:
            return _no(*self.refusals.pop())
        if found.is_protected:
            return _no(403, "You are not allowed to push into this branch")
        for act in self.before_commit[:1]:
            self.before_commit.remove(act)
            act()
        if request.content.kept is None:
            found.branch = found.branch or "main"
            sha = self._commit(found, found.branch, {}, "too long to be kept")
            return Reply(status=201, tree=self._commit_row(found, sha))
        wanted = request.json()
        return self._apply(found, wanted)

    def _apply(self, found: Project, wanted: dict[str, Any]) -> Reply:
        branch, store = wanted["branch"], self.stores[found.format]
        if found.heads and branch not in found.heads:
            return _no(400, "You can only create or edit files when you are on a branch")
        self.actions.append(len(wanted["actions"]))
        head = found.heads.get(branch)
        flat = {} if head is None else dict(store.files(head))
        # lfs/file_transformer.rb asks for the attributes of the branch as it is before the commit
        rules = flat.get(".gitattributes")
        tracked = store.blobs[rules[1]].decode() if rules is not None and self.has_lfs else ""
        for action in wanted["actions"]:
            path = action["file_path"]
            is_odd = any(part.lower() in {"", ".", "..", ".git"} for part in path.split("/"))
            # lib/gitlab/path_traversal.rb
            if is_odd or "\n" in path:
                return _no(400, "file_path should be a valid file path")
            if action["action"] == "create" and path in flat:
                return _no(400, "A file with this name already exists")
            # app/services/files/multi_service.rb looks before git does
            seen = action.get("last_commit_id") if action["action"] == "update" else None
            last = None if head is None else store.last_commit(head, path)
            if seen is not None and last is not None and seen != last:
                said = "The file has changed since you started editing it"
                return _no(400, f"{said}: {path}")
            if action["action"] == "update" and path not in flat:
                return _no(400, "A file with this name doesn't exist")
            try:
                content = base64.b64decode(action["content"], validate=True)
            except binascii.Error:
                return _no(400, "content is invalid")
            if self.spoils:
                self.spoils -= 1
                content = bytes([content[0] ^ 1]) + content[1:] if content else b"x"
            if action["action"] == "create" and _is_large(tracked, path):
                # app/services/files/multi_service.rb: creations alone become pointers
                content, self.has_made_pointer = _pointer(content), True
            mode = flat[path][0] if path in flat else PLAIN
            flat[path] = (mode, store.add_blob(content))
        found.branch = found.branch or branch
        sha = self._commit(found, branch, flat, wanted["commit_message"])
        return Reply(status=201, tree=self._commit_row(found, sha))

    def file(self, request: Request, name: str, path: str) -> Reply:
        found = self._find(name)
        assert found is not None
        decoded = urllib.parse.unquote_plus(path)
        if "\n" in decoded or any(part in {".", ".."} for part in re.split(r"[/\\]", decoded)):
            # lib/gitlab/path_traversal.rb, by api/validations/validators/file_path.rb
            return Reply(status=400, tree={"error": "file_path should be a valid file path"})
        store = self.stores[found.format]
        commit = found.heads.get(request.query["ref"], request.query["ref"])
        entry = store.files(commit).get(path) if commit in store.commits else None
        if entry is None:
            return _no(404, "404 File Not Found")
        content = store.blobs[entry[1]]
        sha256 = hashlib.sha256(content).hexdigest()
        headers = {
            "X-Gitlab-Blob-Id": entry[1],
            "X-Gitlab-Content-Sha256": sha256,
            "X-Gitlab-Size": str(len(content)),
            "X-Gitlab-Last-Commit-Id": str(store.last_commit(commit, path)),
            "X-Gitlab-Commit-Id": str(commit),
        }
        tree = {
            "file_name": path.rsplit("/", 1)[-1],
            "file_path": path,
            "size": len(content),
            "encoding": "base64",
            "content": base64.b64encode(content).decode(),
            "content_sha256": sha256,
            "ref": request.query["ref"],
            "blob_id": entry[1],
            "commit_id": commit,
            "last_commit_id": store.last_commit(commit, path),
        }
        return Reply(tree=tree, headers=headers)

    # How things look.

    def _find(self, name: str) -> Project | None:
        if name.isdecimal():
            return self.projects.get(int(name))
        rows = self.projects.values()
        return next((row for row in rows if f"{row.namespace}/{row.path}" == name), None)

    def _page(self, request: Request, rows: list[dict[str, Any]]) -> Reply:
        size = min(int(request.query.get("per_page", 20)), 100)
        start = int(request.query.get("page_token") or 0)
        if "page" in request.query:
            start = size * (int(request.query["page"]) - 1)
        if self.lies and size <= start < len(rows):
            rows = [*rows[:start], rows[size - 1], *rows[start + 1 :]]
        headers = {"X-Per-Page": str(size)}
        if len(rows) > start + size:
            query = {k: v for k, v in request.query.items() if k not in {"page", "page_token"}}
            following = urllib.parse.urlencode({**query, "page_token": str(start + size)})
            path = request.target.split("?")[0]
            headers["Link"] = f'<{self.url}{path}?{following}>; rel="next"'
        return Reply(tree=rows[start : start + size], headers=headers)

    def _project(self, found: Project) -> dict[str, Any]:
        place = f"{found.namespace}/{found.path}"
        return {
            "id": found.id,
            "name": found.name,
            "path": found.path,
            "path_with_namespace": place,
            "web_url": f"https://gitlab.com/{place}",
            "default_branch": found.branch,
            "visibility": found.visibility,
            "description": found.description,
            "archived": found.archived,
            "creator_id": found.creator,
            "empty_repo": found.head is None,
        }

    def _commit_row(self, found: Project, sha: str) -> dict[str, Any]:
        commit = self.stores[found.format].commits[sha]
        return {
            "id": sha,
            "short_id": sha[:8],
            "title": commit.message,
            "message": commit.message,
            "parent_ids": commit.parents,
            "web_url": f"https://gitlab.com/{found.namespace}/{found.path}/-/commit/{sha}",
        }


def _is_large(attributes: str, path: str) -> bool:
    """Whether `.gitattributes` has this file kept by git LFS."""
    rows = [line.split() for line in attributes.splitlines()]
    return any("filter=lfs" in row and fnmatch(path.rsplit("/", 1)[-1], row[0]) for row in rows)


def _pointer(content: bytes) -> bytes:
    """What git holds in the place of a large file (lib/gitlab/git/lfs_pointer_file.rb)."""
    name = hashlib.sha256(content).hexdigest()
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{name}\nsize {len(content)}\n"
    ).encode()


def _no(status: int, message: str) -> Reply:
    return Reply(status=status, tree={"message": message})
