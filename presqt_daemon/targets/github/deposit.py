"""One bag's way into one GitHub repository: put file by file, visible by a commit.

GitHub allows 80 new objects a minute and 500 an hour, so a bag may take several goes. Blobs are
committed in steps that fit into a minute, and those of an earlier go that no commit holds yet are
found by their names: GitHub keeps them for weeks.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from presqt_daemon.digest import GIT_BLOB
from presqt_daemon.errors import PresqtError, UserFault
from presqt_daemon.targets.base import Item, Sending
from presqt_daemon.targets.git_host import items_below
from presqt_daemon.targets.git_names import refuse_git_path
from presqt_daemon.targets.github.assets import STATE_KEY, Assets
from presqt_daemon.targets.github.git import EXECUTABLE, PLAIN, Branch, GitEntry, Listed

MESSAGE = "PresQT Upload"

BLOB_BYTES = 39 << 20
"""The blob API refuses more than about 40 MiB (measured; the documents say 100 MB)."""

TEXT_BYTES = 256 << 10
"""Longer texts are sent as blobs."""

BLOBS_BEFORE_COMMIT = 50

_VAIN_QUESTIONS = 16
"""So many blobs in a row that are not there: an earlier go, which took the same order through more
than one thread, has brought no more."""

_MODE = "mode"
_PATH_LENGTH = 4096
_WORKFLOWS = ".github/workflows/"


class RepositoryDeposit:
    """What one container gets; `put` may be called from several threads at once."""

    def __init__(self, branch: Branch, assets: Assets | None, prefix: PurePosixPath) -> None:
        """`assets` None where large files are not taken; `prefix` is the container's folder."""
        self._branch = branch
        self._assets = assets
        self._prefix = prefix
        self._lock = threading.Lock()
        self._commit_lock = threading.Lock()
        self._has_commit = False
        self._known: str | None = None
        self._taken: set[str] = set()
        self._stored: set[str] = set()
        self._pending: dict[str, GitEntry] = {}
        self._blobs = 0
        self._questions = _VAIN_QUESTIONS
        self._texts: set[tuple[str, str | None]] = set()
        self._small: set[str] = set()
        self._large: set[str] = set()
        self._obsolete: set[str] = set()

    def listing(self) -> dict[PurePosixPath, Item]:
        """Everything below the container's folder, large files too."""
        head = self._branch.head()
        stored: set[str] = set()
        found = items_below(self._prefix, self._items(head, stored)) if head is not None else {}
        with self._lock:
            self._has_commit = self._has_commit or head is not None
            self._known = head
            self._stored |= stored
        return found

    def _items(self, head: str, stored: set[str]) -> Iterator[Item]:
        """Everything that the branch holds, large files too; notes the blobs that are stored."""
        for path, listed in self._branch.entries(head):
            if listed.kind == "blob":
                stored.add(listed.sha)
            yield _item(path, listed)
        if self._assets is not None:
            yield from self._assets.items().values()

    def stat(self, path: PurePosixPath) -> Item | None:
        """What stands at one path now, a large file too."""
        whole = str(self._prefix / path)
        listed = self._branch.at(whole)
        if listed is not None:
            return replace(_item(whole, listed), path=path)
        large = self._assets.items().get(whole) if self._assets is not None else None
        return None if large is None else replace(large, path=path)

    def put(self, file: Sending, replaces: Item | None) -> Item:
        """Bring the bytes there; what the tree says of them comes with `commit`."""
        path = str(self._prefix / file.path)
        _refuse_path(path)
        asset = replaces.state.get(STATE_KEY) if replaces is not None else None
        is_large = file.size > BLOB_BYTES
        with self._lock:
            # before the bytes: when only the answer is lost, nobody puts them a second time
            (self._large if is_large else self._small).add(path)
            (self._small if is_large else self._large).discard(path)
            self._taken.discard(path)
        if is_large:
            return self._put_large(file, path, replaces, asset)
        entry = self._entry(file, path, EXECUTABLE if _is_executable(replaces) else PLAIN)
        with self._lock:
            self._pending[path] = replace(
                entry, wanted=file.digests.get(GIT_BLOB), expects=_blob_of(replaces)
            )
            if asset is not None:
                self._obsolete.add(asset)
            is_time = self._blobs >= BLOBS_BEFORE_COMMIT
        if is_time:
            self._commit_pending(BLOBS_BEFORE_COMMIT)
        return Item(path=file.path, digests={} if entry.sha is None else {GIT_BLOB: entry.sha})

    def commit(self) -> Mapping[PurePosixPath, Item]:
        """What the branch then says of every file that was put; repeatable.

        What took a place since it was listed is left there and said to be in the way.
        """
        if not (self._small or self._large):
            return {}
        commit = self._commit_pending() or self._branch.head()
        listed = self._branch.files(commit) if commit is not None else {}
        found = {
            path: replace(_item(path, listed[path]), is_taken=path in self._taken)
            for path in self._small
            if path in listed
        }
        if self._assets is not None and commit is not None:
            if self._large:
                self._assets.show(commit)
            for asset in list(self._obsolete):
                self._assets.remove(asset)
                self._obsolete.discard(asset)
            if self._large:
                large = self._assets.items()
                found |= {path: large[path] for path in self._large if path in large}
        return items_below(self._prefix, found.values())

    def _entry(self, file: Sending, path: str, mode: str) -> GitEntry:
        """The file's place in the tree; its bytes are sent now unless they travel in the tree."""
        sha = None if self._has_commit else self._begin(file, path)
        wanted = file.digests.get(GIT_BLOB)
        with self._lock:
            if sha is None and wanted in self._stored:
                sha = wanted
            # a text that arrived wrong in the tree goes as a blob the second time
            may_be_text = (path, wanted) not in self._texts and 0 < file.size <= TEXT_BYTES
        if sha is None and may_be_text and _text(file) is not None:
            with self._lock:
                self._texts.add((path, wanted))
            return GitEntry(path=path, mode=mode, size=file.size, text=lambda: _text(file) or "")
        if sha is None:
            sha = wanted if wanted and self._is_there(wanted) else self._branch.store(file)
            with self._lock:
                self._stored.add(sha)
                self._blobs += 1
        return GitEntry(path=path, mode=mode, sha=sha)

    def _is_there(self, blob: str) -> bool:
        """Whether a go that was interrupted has stored the blob; asked as long as that may be."""
        with self._lock:
            if not self._questions:
                return False
            self._questions -= 1
        is_there = self._branch.has_blob(blob)
        if is_there:
            with self._lock:
                self._questions = _VAIN_QUESTIONS
        return is_there

    def _begin(self, file: Sending, path: str) -> str | None:
        """The blob's name where this file made the repository's first commit, else None."""
        with self._commit_lock:
            is_first = not self._has_commit and self._branch.head() is None
            sha = self._branch.begin(file, path, MESSAGE) if is_first else None
            self._has_commit = True
            return sha

    def _put_large(
        self, file: Sending, path: str, replaces: Item | None, asset: str | None
    ) -> Item:
        if not self._has_commit and self._branch.head() is None:
            raise UserFault(
                "bad-request",
                f"{file.path} goes beside the repository's files, as part of a release, and the "
                "repository has no commit yet: add a README there and send the bag again.",
            )
        assert self._assets is not None, "too large files are refused before anything is created"
        item = self._assets.store(file, path)
        with self._lock:
            if asset is not None and asset != item.state[STATE_KEY]:
                self._obsolete.add(asset)
            elif replaces is not None and asset is None:
                self._pending[path] = GitEntry(path=path, expects=_blob_of(replaces))
        return Item(path=file.path, size=item.size, digests=item.digests, state=item.state)

    def _commit_pending(self, least_blobs: int = 0) -> str | None:
        """The commit that now holds all that is pending; None when nothing, or too little, is."""
        with self._commit_lock:
            with self._lock:
                # another thread may have committed while this one waited for its turn
                entries = dict(self._pending) if self._blobs >= least_blobs else {}
            if not entries:
                return None
            known = self._known
            heads: list[str] = []

            def fit(head: str, wanted: Sequence[GitEntry]) -> Sequence[GitEntry]:
                heads.append(head)
                return wanted if head == known else self._fitting(head, wanted)

            try:
                commit = self._branch.add(list(entries.values()), MESSAGE, fit)
            except PresqtError as error:
                _explain_workflows(error, entries)
                raise
            with self._lock:
                self._blobs = 0
                if heads[-1] == known:
                    self._known = commit
                for path, entry in entries.items():
                    if self._pending.get(path) is entry:
                        del self._pending[path]
            return commit

    def _fitting(self, head: str, entries: Sequence[GitEntry]) -> Sequence[GitEntry]:
        """The entries less those in whose place something stands that nobody has listed."""
        there = self._branch.files(head)
        fitting = []
        for entry in entries:
            listed = there.get(entry.path)
            if listed is None or listed.sha in {entry.sha, entry.wanted, entry.expects}:
                fitting.append(entry)
            else:
                with self._lock:
                    self._taken.add(entry.path)
        return fitting


