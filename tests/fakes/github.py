"""GitHub, as far as a deposit needs it: repositories, git data, contents, releases.

Facts beyond the contract document: blobs over 41,820,160 bytes are refused, an empty repository
answers 409 to git data, names are written with `-` for what they cannot hold, drafts of releases
have no tag, names of assets know few characters, secondary limits are 403 with a time.
"""

import base64
import binascii
import dataclasses
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.fakes.git_store import PLAIN, GitStore
from tests.fakes.server import Content, FakeServer, Reply, Request

TOKEN = "ghp_a-token-that-must-not-leak"
LOGIN = "tester"
INIT_README = b"# made by auto_init\n"
BLOB_BYTES = 41_820_160
DATE = "2026-11-22T05:00:00Z"
DOCS = "https://docs.github.com/rest"

_USER_URLS = (
    "avatar_url", "events_url", "followers_url", "following_url", "gists_url", "html_url",
    "organizations_url", "received_events_url", "repos_url", "starred_url", "subscriptions_url",
    "url",
)  # fmt: skip
_REPO_URLS = (
    "archive_url", "assignees_url", "blobs_url", "branches_url", "collaborators_url",
    "comments_url", "commits_url", "compare_url", "contents_url", "contributors_url",
    "deployments_url", "downloads_url", "events_url", "forks_url", "git_commits_url",
    "git_refs_url", "git_tags_url", "hooks_url", "issue_comment_url", "issue_events_url",
    "issues_url", "keys_url", "labels_url", "languages_url", "merges_url", "milestones_url",
    "notifications_url", "pulls_url", "releases_url", "stargazers_url", "statuses_url",
    "subscribers_url", "subscription_url", "tags_url", "teams_url", "trees_url", "url",
    "clone_url", "git_url", "mirror_url", "ssh_url", "svn_url",
)  # fmt: skip
_COUNTS = (
    "forks", "forks_count", "open_issues", "open_issues_count", "size", "stargazers_count",
    "watchers", "watchers_count", "network_count", "subscribers_count",
)  # fmt: skip
_FLAGS = ("has_issues", "has_projects", "has_wiki", "has_pages", "has_discussions", "has_downloads")


@dataclass
class Asset:
    id: int
    name: str
    label: str | None
    content: Content
    state: str = "uploaded"


@dataclass
class Release:
    id: int
    tag: str
    target: str
    draft: bool
    prerelease: bool
    name: str
    assets: list[Asset] = field(default_factory=list)


@dataclass
class Repository:
    id: int
    owner: str
    name: str
    description: str | None = None
    private: bool = False
    branch: str = "main"
    heads: dict[str, str] = field(default_factory=dict)
    releases: list[Release] = field(default_factory=list)
    may_push: bool = True
    archived: bool = False
    is_protected: bool = False
    rule: str = "Changes must be made through a pull request."
    former: str = ""
    is_fork: bool = False

    @property
    def head(self) -> str | None:
        return self.heads.get(self.branch)


