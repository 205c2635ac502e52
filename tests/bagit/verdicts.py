"""A bag as values in, a verdict out: the same steps that staging takes, without a zip."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from presqt_daemon.bagit.bag import Structure, compare_digests, read_structure
from presqt_daemon.bagit.tree import EntryKind, Tree, TreeEntry
from presqt_daemon.digest import Digester
from presqt_daemon.model import Finding, Severity
from presqt_daemon.profile import Profile
from tests.bags import bag_tree, manifest

Files = Mapping[str, bytes | EntryKind]

ALPHA = b"alpha\n"
BETA = b"beta\n"
PAYLOAD = {"P/a.txt": ALPHA, "P/b.txt": BETA}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    valid: bool
    structure: Structure
    findings: tuple[Finding, ...]

    def of(self, code: str) -> list[Finding]:
        return [entry for entry in self.findings if entry.code == code]

    @property
    def errors(self) -> list[str]:
        return [entry.code for entry in self.findings if entry.severity is Severity.ERROR]

    @property
    def warnings(self) -> list[str]:
        return [entry.code for entry in self.findings if entry.severity is Severity.WARNING]


def bag(
    payload: Mapping[str, bytes] = PAYLOAD,
    *,
    version: str = "1.0",
    algorithms: tuple[str, ...] = ("sha512",),
    change: Mapping[str, bytes | EntryKind | None] | None = None,
    tag_manifests: tuple[str, ...] = ("sha512",),
    info: tuple[tuple[str, str], ...] = (),
) -> dict[str, bytes | EntryKind]:
    """A valid bag with some files changed (None removes), its tag manifests made afterwards."""
    tree: dict[str, bytes | EntryKind] = dict(
        bag_tree(payload, version=version, algorithms=algorithms, tag_manifest=False, info=info)
    )
    late = {}
    for path, content in (change or {}).items():
        if content is None:
            del tree[path]
        elif path.startswith("tagmanifest-"):
            late[path] = content
        else:
            tree[path] = content
    tags = {
        path: content
        for path, content in tree.items()
        if not path.startswith("data/") and isinstance(content, bytes)
    }
    for algorithm in tag_manifests:
        tree[f"tagmanifest-{algorithm}.txt"] = manifest(tags, algorithm)
    tree.update(late)
    return tree


def tree_from(files: Files, folders: tuple[str, ...] = ("data",)) -> Tree:
    below = set(folders)
    for path in files:
        while "/" in path:
            path = path.rpartition("/")[0]
            below.add(path)

    def read(path: str, limit: int) -> bytes:
        content = files[path]
        assert isinstance(content, bytes)
        return content[:limit]

    entries = {
        path: TreeEntry(size=len(content))
        if isinstance(content, bytes)
        else TreeEntry(size=0, kind=content)
        for path, content in files.items()
    }
    return Tree(files=entries, folders=frozenset(below), read=read)


def judge(
    files: Files,
    *,
    folders: tuple[str, ...] = ("data",),
    profile: Profile | None = None,
    max_files: int = 100_000,
) -> Verdict:
    tree = tree_from(files, folders)
    structure = read_structure(tree, profile, max_files=max_files)
    digests = {}
    for path, content in files.items():
        needed = structure.needed(path)
        if needed and isinstance(content, bytes):
            digester = Digester(needed, len(content))
            digester.update(content)
            digests[path] = digester.digests()
    spoilt, total = compare_digests(structure, digests)
    return Verdict(
        valid=not structure.errors_total and not total,
        structure=structure,
        findings=(*structure.findings, *spoilt),
    )


def line(content: bytes, path: str, algorithm: str = "sha512") -> bytes:
    return f"{hashlib.new(algorithm, content).hexdigest()}  {path}\n".encode()
