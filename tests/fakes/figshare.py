"""Figshare with its two services: the API at 127.0.0.1, the upload service at `localhost`.

Two host names on one port; a token that reaches the upload service is a bug of the client, which
the fake raises. State and strictness are those of Figshare, as far as an upload meets them.
"""

import hashlib
import itertools
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.fakes.server import KEEP_BYTES, Content, FakeServer, Reply, Request

TOKEN = "figshare-token-1"
DATE = "2026-01-01T00:00:00Z"
PENDING = ("ic_checking", "moving_to_final")
"""What a file's status says while its digest is being taken."""

NEEDED = ("title", "description", "authors", "tags", "categories", "license", "defined_type")
"""What an article must have before it can be published."""

TYPES = (
    "figure", "online resource", "preprint", "book", "conference contribution", "media", "dataset",
    "poster", "journal contribution", "presentation", "thesis", "software",
)  # fmt: skip
LICENSES: list[dict[str, Any]] = [
    {"value": 1, "name": "CC BY 4.0", "url": "https://creativecommons.org/licenses/by/4.0/"},
    {"value": 2, "name": "CC0", "url": "https://creativecommons.org/publicdomain/zero/1.0/"},
    {"value": 3, "name": "MIT", "url": "https://opensource.org/licenses/MIT"},
    {"value": 6, "name": "GPL 3.0+", "url": "https://www.gnu.org/licenses/gpl-3.0.html"},
]
CATEGORIES: list[dict[str, Any]] = [
    {
        "id": number, "parent_id": parent, "title": title, "path": f"/{parent}/{number}",
        "source_id": source, "taxonomy_id": 100, "is_selectable": parent != 0,
    }
    for number, parent, title, source in (
        (24130, 0, "Zoology", "3109"),
        (24136, 24130, "Animal Behaviour", "310901"),
        (24139, 24130, "Anatomy", "310902"),
        (25001, 24130, "Anatomy", "320101"),
    )
]  # fmt: skip


@dataclass
class Upload:
    """The parts of one file; `locks` counts how often a part still says that it is locked."""

    token: str
    part_size: int
    size: int
    parts: dict[int, Content] = field(default_factory=dict)
    locks: dict[int, int] = field(default_factory=dict)

    def ranges(self) -> list[tuple[int, int, int]]:
        """Number, first and last byte of each part."""
        return [
            (number, start, min(start + self.part_size, self.size) - 1)
            for number, start in enumerate(range(0, self.size, self.part_size), 1)
        ]

    def content(self) -> Content:
        """All parts as one; of a long one in many parts only the md5."""
        if len(self.parts) == 1:
            return self.parts[1]
        pieces = [self.parts[number].kept for number, _, _ in self.ranges()]
        if self.size <= KEEP_BYTES:
            return Content.of(b"".join(piece for piece in pieces if piece is not None))
        digest = hashlib.md5()
        for piece in pieces:
            assert piece is not None, "the parts are too long to be kept"
            digest.update(piece)
        return Content(size=self.size, digests={"md5": digest.hexdigest()}, kept=None)


@dataclass
class File:
    """A file of an article; `polls` is how often it is asked for until its digest is there."""

    id: int
    article: int
    name: str
    folder: str
    size: int
    supplied: str
    upload: Upload
    content: Content | None = None
    status: str = "created"
    polls: int = 0
    hidden: int = 0
    is_link: bool = False


@dataclass
class Article:
    id: int
    project: int
    attributes: dict[str, Any]
    is_public_as_it_is: bool = False


@dataclass
class Project:
    id: int
    attributes: dict[str, Any]
    role: str = "Owner"