class GitHubFake(FakeServer):
    """One account and its organisations; `spoils` counts writes that are stored wrong.

    `creating_left` is how many objects may be made before the secondary limit, None without one;
    `taken` are the names of the blobs that were sent and stored, each as often as it was.
    `before_move` holds what somebody else does just before the branch would be moved. With
    `mends_lines` texts within a tree lose their carriage returns; with `lies` the later pages of a
    list repeat an entry in the place of another.
    """

    keep_bytes = 64 << 20
    ROUTES: ClassVar[tuple[tuple[str, str, str], ...]] = (
        ("GET", "/user", "user"),
        ("GET", "/user/repos", "list_own"),
        ("POST", "/user/repos", "make_own"),
        ("GET", "/orgs/([^/]+)/repos", "list_of"),
        ("POST", "/orgs/([^/]+)/repos", "make_of"),
        ("GET", "/repositories/([0-9]+)", "by_id"),
        ("GET", "/repos/([^/]+/[^/]+)", "by_name"),
        ("DELETE", "/repos/([^/]+/[^/]+)", "drop"),
        ("GET", "/repos/([^/]+/[^/]+)/git/ref/(.+)", "ref"),
        ("GET", "/repos/([^/]+/[^/]+)/git/refs/(.+)", "ref"),
        ("PATCH", "/repos/([^/]+/[^/]+)/git/refs/(.+)", "move"),
        ("POST", "/repos/([^/]+/[^/]+)/git/blobs", "make_blob"),
        ("GET", "/repos/([^/]+/[^/]+)/git/blobs/(.+)", "blob"),
        ("HEAD", "/repos/([^/]+/[^/]+)/git/blobs/(.+)", "blob"),
        ("POST", "/repos/([^/]+/[^/]+)/git/trees", "make_tree"),
        ("GET", "/repos/([^/]+/[^/]+)/git/trees/(.+)", "tree"),
        ("POST", "/repos/([^/]+/[^/]+)/git/commits", "make_commit"),
        ("GET", "/repos/([^/]+/[^/]+)/git/commits/(.+)", "commit"),
        ("GET", "/repos/([^/]+/[^/]+)/contents/(.+)", "content"),
        ("PUT", "/repos/([^/]+/[^/]+)/contents/(.+)", "put_content"),
        ("GET", "/repos/([^/]+/[^/]+)/releases", "list_releases"),
        ("POST", "/repos/([^/]+/[^/]+)/releases", "make_release"),
        ("GET", "/repos/([^/]+/[^/]+)/releases/([0-9]+)", "release"),
        ("PATCH", "/repos/([^/]+/[^/]+)/releases/([0-9]+)", "change_release"),
        ("GET", "/repos/([^/]+/[^/]+)/releases/([0-9]+)/assets", "list_assets"),
        ("POST", "/repos/([^/]+/[^/]+)/releases/([0-9]+)/assets", "make_asset"),
        ("DELETE", "/repos/([^/]+/[^/]+)/releases/assets/([0-9]+)", "drop_asset"),
    )

    def __init__(self) -> None:
        super().__init__()
        self.repositories: dict[int, Repository] = {}
        self.store = GitStore()
        self.spoils = 0
        self.creating_left: int | None = None
        self.taken: list[str] = []
        self.before_move: list[Callable[[], None]] = []
        self.tree_limit = 100_000
        self.gives_digests = True
        self.makes_public = False
        self.mends_lines = False
        self.lies = False
        self._ids = 1000

    # What an owner does without the API.

    def push(self, repository: Repository, files: dict[str, bytes]) -> None:
        """One commit on the default branch."""
        flat = {} if repository.head is None else dict(self.store.files(repository.head))
        flat |= {name: (PLAIN, self.store.add_blob(content)) for name, content in files.items()}
        parents = [] if repository.head is None else [repository.head]
        tree = self.store.add_tree(flat)
        repository.heads[repository.branch] = self.store.add_commit(tree, parents, "by hand")

    def new(self, name: str, owner: str = LOGIN, **more: Any) -> Repository:
        found = Repository(id=self._next(), owner=owner, name=name, **more)
        self.repositories[found.id] = found
        return found

    def contents(self, repository: Repository) -> dict[str, bytes]:
        return self.store.contents(repository.head)

    def _next(self) -> int:
        self._ids += 1
        return self._ids

    def _spoilt(self, content: bytes) -> bytes:
        if not self.spoils:
            return content
        self.spoils -= 1
        return bytes([content[0] ^ 1]) + content[1:] if content else b"x"

    # The API.

    def answer(self, request: Request) -> Reply:
        """A renamed repository sends on to its number, which keeps its place.

        docs.github.com/rest, "Best practices": 301 for what reads, 307 for the rest.
        """
        named = re.match(r"/repos/([^/]+/[^/?]+)(.*)", request.target)
        for found in self.repositories.values():
            if named and found.former and found.former.lower() == named[1].lower():
                headers = {"Location": f"{self.url}/repositories/{found.id}{named[2]}"}
                status = 301 if request.method in {"GET", "HEAD"} else 307
                return Reply(status=status, tree={"message": "Moved"}, headers=headers)
        numbered = re.match(r"/repositories/([0-9]+)(/.*)", request.target)
        if numbered and (by_id := self.repositories.get(int(numbered[1]))):
            target = f"/repos/{by_id.owner}/{by_id.name}{numbered[2]}"
            request = dataclasses.replace(request, target=target)
        return super().answer(request)

    def before(self, request: Request) -> Reply | None:
        if request.headers.get("Authorization") not in {f"Bearer {TOKEN}", f"token {TOKEN}"}:
            return _no(401, "Bad credentials")
        if not request.headers.get("User-Agent"):
            return _no(403, "Request forbidden by administrative rules.")
        if request.method in {"POST", "PUT", "PATCH"} and self.creating_left is not None:
            if self.creating_left == 0:
                said = _no(403, "You have exceeded a secondary rate limit.")
                return Reply(status=403, tree=said.tree, headers={"Retry-After": "60"})
            self.creating_left -= 1
        return None

    def missing(self, request: Request) -> Reply:
        return _no(404, "Not Found")

    def user(self, request: Request) -> Reply:
        more: dict[str, Any] = {
            "user_view_type": "public",
            "public_repos": 1,
            "public_gists": 0,
            "followers": 0,
            "following": 0,
        }
        named = dict.fromkeys(("name", "company", "blog", "location", "email", "hireable", "bio"))
        return Reply(
            tree={**self._user(LOGIN), **more, **named, "created_at": DATE, "updated_at": DATE}
        )

    def list_own(self, request: Request) -> Reply:
        return self.list_of(request, LOGIN)

    def list_of(self, request: Request, owner: str) -> Reply:
        found = [row for row in self.repositories.values() if row.owner == owner]
        return self._page(request, [self._repository(row) for row in reversed(found)])

    def make_own(self, request: Request) -> Reply:
        return self.make_of(request, LOGIN)

    def make_of(self, request: Request, owner: str) -> Reply:
        wanted = request.json()
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", wanted["name"])
        if len(name) > 100 or len(wanted.get("description") or "") > 350:
            return _no(422, "Repository creation failed.", "is too long")
        if self._by_name(f"{owner}/{name}") is not None:
            return _no(422, "Repository creation failed.", "name already exists on this account")
        found = self.new(name, owner, description=wanted.get("description"))
        found.private = bool(wanted.get("private")) and not self.makes_public
        if wanted.get("auto_init"):
            self.push(found, {"README.md": INIT_README})
        return Reply(status=201, tree=self._repository(found))

    def by_id(self, request: Request, number: str) -> Reply:
        found = self.repositories.get(int(number))
        return _no(404, "Not Found") if found is None else Reply(tree=self._repository(found))

    def by_name(self, request: Request, name: str) -> Reply:
        found = self._by_name(name)
        return _no(404, "Not Found") if found is None else Reply(tree=self._repository(found))

    def drop(self, request: Request, name: str) -> Reply:
        found = self._by_name(name)
        if found is None:
            return _no(404, "Not Found")
        del self.repositories[found.id]
        return Reply(status=204)

    def ref(self, request: Request, name: str, ref: str) -> Reply:
        found = self._repo(name)
        if not found.heads:
            return _no(409, "Git Repository is empty.")
        sha = found.heads.get(ref.removeprefix("heads/"))
        return _no(404, "Not Found") if sha is None else Reply(tree=self._ref(found, ref, sha))

    def move(self, request: Request, name: str, ref: str) -> Reply:
        found, wanted = self._repo(name), request.json()
        for act in self.before_move[:1]:
            self.before_move.remove(act)
            act()
        if found.is_protected:
            return _no(422, f"Repository rule violations found\n\n{found.rule}\n\n")
        branch = ref.removeprefix("heads/")
        if not self.store.is_ancestor(found.heads[branch], wanted["sha"]) and not wanted["force"]:
            return _no(422, "Update is not a fast forward")
        found.heads[branch] = wanted["sha"]
        return Reply(tree=self._ref(found, ref, wanted["sha"]))

    def make_blob(self, request: Request, name: str) -> Reply:
        found, wanted = self._repo(name), request.json()
        if not found.heads:
            return _no(409, "Git Repository is empty.")
        content = _decoded(wanted)
        if content is None:
            return _no(422, "content is not valid Base64")
        if len(content) > BLOB_BYTES:
            return _no(422, "Sorry, your input was too large to process.")
        sha = self.store.add_blob(self._spoilt(content))
        self.taken.append(sha)
        return Reply(status=201, tree={"sha": sha, "url": f"{self._url(found)}/git/blobs/{sha}"})

    def blob(self, request: Request, name: str, sha: str) -> Reply:
        content = self.store.blobs.get(sha)
        if content is None:
            return _no(404, "Not Found")
        text = base64.b64encode(content).decode()
        tree = {"sha": sha, "url": self.url, "node_id": "B", "size": len(content)}
        return Reply(tree={**tree, "content": text, "encoding": "base64"})

    def make_tree(self, request: Request, name: str) -> Reply:
        found, wanted = self._repo(name), request.json()
        if not found.heads:
            return _no(409, "Git Repository is empty.")
        base = wanted.get("base_tree")
        if base is not None and base not in self.store.trees:
            return _no(422, "base_tree is not a valid tree oid")
        flat = {} if base is None else dict(self.store.trees[base])
        for row in wanted["tree"]:
            path = row["path"]
            if any(part.lower() in {"", ".", "..", ".git"} for part in path.split("/")):
                return _no(422, "tree.path contains a malformed path component")
            if "content" in row:
                if "\0" in row["content"]:
                    return _no(422, "tree.content contains a null byte")
                text = row["content"].replace("\r\n", "\n" if self.mends_lines else "\r\n")
                sha = self.store.add_blob(self._spoilt(text.encode()))
            elif row["sha"] is None:
                if flat.pop(path, None) is None:
                    return _no(422, "GitRPC::BadObjectState")
                continue
            elif row["sha"] not in self.store.blobs:
                return _no(422, f"tree.sha {row['sha']} is not a valid blob")
            else:
                sha = row["sha"]
            flat = {old: value for old, value in flat.items() if not old.startswith(f"{path}/")}
            flat[path] = (row["mode"], sha)
        tree = self.store.add_tree(flat)
        return Reply(status=201, tree=self._tree(found, tree, is_deep=False))

    def tree(self, request: Request, name: str, sha: str) -> Reply:
        found = self._repo(name)
        sha = found.heads.get(sha, sha)
        commit = self.store.commits.get(sha)
        tree = sha if commit is None else commit.tree
        if tree not in self.store.trees:
            return _no(404, "Not Found")
        return Reply(tree=self._tree(found, tree, is_deep="recursive" in request.query))

    def make_commit(self, request: Request, name: str) -> Reply:
        found, wanted = self._repo(name), request.json()
        if wanted["tree"] not in self.store.trees:
            return _no(422, "Tree SHA does not exist")
        sha = self.store.add_commit(wanted["tree"], wanted.get("parents", []), wanted["message"])
        return Reply(status=201, tree=self._commit(found, sha))

    def commit(self, request: Request, name: str, sha: str) -> Reply:
        if sha not in self.store.commits:
            return _no(404, "Not Found")
        return Reply(tree=self._commit(self._repo(name), sha))

    def content(self, request: Request, name: str, path: str) -> Reply:
        found = self._repo(name)
        files = {} if found.head is None else self.store.files(found.head)
        start = len(path) + 1
        inner = {one[start:].partition("/")[0] for one in files if one.startswith(f"{path}/")}
        if inner:
            rows = [(f"{path}/{one}", files.get(f"{path}/{one}", ("", None))[1]) for one in inner]
            return Reply(tree=[self._content(found, *row) for row in sorted(rows, key=str)])
        if path not in files:
            return _no(404, "Not Found")
        sha = files[path][1]
        text = base64.b64encode(self.store.blobs[sha]).decode()
        tree = {**self._content(found, path, sha), "content": text, "encoding": "base64"}
        return Reply(tree=tree)

    def put_content(self, request: Request, name: str, path: str) -> Reply:
        found, wanted = self._repo(name), request.json()
        content = _decoded({**wanted, "encoding": "base64"})
        if content is None:
            return _no(422, "content is not valid Base64")
        old = None if found.head is None else self.store.files(found.head).get(path)
        if old is not None and old[1] != wanted.get("sha"):
            if "sha" in wanted:
                return _no(409, f"{path} does not match {wanted['sha']}")
            return _no(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
        self.push(found, {path: self._spoilt(content)})
        assert found.head is not None
        sha = self.store.files(found.head)[path][1]
        tree = {
            "content": self._content(found, path, sha),
            "commit": self._commit(found, found.head),
        }
        return Reply(status=201 if old is None else 200, tree=tree)

    def list_releases(self, request: Request, name: str) -> Reply:
        found = self._repo(name)
        return self._page(request, [self._release(found, row) for row in reversed(found.releases)])

    def make_release(self, request: Request, name: str) -> Reply:
        found, wanted = self._repo(name), request.json()
        if not found.heads:
            return _no(422, "Repository is empty.")
        tag, is_draft = wanted["tag_name"], bool(wanted.get("draft"))
        if not is_draft and any(row.tag == tag and not row.draft for row in found.releases):
            return _no(422, "Validation Failed", "already_exists")
        release = Release(
            id=self._next(),
            tag=tag,
            target=wanted.get("target_commitish", found.branch),
            draft=is_draft,
            prerelease=bool(wanted.get("prerelease")),
            name=wanted.get("name") or tag,
        )
        found.releases.append(release)
        return Reply(status=201, tree=self._release(found, release))

    def release(self, request: Request, name: str, number: str) -> Reply:
        found = self._repo(name)
        return Reply(tree=self._release(found, _by_id(found.releases, number)))

    def change_release(self, request: Request, name: str, number: str) -> Reply:
        found, wanted = self._repo(name), request.json()
        release = _by_id(found.releases, number)
        release.draft = wanted.get("draft", release.draft)
        release.prerelease = wanted.get("prerelease", release.prerelease)
        release.target = wanted.get("target_commitish", release.target)
        return Reply(tree=self._release(found, release))

    def list_assets(self, request: Request, name: str, number: str) -> Reply:
        found = self._repo(name)
        release = _by_id(found.releases, number)
        return self._page(request, [self._asset(found, row) for row in release.assets])

    def make_asset(self, request: Request, name: str, number: str) -> Reply:
        found = self._repo(name)
        release = _by_id(found.releases, number)
        written = re.sub(r"[^A-Za-z0-9._-]+", ".", request.query["name"])
        if any(asset.name == written for asset in release.assets):
            return _no(422, "Validation Failed", "already_exists")
        content = request.content
        if self.spoils and content.kept is not None:
            content = Content.of(self._spoilt(content.kept))
        asset = Asset(self._next(), written, request.query.get("label"), content)
        release.assets.append(asset)
        return Reply(status=201, tree=self._asset(found, asset))

    def drop_asset(self, request: Request, name: str, number: str) -> Reply:
        for release in self._repo(name).releases:
            for asset in release.assets:
                if asset.id == int(number):
                    release.assets.remove(asset)
                    return Reply(status=204)
        return _no(404, "Not Found")

    # How things look.

    def _by_name(self, name: str) -> Repository | None:
        rows = self.repositories.values()
        return next((r for r in rows if f"{r.owner}/{r.name}".lower() == name.lower()), None)

    def _repo(self, name: str) -> Repository:
        found = self._by_name(name)
        assert found is not None, name
        return found

    def _url(self, found: Repository) -> str:
        return f"{self.url}/repos/{found.owner}/{found.name}"

    def _page(self, request: Request, rows: list[dict[str, Any]]) -> Reply:
        size, page = int(request.query.get("per_page", 30)), int(request.query.get("page", 1))
        start = size * (page - 1)
        if self.lies and size <= start < len(rows):
            rows = [*rows[:start], rows[size - 1], *rows[start + 1 :]]
        headers = {}
        if len(rows) > size * page:
            kept = "&".join(f"{k}={v}" for k, v in request.query.items() if k != "page")
            path = request.target.split("?")[0]
            headers["Link"] = (
                f'<{self.url}{path}?{kept}&page={page + 1}>; rel="next", <x>; rel="last"'
            )
        return Reply(tree=rows[size * (page - 1) : size * page], headers=headers)

    def _user(self, login: str) -> dict[str, Any]:
        urls = {key: f"{self.url}/users/{login}/{key}" for key in _USER_URLS}
        more = {"login": login, "id": 1, "node_id": "U", "gravatar_id": "", "site_admin": False}
        return {**urls, **more, "type": "User"}

    def _repository(self, found: Repository) -> dict[str, Any]:
        return {
            **{key: f"{self._url(found)}/{key}" for key in _REPO_URLS},
            **dict.fromkeys(_COUNTS, 0),
            **dict.fromkeys(_FLAGS, True),
            "url": self._url(found),
            "html_url": f"https://github.com/{found.owner}/{found.name}",
            "id": found.id,
            "node_id": f"R{found.id}",
            "name": found.name,
            "full_name": f"{found.owner}/{found.name}",
            "owner": self._user(found.owner),
            "private": found.private,
            "description": found.description,
            "default_branch": found.branch,
            "fork": found.is_fork,
            "homepage": None,
            "language": None,
            "license": None,
            "archived": found.archived,
            "disabled": False,
            "permissions": {"admin": found.may_push, "push": found.may_push, "pull": True},
            "created_at": DATE,
            "updated_at": DATE,
            "pushed_at": DATE,
        }

    def _ref(self, found: Repository, ref: str, sha: str) -> dict[str, Any]:
        url = f"{self._url(found)}/git"
        inner = {"type": "commit", "sha": sha, "url": f"{url}/commits/{sha}"}
        return {"ref": f"refs/{ref}", "node_id": "F", "url": f"{url}/refs/{ref}", "object": inner}

    def _tree(self, found: Repository, sha: str, *, is_deep: bool) -> dict[str, Any]:
        rows = self.store.rows(sha, is_deep=is_deep)
        kept = [{**row, "url": f"{self._url(found)}/git/x"} for row in rows[: self.tree_limit]]
        url = f"{self._url(found)}/git/trees/{sha}"
        return {"sha": sha, "url": url, "tree": kept, "truncated": len(kept) < len(rows)}

    def _commit(self, found: Repository, sha: str) -> dict[str, Any]:
        commit, url = self.store.commits[sha], f"{self._url(found)}/git"
        person = {"name": LOGIN, "email": "tester@example.org", "date": DATE}
        checked = {"verified": False, "reason": "unsigned", "signature": None, "payload": None}
        return {
            "sha": sha,
            "node_id": "C",
            "url": f"{url}/commits/{sha}",
            "html_url": f"https://github.com/{found.owner}/{found.name}/commit/{sha}",
            "author": person,
            "committer": person,
            "tree": {"sha": commit.tree, "url": f"{url}/trees/{commit.tree}"},
            "message": commit.message,
            "parents": [{"sha": p, "url": url, "html_url": url} for p in commit.parents],
            "verification": {**checked, "verified_at": None},
        }

    def _content(self, found: Repository, path: str, sha: str | None) -> dict[str, Any]:
        """A file; a folder without a blob's name."""
        url = f"{self._url(found)}/contents/{path}"
        return {
            "type": "dir" if sha is None else "file",
            "name": path.rsplit("/", 1)[-1],
            "path": path,
            "sha": sha or git_name(path.encode()),
            "size": 0 if sha is None else len(self.store.blobs[sha]),
            **dict.fromkeys(("url", "git_url", "html_url", "download_url"), url),
            "_links": dict.fromkeys(("self", "git", "html"), url),
        }

    def _release(self, found: Repository, release: Release) -> dict[str, Any]:
        url = f"{self._url(found)}/releases/{release.id}"
        return {
            **dict.fromkeys(("url", "html_url", "tarball_url", "zipball_url"), url),
            "assets_url": f"{url}/assets",
            "upload_url": f"{url}/assets{{?name,label}}",
            "id": release.id,
            "node_id": "L",
            "tag_name": release.tag,
            "target_commitish": release.target,
            "name": release.name,
            "draft": release.draft,
            "prerelease": release.prerelease,
            "created_at": DATE,
            "published_at": None if release.draft else DATE,
            "author": self._user(found.owner),
            "assets": [self._asset(found, asset) for asset in release.assets],
        }

    def _asset(self, found: Repository, asset: Asset) -> dict[str, Any]:
        url = f"{self._url(found)}/releases/assets/{asset.id}"
        digest = f"sha256:{asset.content.digests['sha256']}" if self.gives_digests else None
        return {
            "url": url,
            "browser_download_url": url,
            "id": asset.id,
            "node_id": "A",
            "name": asset.name,
            "label": asset.label,
            "state": asset.state,
            "content_type": "application/octet-stream",
            "size": asset.content.size,
            "digest": digest,
            "download_count": 0,
            "created_at": DATE,
            "updated_at": DATE,
            "uploader": self._user(found.owner),
        }


def _decoded(wanted: dict[str, Any]) -> bytes | None:
    if wanted.get("encoding", "utf-8") != "base64":
        return str(wanted["content"]).encode()
    try:
        return base64.b64decode("".join(wanted["content"].split()), validate=True)
    except binascii.Error:
        return None


def _by_id(rows: list[Release], number: str) -> Release:
    return next(row for row in rows if row.id == int(number))


def _no(status: int, message: str, detail: str = "") -> Reply:
    tree: dict[str, Any] = {"message": message, "documentation_url": DOCS, "status": str(status)}
    if detail:
        tree["errors"] = [{"resource": "X", "code": "custom", "field": "name", "message": detail}]
    return Reply(status=status, tree=tree)


def git_name(content: bytes) -> str:
    """The name of a blob, worked out apart from our own code."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
