"""Bags and zips for tests, made from plain values."""

import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

HASHLIB = {"sha3256": "sha3_256"}
PACKED_AT = (2026, 1, 31, 12, 30, 40)


def bag_tree(
    payload: Mapping[str, bytes],
    *,
    algorithms: Iterable[str] = ("sha512",),
    version: str = "1.0",
    info: Iterable[tuple[str, str]] = (),
    oxum: bool = True,
    tag_manifest: bool = True,
) -> dict[str, bytes]:
    """A valid bag as path -> content; payload paths are relative to `data/`."""
    tree = {f"data/{name}": content for name, content in payload.items()}
    tree["bagit.txt"] = f"BagIt-Version: {version}\nTag-File-Character-Encoding: UTF-8\n".encode()
    labels = list(info)
    if oxum:
        size = sum(len(content) for content in payload.values())
        labels.append(("Payload-Oxum", f"{size}.{len(payload)}"))
    if labels:
        tree["bag-info.txt"] = "".join(f"{k}: {v}\n" for k, v in labels).encode()
    algorithms = tuple(algorithms)
    for algorithm in algorithms:
        tree[f"manifest-{algorithm}.txt"] = manifest(
            {name: tree[name] for name in tree if name.startswith("data/")}, algorithm
        )
    if tag_manifest:
        tags = {name: content for name, content in tree.items() if not name.startswith("data/")}
        for algorithm in algorithms:
            tree[f"tagmanifest-{algorithm}.txt"] = manifest(tags, algorithm)
    return tree


def manifest(files: Mapping[str, bytes], algorithm: str) -> bytes:
    """Manifest lines of these files, names percent-encoded where RFC 8493 asks for it."""
    rows = []
    for name, content in files.items():
        value = hashlib.new(HASHLIB.get(algorithm, algorithm), content).hexdigest()
        shown = name.replace("%", "%25").replace("\n", "%0A").replace("\r", "%0D")
        rows.append(f"{value}  {shown}\n")
    return "".join(rows).encode()


def zip_bytes(
    tree: Mapping[str, bytes],
    *,
    folder: str | None = "bag",
    method: int = zipfile.ZIP_DEFLATED,
    extra: Mapping[str, bytes] | None = None,
) -> bytes:
    """A zip of a tree below one top folder (None: at the zip's root); `extra` lies beside it.

    The same tree gives the same bytes at any time of day, so that a test may make it again to
    compare.
    """
    members = {f"{folder}/{name}" if folder else name: body for name, body in tree.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, body in [*members.items(), *(extra or {}).items()]:
            member = zipfile.ZipInfo(name, PACKED_AT)
            member.external_attr = (0o40775 << 16) | 0x10 if member.is_dir() else 0o600 << 16
            archive.writestr(member, body, method)
    return buffer.getvalue()


def bag_zip(payload: Mapping[str, bytes] | None = None, **options: object) -> bytes:
    """A zip of a small valid bag."""
    files = {"Project/a.txt": b"alpha\n", "Project/sub/b.txt": b"beta\n"}
    return zip_bytes(bag_tree(payload if payload is not None else files, **options))  # type: ignore[arg-type]


def drop(content: bytes, destination: Path) -> Path:
    """Put a whole zip somewhere in one step, as `mv` from the same file system does."""
    aside = destination.with_name(f".{destination.name}.aside")
    aside.write_bytes(content)
    aside.rename(destination)
    return destination
