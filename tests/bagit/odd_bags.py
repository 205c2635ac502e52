"""Odd bags by name: what is odd about each, the code it must provoke, whether it is valid."""

import hashlib
from dataclasses import dataclass

from presqt_daemon.bagit.tree import EntryKind
from tests.bagit.verdicts import ALPHA, BETA, PAYLOAD, Files, bag, line

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
OLD_DECLARATION = DECLARATION.replace(b"1.0", b"0.97")
A, B = line(ALPHA, "data/P/a.txt"), line(BETA, "data/P/b.txt")
A256, B256 = line(ALPHA, "data/P/a.txt", "sha256"), line(BETA, "data/P/b.txt", "sha256")
M = "manifest-sha512.txt"
OXUM = b"Payload-Oxum: 11.2\n"
NFC, NFD = "data/P/\u00e9.txt", "data/P/e\u0301.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class OddBag:
    """`on_disk` False: no file system can hold it, or the library would hang or crawl on it."""

    name: str
    code: str | None
    valid: bool
    files: Files
    folders: tuple[str, ...] = ("data",)
    on_disk: bool = True


def _bad(name: str, code: str, files: Files, *, on_disk: bool = True) -> OddBag:
    return OddBag(name=name, code=code, valid=False, files=files, on_disk=on_disk)


def _odd(name: str, code: str | None, files: Files, folders: tuple[str, ...] = ()) -> OddBag:
    return OddBag(name=name, code=code, valid=True, files=files, folders=("data", *folders))


def _declared(content: bytes, **options: str) -> dict[str, bytes | EntryKind]:
    return bag(change={"bagit.txt": content}, **options)  # type: ignore[arg-type]


def _listed(content: bytes, version: str = "1.0") -> Files:
    return bag(change={M: content}, version=version)


def _info(content: bytes, version: str = "1.0") -> Files:
    return bag(change={"bag-info.txt": content}, version=version)


def _fetch(content: bytes, **change: bytes | None) -> Files:
    return bag(change={"fetch.txt": content, **change})


def _encoded(name: str, codec: str, payload: dict[str, bytes] | None = None) -> Files:
    given = bag(payload or PAYLOAD, tag_manifests=())
    tags = {
        path: content.decode().encode(codec) if path != "bagit.txt" else content
        for path, content in given.items()
        if isinstance(content, bytes) and not path.startswith("data/")
    }
    tags["bagit.txt"] = DECLARATION.replace(b"UTF-8", name.encode())
    tags["tagmanifest-sha512.txt"] = (
        b"".join(line(content, path) for path, content in tags.items()).decode().encode(codec)
    )
    return {**given, **tags}


def _named(*names: str, version: str = "0.97", written: dict[str, str] | None = None) -> Files:
    """A bag of files with these names, listed as they are or as `written` says."""
    listed = b"".join(
        line(name.encode("utf-8", "surrogateescape"), (written or {}).get(name, name))
        for name in names
    )
    payload = {
        name.removeprefix("data/"): name.encode("utf-8", "surrogateescape") for name in names
    }
    return bag(payload, version=version, change={M: listed})


def _without_oxum(files: Files) -> Files:
    return {path: content for path, content in files.items() if path != "bag-info.txt"}


NO_CHARSETS = (
    "rot13", "hex", "zlib", "bz2", "base64", "uu", "quopri", "idna", "punycode", "undefined",
    "unicode_escape", "raw_unicode_escape", "utf-8-sig", "mbcs", "nonsense", "UTF-8\0", "UTF 8",
    "../utf_8", "x" * 200,
)  # fmt: skip