class FigshareFake(FakeServer):
    """Figshare for one user.

    `page` is the page size whatever is asked for, `part_size` that of uploads, `polls` how long a
    digest takes, `hides` how often a new file is not found under its own address. With `lies` the
    later pages of a list repeat an entry in the place of another.
    """

    ROUTES: ClassVar = (
        ("GET", r"/v2/account", "get_account"),
        ("GET", r"/v2/account/licenses", "get_licenses"),
        ("GET", r"/v2/account/categories", "get_categories"),
        ("GET", r"/v2/account/projects", "get_projects"),
        ("POST", r"/v2/account/projects", "post_project"),
        ("GET", r"/v2/account/projects/(\d+)", "get_project"),
        ("GET", r"/v2/account/projects/(\d+)/articles", "get_articles"),
        ("POST", r"/v2/account/projects/(\d+)/articles", "post_article"),
        ("GET", r"/v2/account/projects/(\d+)/articles/(\d+)", "get_project_article"),
        ("GET", r"/v2/account/articles/(\d+)", "get_article"),
        ("POST", r"/v2/account/articles/(\d+)/publish", "publish"),
        ("GET", r"/v2/account/articles/(\d+)/files", "get_files"),
        ("POST", r"/v2/account/articles/(\d+)/files", "post_file"),
        ("GET", r"/v2/account/articles/(\d+)/files/(\d+)", "get_file"),
        ("POST", r"/v2/account/articles/(\d+)/files/(\d+)", "complete"),
        ("DELETE", r"/v2/account/articles/(\d+)/files/(\d+)", "delete"),
        ("DELETE", r"/v2/account/articles/(\d+)", "delete_article"),
        ("DELETE", r"/v2/account/projects/(\d+)", "delete_project"),
        ("GET", r"/files/(\d+)", "download"),
        ("GET", r"/upload/([^/]+)", "get_upload"),
        ("PUT", r"/upload/([^/]+)/(\d+)", "put_part"),
    )

    def __init__(self, *, token: str = TOKEN, page: int = 3, part_size: int = 1 << 20) -> None:
        super().__init__()
        self.token = token
        self.page = page
        self.part_size = part_size
        self.polls = 2
        self.hides = 1
        self.tells_entity_id = True
        self.lies = False
        self.projects: dict[int, Project] = {}
        self.articles: dict[int, Article] = {}
        self.files: dict[int, File] = {}
        self.published: list[int] = []
        self._numbers = itertools.count(1001)

    @property
    def api(self) -> str:
        """The API's root, as the configuration names it."""
        return f"{self.url}/v2"

    @property
    def uploads(self) -> str:
        """The upload service's root."""
        return f"http://localhost:{self.address.rsplit(':')[-1]}/upload"

    def new_project(self, title: str, **more: Any) -> Project:
        """A project that is simply there."""
        project = Project(next(self._numbers), {"title": title, "description": "", **more})
        self.projects[project.id] = project
        return project

    def new_article(self, project: int, title: str, **more: Any) -> Article:
        """An article that is simply there."""
        article = Article(next(self._numbers), project, {"title": title, "tags": [], **more})
        self.articles[article.id] = article
        return article

    def new_file(self, article: int, path: str, content: bytes, *, is_begun: bool = False) -> File:
        """A file that is simply there; one that is only begun has no part yet."""
        folder, _, name = path.rpartition("/")
        stored = Content.of(content)
        file = self._begin(article, name, folder, len(content), stored.digests["md5"])
        if not is_begun:
            file.content, file.status = stored, "available"
        return file

    def entries(self, article: int) -> int:
        """How many files an article lists, with content or without."""
        with self.lock:
            return sum(file.article == article for file in self.files.values())

    def tree(self, article: int) -> dict[str, Content]:
        """The finished files of an article by path; AssertionError where two share one."""
        found: dict[str, Content] = {}
        with self.lock:
            for file in self.files.values():
                if file.article == article and file.content is not None:
                    path = f"{file.folder}/{file.name}" if file.folder else file.name
                    assert path not in found, f"two files are called {path}"
                    found[path] = file.content
        return found

    def before(self, request: Request) -> Reply | None:
        is_upload = request.path.startswith("/upload/")
        host = "localhost" if is_upload else "127.0.0.1"
        if not (request.headers["Host"] or "").startswith(f"{host}:"):
            return _refused(404, "There is nothing of that name at this host.")
        if is_upload:
            assert request.headers["Authorization"] is None, "a token reached the upload service"
            return None
        given = request.headers["Authorization"]
        if given is None:
            return _refused(403, "OAuth token missing")
        if given != f"token {self.token}":
            return _refused(403 if request.path == "/v2/account" else 401, "Invalid OAuth token")
        return None

    def get_account(self, request: Request) -> Reply:
        return Reply(
            tree={
                "id": 77, "first_name": "Ada", "last_name": "Deposit", "email": "ada@example.org",
                "used_quota_private": 0, "used_quota_public": 0, "used_quota": 0, "quota": 10**10,
                "modified_date": DATE, "created_date": DATE, "group_id": 0,
                "institution_user_id": "", "institution_id": 0, "pending_quota_request": False,
                "active": 1, "maximum_file_size": 20 * 10**9,
            }
        )  # fmt: skip

    def get_projects(self, request: Request) -> Reply:
        return self._page(request, [self._project(item) for item in self.projects.values()])

    def post_project(self, request: Request) -> Reply:
        tree = request.json()
        if not 3 <= len(tree.get("title", "")) <= 1000:
            return _refused(400, "title: must be 3 to 1000 characters long")
        project = self.new_project(**tree)
        place = f"{self.api}/account/projects/{project.id}"
        return Reply(status=201, tree={"entity_id": project.id, "location": place})

    def get_project(self, request: Request, project: str) -> Reply:
        found = self.projects.get(int(project))
        if found is None:
            return _refused(404, "Entity not found")
        return Reply(tree={**self._project(found), **_PROJECT, **found.attributes})

    def get_articles(self, request: Request, project: str) -> Reply:
        articles = [item for item in self.articles.values() if item.project == int(project)]
        return self._page(request, [self._article(item) for item in articles])

    def post_article(self, request: Request, project: str) -> Reply:
        tree = request.json()
        if int(project) not in self.projects:
            return _refused(404, "Entity not found")
        if not 3 <= len(tree.get("title", "")) <= 1000:
            return _refused(400, "title: must be 3 to 1000 characters long")
        if any(len(tag) > 100 for tag in tree.get("tags", ())):
            return _refused(400, "tags: must be at most 100 characters long")
        if tree.get("defined_type", "dataset") not in TYPES:
            return _refused(400, "defined_type: is not one of the known types")
        for name, rows, key in (("license", LICENSES, "value"), ("categories", CATEGORIES, "id")):
            given = tree.get(name, [])
            given = given if isinstance(given, list) else [given]
            if len(_chosen(rows, key, given)) != len(given):
                return _refused(400, f"{name}: is not in the list")
        article = self.new_article(int(project), **tree)
        answer = {"location": f"{self.api}/account/articles/{article.id}"}
        if self.tells_entity_id:
            answer |= {"entity_id": article.id, "warnings": []}  # type: ignore[dict-item]
        return Reply(status=201, tree=answer)

    def get_project_article(self, request: Request, project: str, article: str) -> Reply:
        found = self.articles.get(int(article))
        if found is None or found.project != int(project):
            return _refused(404, "Entity not found")
        return self.get_article(request, article)

    def get_article(self, request: Request, article: str) -> Reply:
        found = self.articles.get(int(article))
        if found is None:
            return _refused(404, "Entity not found")
        files = [file for file in self.files.values() if file.article == found.id]
        folders = {str(file.id): file.folder for file in files if file.folder}
        told = found.attributes
        tree = {
            **self._article(found),
            **_ARTICLE,
            **told,
            "authors": [],
            "license": _chosen(LICENSES, "value", [told.get("license") or 1])[0],
            "categories": _chosen(CATEGORIES, "id", told.get("categories", ())),
            "defined_type": 3,
            "is_public": found.id in self.published,
            "status": "public" if found.is_public_as_it_is else "draft",
        }
        shown = [self._file(file) for file in files][: self.page]
        return Reply(tree={**tree, "files": shown, "folder_structure": folders})

    def publish(self, request: Request, article: str) -> Reply:
        found = self.articles[int(article)]
        missing = [name for name in NEEDED if not found.attributes.get(name)]
        if missing:
            return _refused(400, "; ".join(f"{name}: is required" for name in missing))
        if any(file.article == found.id and file.status != "available" for file in self._files()):
            return _refused(400, "files: an upload is under way")
        self.published.append(found.id)
        found.is_public_as_it_is = True
        return Reply(status=201, tree={"location": f"{self.api}/articles/{found.id}"})

    def get_licenses(self, request: Request) -> Reply:
        return Reply(tree=LICENSES)

    def get_categories(self, request: Request) -> Reply:
        return Reply(tree=CATEGORIES)

    def get_files(self, request: Request, article: str) -> Reply:
        files = [file for file in self.files.values() if file.article == int(article)]
        return self._page(request, [self._file(file) for file in files])

    def post_file(self, request: Request, article: str) -> Reply:
        tree = request.json()
        if int(article) not in self.articles:
            return _refused(404, "Entity not found")
        if not tree.get("name") or not isinstance(tree.get("size"), int) or "/" in tree["name"]:
            return _refused(400, "name and size are required")
        file = self._begin(
            int(article), tree["name"], tree.get("folder_path", "").strip("/"), tree["size"],
            tree.get("md5", ""),
        )  # fmt: skip
        file.hidden = self.hides
        place = f"{self.api}/account/articles/{article}/files/{file.id}"
        return Reply(status=201, tree={"location": place})

    def get_file(self, request: Request, article: str, file: str) -> Reply:
        found = self.files.get(int(file))
        if found is None or found.article != int(article):
            return _refused(404, "Entity not found")
        if found.hidden:
            found.hidden -= 1
            return _refused(404, "Entity not found")
        if found.status in PENDING:
            found.polls -= 1
            found.status = PENDING[1] if found.polls else "available"
        return Reply(tree=self._file(found))

    def complete(self, request: Request, article: str, file: str) -> Reply:
        found = self.files.get(int(file))
        if found is None or found.article != int(article):
            return _refused(404, "Entity not found")
        if len(found.upload.parts) < len(found.upload.ranges()) or found.status != "created":
            return _refused(400, "The upload is not complete")
        found.content = found.upload.content()
        found.polls = self.polls
        found.status = PENDING[0] if self.polls else "available"
        return Reply(status=202)

    def delete(self, request: Request, article: str, file: str) -> Reply:
        found = self.files.pop(int(file), None)
        return Reply(status=204) if found else _refused(404, "Entity not found")

    def delete_article(self, request: Request, article: str) -> Reply:
        if self.articles.pop(int(article), None) is None:
            return _refused(404, "Entity not found")
        return Reply(status=204)

    def delete_project(self, request: Request, project: str) -> Reply:
        if self.projects.pop(int(project), None) is None:
            return _refused(404, "Entity not found")
        return Reply(status=204)

    def download(self, request: Request, file: str) -> Reply:
        found = self.files.get(int(file))
        if found is None or found.content is None:
            return _refused(404, "Entity not found")
        return Reply(content=found.content.kept or b"")

    def get_upload(self, request: Request, token: str) -> Reply:
        file = self._file_of(token)
        if file is None:
            return _refused(404, f"There is no upload {token}")
        parts = [
            {
                "partNo": number,
                "startOffset": start,
                "endOffset": end,
                "status": "COMPLETE" if number in file.upload.parts else "PENDING",
                "locked": bool(file.upload.locks.get(number)),
            }
            for number, start, end in file.upload.ranges()
        ]
        tree = {"token": token, "md5": file.supplied, "size": file.size, "name": f"{file.id}/x"}
        return Reply(tree={**tree, "status": "PENDING", "parts": parts})

    def put_part(self, request: Request, token: str, number: str) -> Reply:
        file = self._file_of(token)
        if file is None:
            return _refused(404, f"There is no upload {token}")
        upload, part = file.upload, int(number)
        if upload.locks.get(part):
            upload.locks[part] -= 1
            return _refused(409, "Part is locked")
        sizes = {known: end + 1 - start for known, start, end in upload.ranges()}
        assert request.content.size == sizes[part], "the real service would hang"
        upload.parts[part] = request.content
        return Reply()

    def _begin(self, article: int, name: str, folder: str, size: int, md5: str) -> File:
        upload = Upload(f"u-{uuid.uuid4()}", self.part_size, size)
        file = File(next(self._numbers), article, name, folder, size, md5, upload)
        self.files[file.id] = file
        if article in self.articles:
            self.articles[article].is_public_as_it_is = False
        return file

    def _files(self) -> list[File]:
        return list(self.files.values())

    def _file_of(self, token: str) -> File | None:
        return next((file for file in self.files.values() if file.upload.token == token), None)

    def _page(self, request: Request, entries: list[dict[str, Any]]) -> Reply:
        number, size = int(request.query.get("page", "1")), int(request.query.get("page_size", 10))
        if number < 1 or not 1 <= size <= 1000:
            return _refused(400, "page_size: must be between 1 and 1000")
        start = (number - 1) * self.page
        if self.lies and self.page <= start < len(entries):
            entries = [*entries[:start], entries[self.page - 1], *entries[start + 1 :]]
        return Reply(tree=entries[start : start + self.page])

    def _project(self, project: Project) -> dict[str, Any]:
        return {
            "id": project.id,
            "title": project.attributes["title"],
            "url": f"{self.api}/account/projects/{project.id}",
            "published_date": None,
            "role": project.role,
            "storage": "individual",
        }

    def _article(self, article: Article) -> dict[str, Any]:
        private = f"https://figshare.com/account/articles/{article.id}"
        return {
            "id": article.id, "title": article.attributes["title"], "doi": "", "handle": "",
            "group_id": None, "url": f"{self.api}/articles/{article.id}",
            "url_public_html": f"https://figshare.com/articles/x/{article.id}",
            "url_public_api": f"{self.api}/articles/{article.id}",
            "url_private_html": private,
            "url_private_api": f"{self.api}/account/articles/{article.id}",
            "published_date": None, "thumb": "", "defined_type": 3, "defined_type_name": "dataset",
            "timeline": dict.fromkeys(_TIMELINE, DATE[:10]),
            "resource_doi": "", "resource_title": "",
        }  # fmt: skip

    def _file(self, file: File) -> dict[str, Any]:
        is_there = file.content is not None and file.status == "available"
        return {
            "id": file.id, "name": file.name, "size": file.size, "is_link_only": file.is_link,
            "download_url": f"{self.url}/files/{file.id}",
            "supplied_md5": file.supplied, "status": file.status, "viewer_type": "",
            "computed_md5": file.content.digests["md5"] if file.content and is_there else "",
            "preview_state": "preview not available", "is_attached_to_public_version": False,
            "upload_url": f"{self.uploads}/{file.upload.token}",
            "upload_token": file.upload.token,
        }  # fmt: skip


