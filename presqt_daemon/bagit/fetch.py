"""fetch.txt: which payload files would have to be fetched. Nothing ever is.

RFC 8493 sections 2.2.3, 5.2 (the sender would choose where this machine connects to) and 5.3.
"""

import re
from collections.abc import Collection
from urllib.parse import unquote

from presqt_daemon.bagit.findings import Findings
from presqt_daemon.bagit.manifests import PAYLOAD, Manifest
from presqt_daemon.bagit.paths import Names, decode_path, leaves_bag, plain_path, resolve
from presqt_daemon.bagit.tag_text import TagFiles
from presqt_daemon.bagit.tagfiles import lines_from_text
from presqt_daemon.findings import shown

FETCH = "fetch.txt"

_LINE = re.compile(r"([^ \t]+)[ \t]+([0-9]{1,19}|-)[ \t]+([^ \t].*)", re.DOTALL | re.ASCII)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+", re.ASCII)


def check_fetch(tags: TagFiles, names: Names, manifests: Collection[Manifest]) -> frozenset[str]:
    """Payload paths that are listed here and are not in the bag."""
    tree, findings = tags.tree, tags.findings
    text = tags.text(FETCH) if FETCH in tree.files else None
    if text is None:
        return frozenset()
    remote: set[str] = set()
    seen: set[str] = set()
    for number, line in enumerate(lines_from_text(text), 1):
        if not line.strip(" \t"):
            findings.add("blank-line", FETCH, f"line {number} is blank")
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            findings.add(
                "fetch-line-malformed",
                FETCH,
                f"line {number} is not of the form `url length path`",
                found=line[:200],
            )
            continue
        url, length, written = match.groups()
        if not _ABSOLUTE.fullmatch(url):
            findings.add(
                "fetch-url-not-absolute", FETCH, f"line {number} has no absolute URL", found=url
            )
        path = _payload_path(number, written, names, manifests, findings)
        if path is None:
            continue
        if path in seen:
            findings.add(
                "fetch-listed-twice",
                FETCH,
                f"line {number} lists {shown(path)} again",
                found=path,
            )
        seen.add(path)
        _check_listed(path, manifests, findings)
        entry = tree.files.get(path)
        if entry is None:
            remote.add(path)
        elif length != "-" and int(length) != entry.size:
            findings.add(
                "fetch-length-mismatch",
                path,
                f"has {entry.size} bytes, but {FETCH} says {int(length)}",
                expected=length,
                found=str(entry.size),
            )
    for path in sorted(remote):
        findings.add(
            "file-is-remote",
            path,
            "is not in the bag but listed in fetch.txt; remote files are never fetched here",
            hint="Put the file into the bag and remove its line from fetch.txt",
        )
    return frozenset(remote)


def _payload_path(
    number: int,
    written: str,
    names: Names,
    manifests: Collection[Manifest],
    findings: Findings,
) -> str | None:
    """The payload path that a line means, None and a finding when it can be none.

    Below 1.0 a path that neither the bag nor a manifest knows is tried with all its percent signs
    decoded, as bdbag writes it (`escape_uri_path`).
    """
    strict = findings.strict
    if written not in names.exact:
        if leaves_bag(written) or leaves_bag(decode_path(written, strict=True)):
            findings.add(
                "path-unsafe",
                FETCH,
                f"line {number} names {shown(written)}, which could lie outside the bag",
                found=written,
            )
            return None
        written = plain_path(written)
    found = next(resolve(written, names, strict=strict), None)
    path = found[0] if found is not None else decode_path(written, strict=strict)
    if found is None and not strict and "%" in path:
        decoded = unquote(path, errors="surrogateescape")
        is_known = decoded in names.exact or any(decoded in entry.absent for entry in manifests)
        if is_known:
            path = decoded
    if not path.startswith(PAYLOAD):
        findings.add(
            "fetch-not-payload",
            FETCH,
            f"line {number} lists {shown(path)}, which is no payload file",
            found=path,
        )
        return None
    return path


def _check_listed(path: str, manifests: Collection[Manifest], findings: Findings) -> None:
    missing = [
        entry.file.name
        for entry in manifests
        if not entry.file.is_tag and path not in entry.listed and path not in entry.absent
    ]
    if missing:
        findings.add(
            "fetch-not-in-every-manifest",
            path,
            f"is listed in fetch.txt but not in {shown(', '.join(missing))}",
        )
