"""Lines of a manifest, each given to the file that it means.

RFC 8493 section 2.1.3; 6.1.3 for what md5sum and its kin write.
"""

import re
from collections.abc import Iterable

from presqt_daemon.bagit.manifests import PAYLOAD, Manifest, ManifestName
from presqt_daemon.bagit.odd_lines import clean_line, read_odd_line
from presqt_daemon.bagit.paths import Names, decode_path, leaves_bag, plain_path, resolve
from presqt_daemon.bagit.tag_text import TagFiles, held_bytes
from presqt_daemon.digest import hex_length
from presqt_daemon.findings import shown

_TAG_MANIFEST = re.compile(r"tagmanifest-[^/]+\.txt", re.DOTALL)
_BENT = {
    "path-not-encoded": "holds a percent sign that should be written %25",
    "path-normalization": "has the other Unicode normalization than the file's name",
}


class LineReader:
    """One manifest in the making."""

    def __init__(self, file: ManifestName, names: Names, tags: TagFiles) -> None:
        self.listed: dict[str, str] = {}
        self.absent: dict[str, str] = {}
        self._written: dict[str, str] = {}
        self._file = file
        self._names = names
        self._findings = tags.findings
        self._tags = tags
        self._pending: list[tuple[int, str, str]] = []
        self._pending_bytes = tags.pending_bytes
        self._length = hex_length(file.algorithm) if file.verifiable else None

    def read(self, pieces: Iterable[str]) -> None:
        """Take a manifest's text, given in pieces of whole lines.

        Of a manifest that names far more than the bag holds, the rest is left unread.
        """
        before = 0
        for piece in pieces:
            self._read_lines(piece, before)
            before += piece.count("\n")
            if self._pending_bytes < 0:
                self._note_unread()
                return
        for number, checksum, path in self._pending:
            self._place(number, checksum, path)
            if self._tags.absent_bytes < 0:
                self._note_unread()
                return

    def _read_lines(self, chunk: str, before: int) -> None:
        """Take lines one by one, the odd ones aside; `before` of them were judged already."""
        listed, exact = self.listed, self._names.exact
        pattern = clean_line(
            self._length or 0,
            is_tag=self._file.is_tag,
            excluded="%" if self._findings.strict else "",
        )
        for number, match in enumerate(pattern.finditer(chunk), before + 1):
            checksum, path, line = match.groups()
            if path is not None:
                name = exact.get(path)
                if name is not None and name not in listed:
                    listed[name] = checksum
                    continue
                self._put_aside(number, checksum, path)
            elif line or match.start() < len(chunk):
                row = read_odd_line(number, line, self._file, self._length, self._findings)
                if row is not None:
                    self._put_aside(number, *row)

    def _put_aside(self, number: int, checksum: str, path: str) -> None:
        self._pending_bytes -= held_bytes(checksum, path)
        if self._pending_bytes >= 0:
            self._pending.append((number, checksum, path))

    def _place(self, number: int, checksum: str, written: str) -> None:
        """Give a line's checksum to the file that it means, or note why that cannot be."""
        path = self._plain(number, written)
        if path is None:
            return
        strict = self._findings.strict
        taken = None
        for name, bent in resolve(path, self._names, strict=strict):
            if name in self.listed:
                taken = taken or name
                if self._written.get(name, name) == path:
                    break  # the same text twice is one path, whatever else it might mean
                continue
            if self._is_out_of_place(number, name):
                return
            if bent:
                self._findings.add(
                    bent,
                    name,
                    f"its name in {shown(self._file.name, 60)}, line {number}, {_BENT[bent]}",
                    expected=name,
                    found=path,
                )
            self.listed[name] = checksum
            self._written[name] = path
            return
        if taken is not None:
            self._note_repeat(number, taken, self.listed[taken], checksum)
            return
        self._place_absent(number, checksum, decode_path(path, strict=strict))

    def _plain(self, number: int, written: str) -> str | None:
        """The path without what md5sum or `find` put before it; None when it leaves the bag."""
        path, name = written, self._file.name
        if path in self._names.exact:
            return path
        if path.startswith("*"):
            self._findings.add(
                "manifest-line-asterisk",
                name,
                f"line {number} has md5sum's `*` before the name; strict validators refuse that",
                found=written,
            )
            path = path[1:]
        if leaves_bag(path) or leaves_bag(decode_path(path, strict=True)):
            self._findings.add(
                "path-unsafe",
                name,
                f"line {number} names {shown(path)}, which could lie outside the bag",
                hint=self._inside_hint(path),
                found=path,
            )
            return None
        plain = plain_path(path)
        if plain != path:
            self._findings.add(
                "path-not-plain",
                name,
                f"line {number} writes {shown(path)} for {shown(plain)}",
                expected=plain,
                found=path,
            )
        return plain

    def _is_out_of_place(self, number: int, name: str) -> bool:
        """Note a file that this kind of manifest must not list; true when it is not taken."""
        file = self._file
        if not file.is_tag:
            if name.startswith(PAYLOAD):
                return False
            self._findings.add(
                "not-payload",
                file.name,
                f"line {number} lists {shown(name)}, which is no payload file",
                hint=self._payload_hint(name),
                found=name,
            )
            return True
        if name.startswith(PAYLOAD):
            self._findings.add(
                "tag-manifest-lists-payload",
                file.name,
                f"line {number} lists the payload file {shown(name)}",
                found=name,
            )
        elif _TAG_MANIFEST.fullmatch(name):
            self._findings.add(
                "tag-manifest-lists-tag-manifest",
                file.name,
                f"line {number} lists the tag manifest {shown(name)}",
                found=name,
            )
        return False

    def _inside_hint(self, path: str) -> str:
        """What to do about a path that leaves the bag; names the file it seems to mean."""
        inner = path.replace("\\", "/").rpartition(f"/{PAYLOAD}")[2]
        if PAYLOAD + inner in self._names.exact:
            return f"Paths begin at the bag's folder: write {shown(PAYLOAD + inner)}"
        return "Bag the files anew; a bag names only its own files"

    def _payload_hint(self, name: str) -> str:
        """What to do about a path that does not begin with `data/`."""
        exact, slashed = self._names.exact, name.replace("\\", "/")
        quoted = name.strip("\"'")
        behind = slashed.partition("/")[2]
        if slashed != name and slashed in exact:
            return f"Write / instead of \\ in all paths: {shown(slashed)}"
        if PAYLOAD + slashed in exact:
            return f"Paths begin at the bag's folder: write {shown(PAYLOAD + slashed)}"
        if behind in exact:
            return f"Paths begin in the bag, without its own folder: write {shown(behind)}"
        if quoted != name and quoted in exact:
            return f"Write the path without quotation marks: {shown(quoted)}"
        return "Tag files belong into a tag manifest"

    def _place_absent(self, number: int, checksum: str, path: str) -> None:
        if path in self.absent:
            self._note_repeat(number, path, self.absent[path], checksum)
        elif path.rstrip("/") in self._names.folders or path.rstrip("/") == "data":
            self._findings.add(
                "directory-listed",
                self._file.name,
                f"line {number} lists the directory {shown(path)}; a manifest lists files only",
                found=path,
            )
        elif not self._file.is_tag and not path.startswith(PAYLOAD):
            self._is_out_of_place(number, path)
        else:
            self._tags.absent_bytes -= held_bytes(checksum, path)
            if self._tags.absent_bytes >= 0:
                self.absent[path] = checksum

    def _note_unread(self) -> None:
        self._findings.add(
            "too-many-unknown-names",
            self._file.name,
            "names more files that are not in the bag than can be listed; the rest is not read",
            hint="Bag the files anew",
        )

    def _note_repeat(self, number: int, path: str, before: str, now: str) -> None:
        if before == now:
            self._findings.add(
                "listed-twice",
                path,
                f"is listed more than once in {shown(self._file.name, 60)} (line {number} is one "
                "of them)",
            )
        else:
            self._findings.add(
                "listed-twice-conflicting",
                path,
                f"is listed with two checksums in {shown(self._file.name, 60)} (line {number} is "
                "one of them)",
                hint="Keep the line that is right and remove the other",
                expected=before,
                found=now,
            )


def read_manifest(tags: TagFiles, file: ManifestName, names: Names) -> Manifest | None:
    """The manifest's lines, each resolved to a file of the bag; None when it cannot be read.

    Lines that name a file as it is are taken in one pass. The others wait until all of those are
    known, so that a bent name can never take the place of an exact one.
    """
    text = tags.listing(file.name)
    if text is None:
        return None
    reader = LineReader(file, names, tags)
    reader.read(text.pieces())
    return Manifest(file=file, listed=reader.listed, absent=reader.absent)