def _chosen(rows: list[dict[str, Any]], key: str, values: Iterable[int]) -> list[dict[str, Any]]:
    """The rows with these ids; a category that only holds others cannot be chosen."""
    wanted = set(values)
    return [
        {name: value for name, value in row.items() if name != "is_selectable"}
        for row in rows
        if row[key] in wanted and row.get("is_selectable", True)
    ]


def _refused(status: int, message: str) -> Reply:
    return Reply(status=status, tree={"message": message, "code": status, "data": None})


_TIMELINE = (
    "posted", "submission", "revision", "firstOnline", "publisherPublication",
    "publisherAcceptance",
)  # fmt: skip

_PROJECT: dict[str, Any] = {
    "funding": "", "funding_list": [], "figshare_url": None, "collaborators": [], "quota": 0,
    "used_quota": 0, "created_date": DATE, "modified_date": DATE, "used_quota_private": 0,
    "used_quota_public": 0, "group_id": 0, "account_id": 77, "custom_fields": [],
}  # fmt: skip

_ARTICLE: dict[str, Any] = {
    # a slip of the pen in the document, which demands it as a property
    "array[integer](optional)": [],
    "figshare_url": "https://figshare.com/articles/x", "download_disabled": False,
    "custom_fields": [], "embargo_options": [], "citation": "", "confidential_reason": "",
    "embargo_type": "", "is_confidential": False, "size": 0, "funding": "", "funding_list": [],
    "version": 1, "is_active": True, "is_metadata_record": False, "metadata_reason": "",
    "status": "draft", "description": "", "is_embargoed": False, "embargo_date": None,
    "is_public": False, "modified_date": DATE, "created_date": DATE, "has_linked_file": False,
    "categories": [], "license": {"value": 1, "name": "CC BY", "url": "https://example.org/"},
    "embargo_title": "", "embargo_reason": "", "references": [], "group_resource_id": None,
    "account_id": 77, "curation_status": None,
}  # fmt: skip
