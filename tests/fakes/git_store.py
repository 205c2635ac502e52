"""Git's objects in memory, named as git names them; what the fakes of GitHub and GitLab hold."""

import hashlib
from dataclasses import dataclass, field

Flat = dict[str, tuple[str, str]]
"""Path -> (mode, blob's name)."""

PLAIN = "100644"


@dataclass
class Commit:
    sha: str
    tree: str
    parents: list[str]
    message: str


@dataclass
class GitStore:
    """Blobs, trees (each as its flat content, below any of its folders too) and commits."""

    algorithm: str = "sha1"
    blobs: dict[str, bytes] = field(default_factory=dict)
    trees: dict[str, Flat] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)

    def name(self, kind: str, content: bytes) -> str:
        return hashlib.new(
            self.algorithm, b"%s %d\0" % (kind.encode(), len(content)) + content
        ).hexdigest()

    def add_blob(self, content: bytes) -> str:
        sha = self.name("blob", content)
        self.blobs[sha] = content
        return sha

    def add_tree(self, flat: Flat) -> str:
        """The name of the tree; its sub-trees are stored as well."""
        return self._tree(sorted(flat.items()), 0, dict(flat))

    def _tree(self, rows: list[tuple[str, tuple[str, str]]], cut: int, flat: Flat) -> str:
        below: dict[str, list[tuple[str, tuple[str, str]]]] = {}
        entries: list[tuple[str, str, str]] = []
        for path, (mode, sha) in rows:
            head, slash, _ = path[cut:].partition("/")
            if slash:
                below.setdefault(head, []).append((path, (mode, sha)))
            else:
                entries.append((head, mode, sha))
        for head, inner in below.items():
            start = cut + len(head) + 1
            part = {path[start:]: value for path, value in inner}
            entries.append((head, "40000", self._tree(inner, start, part)))
        # git sorts a folder as if its name ended with a slash
        entries.sort(key=lambda row: (row[0] + ("/" if row[1] == "40000" else "")).encode())
        content = b"".join(
            f"{mode} {name}".encode() + b"\0" + bytes.fromhex(sha) for name, mode, sha in entries
        )
        sha = self.name("tree", content)
        self.trees[sha] = flat
        return sha

    def add_commit(self, tree: str, parents: list[str], message: str) -> str:
        text = f"tree {tree}\n" + "".join(f"parent {p}\n" for p in parents) + f"\n{message}"
        sha = self.name("commit", f"{text}\n{len(self.commits)}".encode())
        self.commits[sha] = Commit(sha, tree, parents, message)
        return sha

    def files(self, commit: str) -> Flat:
        return self.trees[self.commits[commit].tree]

    def contents(self, commit: str | None) -> dict[str, bytes]:
        """Path -> bytes of all that is a file."""
        if commit is None:
            return {}
        return {path: self.blobs[sha] for path, (_mode, sha) in self.files(commit).items()}

    def last_commit(self, commit: str, path: str) -> str | None:
        """The commit, of this one and those before it, that last changed what is at a path."""
        there = self.files(commit).get(path)
        if there is None:
            return None
        while True:
            same = [p for p in self.commits[commit].parents if self.files(p).get(path) == there]
            if not same:
                return commit
            commit = same[0]

    def is_ancestor(self, old: str, new: str) -> bool:
        waiting = [new]
        while waiting:
            sha = waiting.pop()
            if sha == old:
                return True
            waiting += self.commits[sha].parents
        return False

    def rows(self, tree: str, *, is_deep: bool) -> list[dict[str, object]]:
        """A tree's entries as GitHub and GitLab list them, folders before what is in them."""
        flat = self.trees[tree]
        rows: dict[str, dict[str, object]] = {}
        for path, (mode, sha) in sorted(flat.items()):
            parts = path.split("/")
            for depth in range(1, len(parts)):
                folder = "/".join(parts[:depth])
                if folder not in rows and (is_deep or depth == 1):
                    inner = {
                        p[len(folder) + 1 :]: v
                        for p, v in flat.items()
                        if p.startswith(f"{folder}/")
                    }
                    rows[folder] = {
                        "path": folder,
                        "mode": "040000",
                        "type": "tree",
                        "sha": self.add_tree(inner),
                    }
            if is_deep or len(parts) == 1:
                kind = "commit" if mode == "160000" else "blob"
                rows[path] = {"path": path, "mode": mode, "type": kind, "sha": sha}
                if kind == "blob":
                    rows[path]["size"] = len(self.blobs[sha])
        return list(rows.values())
