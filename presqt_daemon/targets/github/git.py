"""Git's own objects through GitHub's API: list a branch, store blobs, add one commit to it.

Nothing is visible until the branch is moved, so what is done before can be repeated freely.
Source: docs.github.com/rest/git.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.targets.base import Sending
from presqt_daemon.targets.git_host import grouped
from presqt_daemon.targets.web.answers import Answer, ended, on_one_line
from presqt_daemon.targets.web.base64_body import send_base64
from presqt_daemon.targets.web.fields import content_at, required_text, rows_at, text_at, whole_in
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.web.pages import FolderBound

PLAIN = "100644"
EXECUTABLE = "100755"
TREE_ENTRIES = 1000
TREE_BYTES = 4 << 20
"""One request for a tree names so many files and holds so many bytes of text at most."""

_RACES = 5
"""How often the branch may move under a commit before the caller is told to wait."""

_EMPTY = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One entry of a tree; `kind` is blob, tree or commit (a submodule)."""

    kind: str
    mode: str
    sha: str
    size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GitEntry:
    """One change of a tree: a stored blob's name, a text sent with the tree, or neither: removed.

    `text` is UTF-8 of `size` bytes, read when it is sent. `wanted` is the blob's name as it was
    staged, `expects` that of what it may take the place of.
    """

    path: str
    mode: str = PLAIN
    sha: str | None = None
    size: int = 0
    text: Callable[[], str] | None = None
    wanted: str | None = None
    expects: str | None = None

    @property
    def is_removal(self) -> bool:
        """Whether the path shall be gone."""
        return self.sha is None and self.text is None