DECLARATIONS = [
    _bad("no bagit.txt", "no-declaration", bag(change={"bagit.txt": None})),
    _bad("empty bagit.txt", "declaration-malformed", _declared(b"")),
    _bad("bagit.txt with one line", "declaration-malformed", _declared(b"BagIt-Version: 1.0\n")),
    _bad("bagit.txt with three lines", "declaration-malformed", _declared(DECLARATION + b"A: b\n")),
    _bad("bagit.txt with a blank line", "declaration-malformed", _declared(DECLARATION + b"\n")),
    _bad(
        "bagit.txt with its lines swapped",
        "declaration-order",
        _declared(b"Tag-File-Character-Encoding: UTF-8\nBagIt-Version: 1.0\n"),
    ),
    _odd(
        "bagit.txt with its lines swapped, 0.97 (moab)",
        "declaration-order",
        _declared(b"Tag-File-Character-Encoding: UTF-8\nBagIt-Version: 0.97\n", version="0.97"),
    ),
    _bad(
        "bagit.txt with its lines swapped and the version twice, 0.97",
        "declaration-malformed",
        _declared(b"Tag-File-Character-Encoding: UTF-8\nTag-File-Character-Encoding: UTF-8\n"),
    ),
    *(
        _bad(
            f"bagit.txt whose {label} says nothing, {version}",
            "declaration-malformed",
            _declared(
                text.replace(b"0.97", version.encode()).replace(value, b""),
                version=version,
            ),
        )
        for version in ("0.97", "1.0")
        for label, value, text in (
            ("encoding", b"UTF-8", OLD_DECLARATION),
            ("version", version.encode(), OLD_DECLARATION),
        )
    ),
    _bad(
        "bagit.txt with an encoding of a tab only",
        "declaration-malformed",
        _declared(DECLARATION.replace(b"UTF-8", b"\t")),
    ),
    _bad(
        "bagit.txt with the version twice",
        "declaration-malformed",
        _declared(b"BagIt-Version: 1.0\nBagIt-Version: 1.0\n"),
    ),
    _odd(
        "bagit.txt with BagIt-version (rocrateR)",
        "declaration-label-case",
        _declared(DECLARATION.replace(b"-V", b"-v")),
    ),
    _bad(
        "bagit.txt with BagIt_Version",
        "declaration-malformed",
        _declared(DECLARATION.replace(b"-V", b"_V")),
    ),
    _bad(
        "bagit.txt with a space before the colon, 1.0",
        "declaration-spacing",
        _declared(DECLARATION.replace(b":", b" :")),
    ),
    _bad(
        "bagit.txt with two spaces, 1.0",
        "declaration-spacing",
        _declared(DECLARATION.replace(b": ", b":  ")),
    ),
    _bad(
        "bagit.txt without a space, 1.0",
        "declaration-spacing",
        _declared(DECLARATION.replace(b": ", b":")),
    ),
    _bad(
        "bagit.txt with trailing spaces, 1.0",
        "declaration-spacing",
        _declared(DECLARATION.replace(b"\n", b" \n")),
    ),
    _odd(
        "bagit.txt with trailing spaces, 0.97",
        "declaration-spacing",
        _declared(OLD_DECLARATION.replace(b"\n", b" \n")),
    ),
    _odd("bagit.txt with CR LF", None, _declared(DECLARATION.replace(b"\n", b"\r\n"))),
    _odd("bagit.txt with CR", None, _declared(DECLARATION.replace(b"\n", b"\r"))),
    _odd("bagit.txt without a last line end", None, _declared(DECLARATION[:-1])),
    _bad("bagit.txt with a mark", "declaration-bom", _declared(b"\xef\xbb\xbf" + DECLARATION)),
    _bad(
        "bagit.txt that is UTF-16",
        "tag-file-undecodable",
        _declared(DECLARATION.decode().encode("utf-16")),
    ),
    _bad("bagit.txt with a wrong byte", "tag-file-undecodable", _declared(DECLARATION + b"\xff")),
    _bad("a bagit.txt of 1 MiB", "tag-file-too-large",
         _declared(DECLARATION + b" " * (1 << 20))),
    _bad("version abc", "version-malformed", _declared(DECLARATION.replace(b"1.0", b"abc"))),
    _bad("version 1", "version-malformed", _declared(DECLARATION.replace(b"1.0", b"1"))),
    _bad("version .97", "version-malformed", _declared(DECLARATION.replace(b"1.0", b".97"))),
    _bad(
        "version in other digits",
        "version-malformed",
        _declared(DECLARATION.replace(b"1.0", "\u0661.\u0660".encode())),
    ),
    _bad("version 1.1", "version-unsupported", _declared(DECLARATION.replace(b"1.0", b"1.1"))),
    _bad("version 2.0", "version-unsupported", _declared(DECLARATION.replace(b"1.0", b"2.0"))),
    _bad("version 0.92", "version-unsupported", _declared(DECLARATION.replace(b"1.0", b"0.92"))),
    *(
        _odd(f"version {version}", None, bag(version=version))
        for version in ("0.94", "0.96", "0.97", "1.0")
    ),
    *(
        _bad(
            f"encoding {name!r}",
            "encoding-unknown",
            _declared(DECLARATION.replace(b"UTF-8", name.encode())),
        )
        for name in NO_CHARSETS
    ),
    _odd("encoding ISO-8859-1", "encoding-not-utf-8", _encoded("ISO-8859-1", "iso8859-1",
         {"P/\u00e9.txt": ALPHA})),
    _odd("encoding UTF-16", "encoding-not-utf-8", _encoded("UTF-16", "utf-16")),
    _odd("encoding UTF-16 without a mark", "encoding-not-utf-8", _encoded("UTF-16", "utf-16-be")),
    _odd("encoding UTF-16LE", "encoding-not-utf-8", _encoded("UTF-16LE", "utf-16-le")),
    _bad("half a character in UTF-7", "tag-file-undecodable", _declared(
         DECLARATION.replace(b"UTF-8", b"UTF-7")) | {M: A + B + line(b"", "data/+2AA-")}),
    _odd("encoding in lower case", None, _encoded("utf-8", "utf-8")),
]  # fmt: skip