def _item(path: str, listed: Listed) -> Item:
    """An entry of the tree; links and submodules have no content of their own to compare."""
    is_file = listed.kind == "blob" and listed.mode in {PLAIN, EXECUTABLE}
    return Item(
        path=PurePosixPath(path),
        size=listed.size if is_file else None,
        digests={GIT_BLOB: listed.sha} if is_file else {},
        is_folder=listed.kind == "tree",
        state={_MODE: listed.mode},
    )


def _is_executable(item: Item | None) -> bool:
    return item is not None and item.state.get(_MODE) == EXECUTABLE


def _blob_of(item: Item | None) -> str | None:
    return None if item is None else item.digests.get(GIT_BLOB)


def _refuse_path(path: str) -> None:
    """UserFault for a path that git cannot hold."""
    refuse_git_path(path)
    if len(path.encode()) > _PATH_LENGTH:
        raise UserFault("bad-request", f"{path[:100]}...: the path is too long for GitHub.")


def _text(file: Sending) -> str | None:
    """The content where JSON carries it unchanged: UTF-8 without NUL. None otherwise."""
    with file.open() as body:
        content = b""
        while block := body.read(file.size + 1 - len(content)):
            content += block
    if b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _explain_workflows(error: PresqtError, paths: Mapping[str, object]) -> None:
    """UserFault when the refusal is about workflow files, which need a scope of their own."""
    found = next((path for path in paths if path.startswith(_WORKFLOWS)), None)
    if found is not None and error.status_code in {403, 404}:
        raise UserFault(
            "forbidden",
            f"GitHub takes {found} only with a token that has the scope `workflow`.",
        ) from error
