"""One bag's way into one GitLab project: collected, then committed in batches.

GitLab's word on a file is the blob id in the tree, which git makes of the stored bytes.
"""

import threading
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import quote

from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.targets.base import Item, Sending
from presqt_daemon.targets.git_host import items_below
from presqt_daemon.targets.git_names import refuse_git_path
from presqt_daemon.targets.gitlab.batches import (
    BATCH_CHARACTERS,
    CommitAction,
    batches,
    commit_parts,
    weight_of,
)
from presqt_daemon.targets.gitlab.refusals import Collided, refusal_of_commit
from presqt_daemon.targets.gitlab.tree import blob_digests, tree_at
from presqt_daemon.targets.web.answers import Answer
from presqt_daemon.targets.web.base64_body import send_base64
from presqt_daemon.targets.web.fields import content_at, text_at
from presqt_daemon.targets.web.http import Http

COMMIT_SECONDS = 600.0
"""After the last byte of a large commit GitLab writes it to git before it answers."""

_COLLISIONS = 3
"""How often files may come and go under a commit before GitLab is not believed any more."""


class ProjectDeposit:
    """What one container gets; `put` may be called from several threads at once."""

    def __init__(self, http: Http, project: str, *, branch: str, prefix: PurePosixPath) -> None:
        """`project` is its address in the API; `prefix` the container's folder."""
        self._http = http
        self._project = project
        self._branch = branch
        self._prefix = prefix
        self._lock = threading.Lock()
        self._pending: dict[str, CommitAction] = {}
        self._delivered: set[str] = set()
        self._taken: set[str] = set()
        self._is_doubtful = False
        self._most_characters = BATCH_CHARACTERS

    def listing(self) -> dict[PurePosixPath, Item]:
        """Everything below the container's folder."""
        listed = tree_at(self._http, self._project, self._branch)
        return items_below(self._prefix, (item for _path, item in listed))

    def put(self, file: Sending, replaces: Item | None) -> Item:
        """Nothing yet: the file is sent by `commit`."""
        path = str(self._prefix / file.path)
        refuse_git_path(path)
        with self._lock:
            self._pending[path] = CommitAction(
                path=path, file=file, is_update=replaces is not None, replaces=replaces
            )
            self._delivered.discard(path)
            self._taken.discard(path)
        return Item(path=file.path)

    def stat(self, path: PurePosixPath) -> Item | None:
        """What stands at one path now, by its own address."""
        answer = self._ask_file("HEAD", path)
        if answer.status == 200:
            return Item(path=path, size=_size_in(answer), digests=_digests_in(answer))
        if answer.status == 400:
            return self._in_its_folder(path)
        listed = self._http.ask(
            "GET",
            f"{self._project}/repository/tree",
            params={"ref": self._branch, "path": str(self._prefix / path), "per_page": "1"},
            doing=f"{path}",
            expect=(200, 404),
        )
        is_folder = listed.status == 200 and bool(listed.json())
        return Item(path=path, is_folder=True) if is_folder else None

    def digest(self, path: PurePosixPath, algorithms: Collection[str]) -> Mapping[str, str]:
        """SHA-256 and blob id of one stored file, without its bytes; empty where there is none."""
        answer = self._ask_file("HEAD", path)
        if answer.status != 200:
            return {}
        found = dict(_digests_in(answer))
        if answer.headers.get("X-Gitlab-Content-Sha256"):
            found["sha256"] = answer.headers["X-Gitlab-Content-Sha256"].lower()
        return {name: value for name, value in found.items() if name in algorithms}

    def size(self, path: PurePosixPath) -> int | None:
        """How long one stored file is; None where it is not told."""
        return _size_in(self._ask_file("HEAD", path))

    def content(self, path: PurePosixPath) -> bytes | None:
        """The bytes of one stored file."""
        answer = self._ask_file("GET", path)
        return content_at(answer) if answer.status == 200 else None

    def _in_its_folder(self, path: PurePosixPath) -> Item | None:
        """What the list of a folder says of one of its files."""
        folder = str((self._prefix / path).parent)
        listed = tree_at(self._http, self._project, self._branch, "" if folder == "." else folder)
        item = dict(listed).get(str(self._prefix / path))
        return None if item is None else replace(item, path=path)

    def _ask_file(self, method: str, path: PurePosixPath) -> Answer:
        """A file by its own address; 400 for a name that looks like another once it is decoded.

        GitLab decodes it a second time (lib/gitlab/path_traversal.rb, of `%0A` or `%2e%2e`), while
        a commit takes it as it is.
        """
        url = f"{self._project}/repository/files/{quote(str(self._prefix / path), safe='')}"
        return self._http.ask(
            method, url, params={"ref": self._branch}, doing=f"{path}", expect=(200, 400, 404)
        )

    def commit(self) -> Mapping[PurePosixPath, Item]:
        """What the branch then says of every file that was put; repeatable.

        What took a place since it was listed is left there and said to be in the way.
        """
        commit = self._branch
        for _ in range(_COLLISIONS):
            # a creation is refused where something stands, an update is not
            if self._is_doubtful or any(action.replaces for action in self._pending.values()):
                self._look_again()
            try:
                commit = self._send_pending() or commit
            except Collided:
                self._forget_guards()
                continue
            if not (self._delivered or self._taken):
                return {}
            tree = self._tree(commit)
            found = self._delivered | self._taken
            items = {
                path: replace(tree[path], is_taken=path in self._taken)
                for path in found
                if path in tree
            }
            return items_below(self._prefix, items.values())
        raise TargetFault(
            "target-misbehaved",
            f"{self._http.target} says of files that they are there and are not.",
        )

    def _send_pending(self) -> str | None:
        """The last commit made; what a commit has taken is pending no more.

        A commit that is refused for its size is made in smaller ones, down to single files.
        """
        commit = None
        while self._pending:
            batch = self._guarded(
                next(batches(list(self._pending.values()), self._most_characters))
            )
            # until GitLab has answered, a file may be there or not
            self._is_doubtful = True
            try:
                commit = self._post(batch)
            except UserFault as error:
                if error.code != "too-large" or len(batch) == 1:
                    raise
                self._most_characters = weight_of(batch) // 2
                self._is_doubtful = False
                continue
            self._is_doubtful = False
            with self._lock:
                for action in batch:
                    if self._pending.get(action.path) is action:
                        del self._pending[action.path]
                        self._delivered.add(action.path)
        return commit

    def _guarded(self, batch: Collection[CommitAction]) -> Collection[CommitAction]:
        """The actions, each update with the commit that made what it replaces.

        Without it GitLab puts an update over whatever stands there (docs.gitlab.com/api/commits,
        `last_commit_id`; app/services/files/multi_service.rb). Raises Collided for a file that is
        no more what was seen.
        """
        guarded = []
        for seen in batch:
            action = seen
            if action.is_update and action.last_commit is None:
                path = PurePosixPath(action.path).relative_to(self._prefix)
                answer = self._ask_file("HEAD", path)
                is_seen = _is_as_seen(action, Item(path=path, digests=_digests_in(answer)))
                if answer.status == 404 or not (is_seen or answer.status == 400):
                    raise Collided
                action = replace(action, last_commit=answer.headers.get("X-Gitlab-Last-Commit-Id"))
                with self._lock:
                    if self._pending.get(action.path) is seen:
                        self._pending[action.path] = action
            guarded.append(action)
        return guarded

    def _forget_guards(self) -> None:
        with self._lock:
            for path, action in self._pending.items():
                self._pending[path] = replace(action, last_commit=None)

    def _post(self, batch: Collection[CommitAction]) -> str:
        actions = list(batch)
        names = actions[0].path if len(actions) == 1 else f"{len(actions)} files"
        answer = send_base64(
            self._http,
            "POST",
            f"{self._project}/repository/commits",
            commit_parts(self._branch, actions),
            f"the commit of {names}",
            expect=(200, 201, 400, 403, 409),
            read_seconds=COMMIT_SECONDS,
        )
        if answer.status < 300:
            return text_at(answer, "id")
        fault = self._http.fault(answer, "POST", f"the commit of {names}")
        raise refusal_of_commit(answer, fault, self._http.target, self._branch)

    def _look_again(self) -> None:
        """Leave out of what is pending all that the branch has by now.

        So is what cannot be sent, since something else stands there than what was listed.
        """
        tree = self._tree(self._branch)
        for path, action in list(self._pending.items()):
            item = tree.get(path)
            is_there = item is not None and _is_same(action.file, item)
            is_taken = item is not None and not is_there and not _is_as_seen(action, item)
            with self._lock:
                if is_there or is_taken:
                    del self._pending[path]
                    (self._delivered if is_there else self._taken).add(path)
                else:
                    self._pending[path] = replace(action, is_update=item is not None)
        self._is_doubtful = False

    def _tree(self, ref: str) -> dict[str, Item]:
        return dict(tree_at(self._http, self._project, ref))


def _size_in(answer: Answer) -> int | None:
    """A file's size, as the answer to a question for it says beside it."""
    size = answer.headers.get("X-Gitlab-Size", "")
    return int(size) if size.isdecimal() else None


def _digests_in(answer: Answer) -> Mapping[str, str]:
    return blob_digests(answer.headers.get("X-Gitlab-Blob-Id", ""))


def _is_as_seen(action: CommitAction, item: Item) -> bool:
    """Whether what stands there is what the file was to replace."""
    return action.replaces is not None and (
        not action.replaces.digests or action.replaces.digests == item.digests
    )


def _is_same(file: Sending, item: Item) -> bool:
    """Whether the stored file has the content of ours."""
    return any(file.digest(algorithm) == value for algorithm, value in item.digests.items())