STRUCTURES = [
    OddBag(
        name="no data folder",
        code="no-payload-folder",
        valid=False,
        files=bag({}, change={"bag-info.txt": None}),
        folders=(),
    ),
    _bad("data is a file", "no-payload-folder", {"data": b"x", **bag({})}, on_disk=False),
    _odd("empty payload", None, bag({})),
    _odd("empty payload, 0.97", None, bag({}, version="0.97")),
    _bad("no manifest", "no-manifest", bag(change={M: None})),
    _bad("an empty manifest", "extra-file", _listed(b"")),
    _bad("only an unknown algorithm", "no-verifiable-manifest", bag(
        change={M: None, "manifest-crc32.txt": b"aabb  data/P/a.txt\nccdd  data/P/b.txt\n"})),
    _odd("an unknown algorithm beside another", "algorithm-unknown", bag(
        change={"manifest-crc32.txt": b"aabb  data/P/a.txt\nccdd  data/P/b.txt\n"})),
    _bad("an unknown algorithm that lists too little", "not-in-every-manifest", bag(
        change={"manifest-crc32.txt": b"aabb  data/P/a.txt\n"})),
    _bad("an unknown algorithm that lists too much", "missing-file", bag(
        change={"manifest-crc32.txt": b"aa  data/P/a.txt\ncc  data/P/b.txt\ndd  data/x\n"})),
    _bad("shake_128", "algorithm-unknown", bag(
        change={"manifest-shake128.txt": A.replace(A[:128], b"00")})),
    _odd("manifest-SHA512.txt", "algorithm-name-unusual", bag(
        change={M: None, "manifest-SHA512.txt": A + B})),
    _odd("manifest-sha-512.txt", "algorithm-name-unusual", bag(
        change={M: None, "manifest-sha-512.txt": A + B})),
    _odd("md5 and sha1 and sha256", None, bag(algorithms=("md5", "sha1", "sha256"))),
    _odd("sha3-256", None, bag(algorithms=("sha3256",))),
    _bad("a link in the payload", "symbolic-link", {**bag(), "data/P/l": EntryKind.LINK}),
    _bad("a link listed in the manifest", "symbolic-link", {
        **_listed(A + B + line(ALPHA, "data/P/l")), "data/P/l": EntryKind.LINK}),
    _bad("a linked manifest", "symbolic-link", {**bag(tag_manifests=()), M: EntryKind.LINK}),
    _bad("a linked bagit.txt", "symbolic-link", {**bag(), "bagit.txt": EntryKind.LINK}),
    _bad("a linked tag file", "symbolic-link", {**bag(), "extra.txt": EntryKind.LINK}),
    _bad("data is a link", "symbolic-link", {
        "data": EntryKind.LINK,
        **bag({}),
    }, on_disk=False),
    _bad("a pipe in the payload", "special-file", {
        **_listed(A + B + line(b"", "data/P/pipe")),
        "data/P/pipe": EntryKind.OTHER}, on_disk=False),
    _bad("a name that climbs", "name-unsafe", {**bag(), "data/../../x": b""}, on_disk=False),
    _bad("an absolute name", "name-unsafe", {**bag(), "/etc/x": b""}, on_disk=False),
    _bad("a name with NUL", "name-unsafe", {**bag(), "data/a\0b": b""}, on_disk=False),
    _bad("a name that is not UTF-8", "name-not-utf-8", {**bag(), "data/P/\udce9": b"x"}),
    _odd("two names that look the same", "name-normalization-duplicate", _named(NFC, NFD)),
    _odd("two names that differ by case", "name-case-duplicate",
         _named("data/P/a.txt", "data/p/A.TXT")),
    *(
        _odd(f"the Windows name {name!r}", "name-windows", _named(f"data/{name}"))
        for name in ("CON", "P/nul.txt", "aux/x", "P/a:b", "P/a?b", "P/a. ", "P/a.", "COM1.log")
    ),
    _odd("a Finder file in the payload", "system-file", _named("data/.DS_Store", "data/._x")),
    _odd("Thumbs.db in the payload", "system-file", _named("data/P/Thumbs.db")),
    _bad("an unlisted Finder file", "extra-file", {**bag(), "data/P/.DS_Store": b"x"}),
    _odd("an empty folder", "empty-folder", bag(), ("data/P/none",)),
    _odd("a file in a tag folder", "tag-file-not-listed", {**bag(), "meta/x.xml": b"<x/>"}),
]  # fmt: skip