class Branch:
    """One branch of a repository; `api` is the address of the repository there."""

    def __init__(self, http: Http, api: str, name: str) -> None:
        self._http = http
        self._api = api
        self._ref = quote(f"heads/{name}", safe="")
        self._name = name

    def head(self) -> str | None:
        """The commit that the branch stands at, None in a repository without any commit.

        Raises UserFault where the branch has no commit although the repository has some.
        """
        answer = self._http.ask(
            "GET",
            f"{self._api}/git/ref/{self._ref}",
            doing="the question where the branch is",
            expect=(200, 404, _EMPTY),
        )
        if answer.status == 404:
            raise UserFault(
                "bad-request",
                f"The repository's default branch, {self._name}, does not exist: push a commit to "
                f"it, or choose another default branch in the repository's settings at "
                f"{self._http.target}, and retry.",
            )
        return None if answer.status == _EMPTY else text_at(answer, "object", "sha")

    def files(self, commit: str) -> dict[str, Listed]:
        """Everything in a commit, by its path."""
        return dict(self.entries(commit))

    def entries(self, commit: str) -> Iterator[tuple[str, Listed]]:
        """Path and entry of everything in a commit."""
        answer = self._tree(commit, is_deep=True)
        bound = FolderBound(target=self._http.target, doing="the list of files")
        return self._walk(commit, "", bound) if _is_cut(answer) else _entries(answer, "")

    def _walk(self, sha: str, prefix: str, bound: FolderBound) -> Iterator[tuple[str, Listed]]:
        """The entries of a tree that is too long for one answer, folder by folder."""
        answer = self._tree(sha, is_deep=False)
        if _is_cut(answer):
            raise TargetFault(
                "target-refused",
                f"{self._http.target} cannot list the folder {prefix or '/'}: it has too many "
                "entries.",
            )
        for path, entry in _entries(answer, prefix):
            yield path, entry
            if entry.kind != "tree":
                continue
            below = self._tree(entry.sha, is_deep=True)
            if _is_cut(below):
                bound.enter(PurePosixPath(path))
                yield from self._walk(entry.sha, f"{path}/", bound)
            else:
                yield from _entries(below, f"{path}/")

    def _tree(self, sha: str, *, is_deep: bool) -> Answer:
        return self._http.ask(
            "GET",
            f"{self._api}/git/trees/{sha}",
            params={"recursive": "1"} if is_deep else None,
            doing="the list of files",
        )

    def content(self, sha: str, doing: str) -> bytes:
        """The bytes of a stored blob."""
        return content_at(self._http.ask("GET", f"{self._api}/git/blobs/{sha}", doing=doing))

    def at(self, path: str) -> Listed | None:
        """What stands at one path of the branch now; of a link not what it points to."""
        url = f"{self._api}/contents/{quote(path, safe='')}"
        answer = self._http.find(url, path, params={"ref": self._name})
        if answer is None:
            return None
        row = answer.json()
        if not isinstance(row, dict):
            # a folder is a list of what is in it
            return Listed(kind="tree", mode="040000", sha="", size=None)
        mode = {"symlink": "120000", "submodule": "160000"}.get(str(row.get("type")), PLAIN)
        return Listed(
            kind="blob", mode=mode, sha=text_at(answer, "sha"), size=whole_in(row, "size")
        )

    def has_blob(self, sha: str) -> bool:
        """Whether the blob is stored, in a commit or not."""
        url = f"{self._api}/git/blobs/{sha}"
        answer = self._http.ask("HEAD", url, doing="the question for a blob", expect=(200, 404))
        return answer.status == 200

    def store(self, file: Sending) -> str:
        """The name that GitHub gives the stored bytes: their git blob SHA-1."""
        parts = (b'{"encoding":"base64","content":"', file, b'"}')
        url = f"{self._api}/git/blobs"
        answer = send_base64(self._http, "POST", url, parts, f"{file.path}", expect=(201,))
        return text_at(answer, "sha")

    def begin(self, file: Sending, path: str, message: str) -> str:
        """The blob's name after the very first commit, which only the contents API can make.

        A repository without a commit refuses blobs and trees (409).
        """
        head = f'{{"message":{json.dumps(message)},"content":"'.encode()
        url = f"{self._api}/contents/{quote(path, safe='')}"
        parts = (head, file, b'"}')
        answer = send_base64(self._http, "PUT", url, parts, f"{file.path}", expect=(200, 201))
        return text_at(answer, "content", "sha")

    def add(
        self,
        entries: Sequence[GitEntry],
        message: str,
        fit: Callable[[str, Sequence[GitEntry]], Sequence[GitEntry]],
    ) -> str:
        """The commit that holds these entries; one that changes nothing is not made.

        The branch is only ever moved forward: when somebody else has moved it meanwhile, those of
        the entries that `fit` gives for where it stands now are put upon theirs.
        """
        for _ in range(_RACES):
            head = self.head()
            if head is None:
                raise TargetFault("target-misbehaved", f"{self._http.target} lost the branch.")
            fitting = fit(head, entries)
            base = self._tree_of(head)
            tree = self._grow(base, self._without_gone(head, fitting))
            if tree == base:
                return head
            commit = self._create(
                "commits", {"message": message, "tree": tree, "parents": [head]}, "the commit"
            )
            answer = self._http.ask(
                "PATCH",
                f"{self._api}/git/refs/{self._ref}",
                tree={"sha": commit, "force": False},
                doing="the new commit on the branch",
                expect=(200, 409, 422),
            )
            if answer.status == 200:
                return commit
            self._refuse_locked(answer, head)
        raise TargetFault(
            "target-unavailable",
            f"Somebody else changes the branch {self._name} all the time.",
            retryable=True,
        )

    def _without_gone(self, head: str, entries: Sequence[GitEntry]) -> Sequence[GitEntry]:
        """The entries, less the removal of what is not there: GitHub refuses that."""
        if not any(entry.is_removal for entry in entries):
            return entries
        there = self.files(head)
        return [entry for entry in entries if not entry.is_removal or entry.path in there]

    def _grow(self, tree: str, entries: Sequence[GitEntry]) -> str:
        """The name of a tree with these entries in it."""
        for group in grouped(
            entries, lambda entry: entry.size, most=TREE_ENTRIES, heaviest=TREE_BYTES
        ):
            rows = [_row(entry) for entry in group]
            doing = f"the folder tree ({rows[0]['path']} and {len(rows) - 1} more)"
            tree = self._create("trees", {"base_tree": tree, "tree": rows}, doing)
        return tree

    def _refuse_locked(self, answer: Answer, head: str) -> None:
        """Raise unless the branch has moved, which the next go takes into account."""
        said = str(answer.tree().get("message", ""))
        if "fast forward" in said.lower() or self.head() != head:
            return
        what_to_do = "Is it protected? Ask the repository's owner to let this account push."
        if "secret" in said.lower():
            what_to_do = "Remove what it takes for a secret from the bag, or allow it there."
        raise UserFault(
            "forbidden",
            f"{self._http.target} does not let this token change the branch {self._name}: "
            f"{ended(on_one_line(said))} {what_to_do}",
        )

    def _tree_of(self, commit: str) -> str:
        url = f"{self._api}/git/commits/{commit}"
        return text_at(self._http.ask("GET", url, doing="the last commit"), "tree", "sha")

    def _create(self, what: str, tree: dict[str, Any], doing: str) -> str:
        url = f"{self._api}/git/{what}"
        return text_at(self._http.ask("POST", url, tree=tree, doing=doing, expect=(201,)), "sha")


def _row(entry: GitEntry) -> dict[str, Any]:
    row = {"path": entry.path, "mode": entry.mode, "type": "blob"}
    if entry.text is not None:
        return {**row, "content": entry.text()}
    return {**row, "sha": entry.sha}


def _is_cut(answer: Answer) -> bool:
    """Whether the list is too long for one answer (100,000 entries or 7 MB)."""
    return answer.tree().get("truncated") is True


def _entries(answer: Answer, prefix: str) -> Iterator[tuple[str, Listed]]:
    for row in rows_at(answer, "tree"):
        path, kind, mode, sha = (
            required_text(answer, row, key) for key in ("path", "type", "mode", "sha")
        )
        yield f"{prefix}{path}", Listed(kind=kind, mode=mode, sha=sha, size=whole_in(row, "size"))