MANIFESTS = [
    _odd("upper case checksums", None, _listed(A.upper().replace(b"DATA/P/A.TXT", b"data/P/a.txt")
         + B)),
    _odd("one space", None, _listed((A + B).replace(b"  ", b" "))),
    _odd("tabs and spaces", None, _listed((A + B).replace(b"  ", b" \t  "))),
    _odd("CR LF", None, _listed((A + B).replace(b"\n", b"\r\n"))),
    _odd("CR", None, _listed((A + B).replace(b"\n", b"\r"))),
    _odd("no last line end", None, _listed((A + B)[:-1])),
    _odd("a blank line", "blank-line", _listed(A + b"\n" + B)),
    _odd("a blank line at the end", "blank-line", _listed(A + B + b"\n")),
    _odd("a comment", "manifest-line-comment", _listed(b"# made by hand\n" + A + B)),
    _bad("a line without a path", "manifest-line-malformed", _listed(A + B + b"abcdef\n")),
    _bad("a line that is a sentence", "manifest-line-malformed", _listed(A + B + b"nonsense\n")),
    _bad("a checksum with a space behind it", "manifest-line-malformed",
         _listed(A + B + A[:128] + b"  \n")),
    _bad("an md5sum escape", "manifest-line-escaped", _listed(A + B + b"\\" + A)),
    _bad("a space before the checksum", "manifest-line-malformed", _listed(b" " + A + B)),
    _bad("a short checksum", "checksum-malformed", _listed(A[1:] + B)),
    _bad("a checksum with other letters", "checksum-malformed", _listed(b"g" + A[1:] + B)),
    _bad("a checksum in wide digits", "checksum-malformed",
         _listed("\uff11".encode() + A[1:] + B)),
    _odd("md5sum's asterisk", "manifest-line-asterisk", _listed((A + B).replace(b"  ", b" *"))),
    _odd("a leading ./", "path-not-plain", _listed((A + B).replace(b"  ", b"  ./"))),
    _odd("a doubled slash", "path-not-plain", _listed((A + B).replace(b"P/", b"P//"))),
    _bad("two checksums for one file by ./", "listed-twice-conflicting",
         _listed(A + B + line(BETA, "./data/P/a.txt"))),
    *(
        _bad(f"a manifest path {path!r}", "path-unsafe", _listed(A + B + line(ALPHA, path)))
        for path in (
            "/etc/passwd", "../x", "data/../../x", "~/x", "~root/x", "C:\\x", "c:/x",
            "\\\\host\\share", "\\\\?\\C:\\x", "data/..\\..\\x", "%HomeDrive%\\x", "..",
            "./../x", "data/%0A/../../x", "data/a\0b", "*../x", "%25TEMP%25\\x",
        )
    ),
    *(
        _bad(f"a tag manifest path {path!r}", "path-unsafe",
             bag(change={"tagmanifest-sha512.txt": line(A + B, M) + line(b"x", path)}))
        for path in ("../bag2/x", "../bagx/secret", "/etc/hostname", "~/.profile")
    ),
    _bad("a manifest that lists a tag file", "not-payload",
         _listed(A + B + line(DECLARATION, "bagit.txt"))),
    _bad("a manifest that lists a missing tag file", "not-payload",
         _listed(A + B + line(DECLARATION, "gone.txt"))),
    _bad("a manifest that lists a folder", "directory-listed",
         _listed(A + B + line(b"", "data/P"))),
    _bad("a manifest that lists a folder with a slash", "directory-listed",
         _listed(A + B + line(b"", "data/P/"))),
    _bad("the same line twice, 1.0", "listed-twice", _listed(A + B + A)),
    _odd("the same line twice, 0.97", "listed-twice", _listed(A + B + A, "0.97")),
    _bad("one file with two checksums", "listed-twice-conflicting",
         _listed(A + B + line(BETA, "data/P/a.txt"), "0.97")),
    _bad("a missing file twice", "listed-twice",
         _listed(A + B + 2 * line(b"", "data/gone"))),
    _bad("a missing file with two checksums", "listed-twice-conflicting",
         _listed(A + B + line(b"", "data/gone") + line(b"x", "data/gone"))),
    _bad("backslashes as separators", "missing-file", _listed(A.replace(b"P/", b"P\\") + B)),
    _bad("a path in another case", "missing-file", _listed(A.replace(b"a.txt", b"A.txt") + B)),
    _bad("spaces behind a path", "missing-file", _listed(A.replace(b"\n", b"  \n") + B)),
    _odd("a name that ends in a space", None, _named("data/P/a ")),
    _odd("names with odd separators", None,
         _named("data/P/a\x85b", "data/P/a\u2028b", "data/P/a\x0bb", "data/P/a\x0cb")),
    _odd("%0A in a name, 1.0", None, _named("data/a\nb\rc", version="1.0",
         written={"data/a\nb\rc": "data/a%0Ab%0dc"})),
    _odd("%0A in a name, 0.97", None, _named("data/a\nb\rc",
         written={"data/a\nb\rc": "data/a%0Ab%0Dc"})),
    _odd("four %0A in a name", None, _named("data/\n\n\n\n",
         written={"data/\n\n\n\n": "data/%0A%0A%0A%0A"})),
    _odd("%25 in a name, 1.0", None, _named("data/100%.txt", "data/%0A", version="1.0",
         written={"data/100%.txt": "data/100%25.txt", "data/%0A": "data/%250A"})),
    _odd("a percent sign as it is, 1.0", None, _named("data/100%.txt", version="1.0")),
    _odd("%25 that is meant as it is, 1.0", "path-not-encoded",
         _named("data/a%25b", version="1.0")),
    _odd("%0A that is meant as it is, 0.97", None, _named("data/a%0Ab")),
    _odd("%25 beside a percent sign, 1.0", "path-not-encoded",
         _named("data/a%b", "data/a%25b", version="1.0")),
    _odd("a%25b and a%2525b, 1.0", None, _named("data/a%b", "data/a%25b", version="1.0",
         written={"data/a%b": "data/a%25b", "data/a%25b": "data/a%2525b"})),
    _bad("%0A for a line feed and for itself, 0.97", "listed-twice-conflicting", _named(
         "data/a\nb", "data/a%0Ab", written={"data/a\nb": "data/a%0Ab"})),
    _bad("%25 twice beside both names, 1.0", "listed-twice-conflicting", _named(
         "data/a%b", "data/a%25b", version="1.0", written={"data/a%b": "data/a%25b"})),
    _bad("%2F is no slash", "missing-file", _listed(A.replace(b"P/", b"P%2F") + B)),
    _odd("NFD in the manifest, NFC on disk", "path-normalization",
         _named(NFC, written={NFC: NFD})),
    _odd("NFC in the manifest, NFD on disk", "path-normalization",
         _named(NFD, written={NFD: NFC})),
    _bad("two names that look the same, one listed", "extra-file",
         {**_named(NFC), NFD: NFC.encode()}),
    _bad("two names that look the same, one listed twice", "listed-twice-conflicting", {
        **_listed(line(ALPHA, NFC) + line(BETA, NFC)), NFC: ALPHA, NFD: BETA}),
    _bad("a third form listed, two on disk", "missing-file",
         _named("data/\u00c5", "data/A\u030a", written={"data/\u00c5": "data/\u212b"})),
    _bad("NFC and NFD listed, one on disk", "listed-twice",
         {
        **_named(NFC, version="1.0"), M: line(NFC.encode(), NFD) + line(NFC.encode(), NFC)}),
    _odd("a mark in a manifest, 0.97", "tag-file-bom", _listed(b"\xef\xbb\xbf" + A + B, "0.97")),
    _bad("a mark in a manifest, 1.0", "tag-file-bom", _listed(b"\xef\xbb\xbf" + A + B)),
    _bad("a manifest with a wrong byte", "tag-file-undecodable", _listed(A + B + b"\xff\n")),
    _bad("a manifest that is UTF-16", "tag-file-undecodable",
         _listed((A + B).decode().encode("utf-16"))),
]  # fmt: skip

TWO = ("sha256", "sha512")
COMPLETENESS = [
    _bad("a file is missing", "missing-file", bag(change={"data/P/a.txt": None})),
    _bad("a file is missing, no Oxum", "missing-file",
         bag(change={"data/P/a.txt": None, "bag-info.txt": None})),
    _bad("a file too many", "extra-file", {**bag(), "data/P/c.txt": b""}),
    _bad("a file too many, no Oxum", "extra-file",
         {**bag(change={"bag-info.txt": None}), "data/P/c.txt": b""}),
    _bad("a listed tag file is missing", "missing-file",
         {path: content for path, content in bag().items() if path != "bag-info.txt"}),
    _bad("a file in one of two manifests, 1.0", "not-in-every-manifest",
         bag(algorithms=TWO, change={"manifest-sha256.txt": A256})),
    _odd("a file in one of two manifests, 0.97", "not-in-every-manifest",
         bag(version="0.97", algorithms=TWO, change={"manifest-sha256.txt": A256})),
    _odd("each file in another manifest, 0.97", "not-in-every-manifest", bag(
         version="0.97", algorithms=TWO, change={"manifest-sha256.txt": A256, M: B})),
    _bad("each file in another manifest, 1.0", "not-in-every-manifest", bag(
         algorithms=TWO, change={"manifest-sha256.txt": A256, M: B})),
    _bad("a file in a manifest that cannot be verified", "file-unverifiable", bag(
         version="0.97", change={M: A, "manifest-crc32.txt": b"aa  data/P/b.txt\n"})),
    _bad("a file listed by the tag manifest alone", "extra-file", bag(
         version="0.97",
         change={M: A, "tagmanifest-sha512.txt": line(A, M) + B})),
    _bad("a payload byte changed", "checksum-mismatch", {**bag(), "data/P/a.txt": b"Alpha\n"}),
    _bad("sha256 right, sha512 wrong", "checksum-mismatch",
         bag(algorithms=TWO, change={M: line(BETA, "data/P/a.txt") + B})),
    _bad("sha256 wrong, sha512 right", "checksum-mismatch", bag(
         algorithms=TWO, change={"manifest-sha256.txt": A256.replace(A256[:1], b"0") + B256
         if A256[:1] != b"0" else b"1" + A256[1:] + B256})),
    _bad("a tag file changed", "checksum-mismatch", {**bag(), "bag-info.txt": OXUM + b"A: b\n"}),
    _bad("a file that is no regular one", "checksum-not-taken", {
        **_without_oxum(bag(change={M: A + B + line(b"", "data/P/pipe")})),
        "data/P/pipe": EntryKind.OTHER}, on_disk=False),
]  # fmt: skip

T = "tagmanifest-sha512.txt"
TAG_MANIFESTS = [
    _odd("no tag manifest", None, bag(tag_manifests=())),
    _odd("a tag manifest of another algorithm", None, bag(tag_manifests=("md5",))),
    _bad("a tag manifest without the manifest, 1.0", "manifest-not-in-tag-manifest",
         bag(change={T: line(DECLARATION, "bagit.txt") + line(OXUM, "bag-info.txt")})),
    _odd("a tag manifest without the manifest, 0.97", "manifest-not-in-tag-manifest",
         bag(version="0.97", change={T: line(OXUM, "bag-info.txt")})),
    _odd("a tag manifest with the manifest alone", "tag-file-not-listed",
         bag(change={T: line(A + B, M)})),
    _bad("a tag manifest that lists payload, 1.0", "tag-manifest-lists-payload",
         bag(change={T: line(A + B, M) + A})),
    _odd("a tag manifest that lists payload, 0.97", "tag-manifest-lists-payload",
         bag(version="0.97", change={T: line(A + B, M) + A})),
    _bad("a tag manifest that lists another, 1.0", "tag-manifest-lists-tag-manifest", bag(
         change={T: line(A + B, M), "tagmanifest-md5.txt":
                 line(A + B, M, "md5") + line(line(A + B, M), T, "md5")})),
    _odd("a tag manifest that lists another, 0.97", "tag-manifest-lists-tag-manifest", bag(
         version="0.97",
         change={T: line(A + B, M), "tagmanifest-md5.txt":
                 line(A + B, M, "md5") + line(line(A + B, M), T, "md5")})),
    _bad("a tag manifest that lists itself", "checksum-mismatch", bag(
         version="0.97", change={T: line(A + B, M) + line(b"", T)})),
    _bad("a tag manifest with a name in another case", "missing-file",
         bag(change={T: line(A + B, M) + line(OXUM, "Bag-Info.txt")})),
    _bad("a tag manifest with a missing NFD name", "missing-file",
         bag(change={T: line(A + B, M) + line(OXUM, "e\u0301.txt")})),
    _bad("a wrong tag manifest, 0.96", "checksum-mismatch",
         bag(version="0.96", change={T: line(A, M)})),
    _bad("an unparsable tag manifest", "manifest-line-malformed",
         bag(change={T: line(A + B, M) + b"nonsense\n"})),
    _odd("an unknown tag manifest", "algorithm-unknown",
         bag(change={"tagmanifest-crc32.txt": b"aabb  manifest-sha512.txt\n"})),
]  # fmt: skip

INFOS = [
    _odd("no bag-info.txt", None, bag(change={"bag-info.txt": None})),
    _odd("an empty bag-info.txt", None, _info(b"")),
    _odd("a folded value", None, _info(OXUM + b"A: b\n  c\n\td\n")),
    _odd("a repeated label", None, _info(OXUM + b"A: b\nA: c\n")),
    _odd("a colon in a value", None, _info(OXUM + b"A: b: c\n")),
    _odd("a blank line in bag-info.txt", "blank-line", _info(OXUM + b"\nA: b\n")),
    _odd("CR in bag-info.txt", None, _info(OXUM.replace(b"\n", b"\r") + b"A: b\r")),
    _odd("a value with U+2028", None, _info(OXUM + "A: b\u2028c\n".encode())),
    _bad("a line without a colon", "info-line-malformed", _info(OXUM + b"nonsense\n")),
    _bad("an empty label", "info-line-malformed", _info(OXUM + b": x\n")),
    _bad("a fold with no label", "info-line-malformed", _info(b"  x\n" + OXUM)),
    _odd("two spaces behind the colon, 1.0", None, _info(OXUM + b"A:  b\n")),
    _odd("a space and a tab behind the colon, 1.0", None, _info(OXUM + b"A: \tb\n")),
    _bad("a no-break space behind the colon, 1.0", "info-spacing",
         _info(OXUM + "A:\u00a0b\n".encode())),
    _odd("an indented first label, 0.97", "info-first-line-indented",
         _info(b" A: b\n" + OXUM, "0.97")),
    _bad("an indented first label, 1.0", "info-line-malformed", _info(b" A: b\n" + OXUM)),
    _bad("an indented first line without a label, 0.97", "info-line-malformed",
         _info(b" words\n" + OXUM, "0.97")),
    _bad("a space before the colon, 1.0", "info-spacing", _info(OXUM + b"A : b\n")),
    _bad("no space behind the colon, 1.0", "info-spacing", _info(OXUM + b"A:b\n")),
    _odd("any space at the colon, 0.97", "info-spacing", _info(OXUM + b"A :   b\nC:d\n", "0.97")),
    _odd("an empty value, 1.0", None, _info(OXUM + b"A:\nB: \n")),
    *(
        _bad(f"Payload-Oxum {value!r}", "oxum-malformed",
             _info(b"Payload-Oxum: " + value.encode() + b"\n"))
        for value in ("abc", "5", "", "11.", ".2", "-11.2", "11.2.3", "\u00b2.2", "1e1.2",
                      "9" * 5000 + ".2")
    ),
    _bad("Payload-Oxum with a wrong number of bytes", "oxum-mismatch",
         _info(b"Payload-Oxum: 12.2\n")),
    _bad("Payload-Oxum with a wrong number of files", "oxum-mismatch",
         _info(b"Payload-Oxum: 11.3\n")),
    _bad("payload-oxum in lower case", "oxum-mismatch", _info(b"payload-oxum: 11.3\n")),
    _bad("Payload-Oxum twice, 1.0", "oxum-repeated", _info(OXUM + OXUM)),
    _odd("Payload-Oxum twice, 0.97", "oxum-repeated", _info(OXUM + OXUM, "0.97")),
    _bad("the second Payload-Oxum is wrong, 0.97", "oxum-mismatch",
         _info(OXUM + b"Payload-Oxum: 1.1\n", "0.97")),
    _odd("package-info.txt, 0.95", None, bag(
         version="0.95", change={"bag-info.txt": None, "package-info.txt": OXUM})),
    _bad("a wrong package-info.txt, 0.95", "oxum-mismatch", bag(
         version="0.95",
         change={"bag-info.txt": None, "package-info.txt": b"Payload-Oxum: 1.1\n"})),
    _bad("bag-info.txt with a wrong byte", "tag-file-undecodable", _info(OXUM + b"A: \xff\n")),
    _bad("a mark in bag-info.txt, 1.0", "tag-file-bom", _info(b"\xef\xbb\xbf" + OXUM)),
    _odd("a mark in bag-info.txt, 0.97", "tag-file-bom", _info(b"\xef\xbb\xbf" + OXUM, "0.97")),
]  # fmt: skip

U = b"https://example.org/x "
GONE = _fetch(U + b"- data/P/a.txt\n", **{"data/P/a.txt": None})
FETCHES = [
    _odd("an empty fetch.txt", None, _fetch(b"")),
    _odd("fetch.txt of a file that is there", None, _fetch(U + b"6 data/P/a.txt\n")),
    _odd("fetch.txt without a length", None, _fetch(U + b"- data/P/a.txt\n")),
    _odd("a blank line in fetch.txt", "blank-line", _fetch(U + b"- data/P/a.txt\n\n")),
    _odd("fetch.txt with a line twice", "fetch-listed-twice", _fetch(2 * U.replace(
         b" ", b" - data/P/a.txt\n"))),
    _bad("a remote file", "file-is-remote", GONE),
    _bad("fetch.txt with two fields", "fetch-line-malformed", _fetch(U + b"data/P/a.txt\n")),
    _bad("fetch.txt with an odd length", "fetch-line-malformed", _fetch(U + b"x data/P/a.txt\n")),
    _bad("fetch.txt with a relative URL", "fetch-url-not-absolute",
         _fetch(b"x/y 6 data/P/a.txt\n")),
    _odd("fetch.txt with a file URL", None, _fetch(b"file:///x 6 data/P/a.txt\n")),
    _bad("fetch.txt that lists a tag file", "fetch-not-payload", _fetch(U + b"- bagit.txt\n")),
    _bad("fetch.txt that climbs", "path-unsafe", _fetch(U + b"- data/../../x\n")),
    _bad("fetch.txt with a file in no manifest", "fetch-not-in-every-manifest",
         _fetch(U + b"- data/P/new.txt\n")),
    _bad("fetch.txt with another length", "fetch-length-mismatch", _fetch(U + b"7 data/P/a.txt\n")),
    _bad("fetch.txt with a wrong byte", "tag-file-undecodable", _fetch(b"\xff\n")),
]  # fmt: skip

TOO_LARGE = [
    _bad("bag-info.txt over 8 MiB", "tag-file-too-large", _info(OXUM + b"A: " + bytes(8 << 20)),
         on_disk=False),
]  # fmt: skip

ALL = [
    *DECLARATIONS, *STRUCTURES, *MANIFESTS, *COMPLETENESS, *TAG_MANIFESTS, *INFOS, *FETCHES,
    *TOO_LARGE,
]  # fmt: skip

assert len({entry.name for entry in ALL}) == len(ALL)
assert hashlib.sha512(ALPHA).hexdigest().encode() == A[:128]
