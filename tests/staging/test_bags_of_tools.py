"""Bags and zips as the tools of the field make them: what becomes of each, and by which source.

`validate` and a drop must say the same of every one.
"""

import hashlib
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.config import StagingConfig
from presqt_daemon.errors import PresqtError
from presqt_daemon.staging import refused
from presqt_daemon.staging.folders import keeps_case_apart
from presqt_daemon.staging.inspect import inspect_zip
from tests.bags import bag_tree, zip_bytes
from tests.hostile_zips import Part, build, part
from tests.staging.test_stage import Desk

TEXTS = {"Notes/a.txt": b"alpha\n", "Notes/b.txt": b"beta\n"}
MANIFEST = "manifest-sha256.txt"
DECLARED = "BagIt-Version: {}\nTag-File-Character-Encoding: UTF-8\n"
Change = Callable[[bytes], bytes]


def tree(
    payload: Mapping[str, bytes] = TEXTS,
    version: str = "1.0",
    change: Mapping[str, Change | bytes] | None = None,
    algorithm: str = "sha256",
) -> dict[str, bytes]:
    """A bag without tag manifests, some of its tag files changed or added."""
    made = bag_tree(payload, version=version, algorithms=(algorithm,), tag_manifest=False)
    for name, by in (change or {}).items():
        made[name] = by if isinstance(by, bytes) else by(made[name])
    return made


def zipped(made: Mapping[str, bytes], folder: str | None = "bag") -> Callable[[], bytes]:
    return lambda: zip_bytes(made, folder=folder)


def declared(text: str, version: str = "1.0") -> Callable[[], bytes]:
    return zipped(tree(version=version, change={"bagit.txt": text.encode()}))


def info(text: str, version: str = "1.0") -> Callable[[], bytes]:
    oxum = "Payload-Oxum: 11.2\n"
    return zipped(tree(version=version, change={"bag-info.txt": (text + oxum).encode()}))


def manifest(change: Change, version: str = "1.0", **options: object) -> Callable[[], bytes]:
    return zipped(tree(version=version, change={MANIFEST: change}, **options))  # type: ignore[arg-type]


def swap(old: bytes, new: bytes) -> Change:
    return lambda content: content.replace(old, new)


def named(*names: str) -> Callable[[], bytes]:
    return zipped(tree({name: name.encode() for name in names}))


def rows(
    made: Mapping[str, bytes] | None = None, folder: str = "bag/", **fields: object
) -> list[Part]:
    made = tree() if made is None else made
    return [part((folder + name).encode(), text, **fields) for name, text in made.items()]


def raw(*parts: Part | Iterable[Part], behind: bytes = b"") -> Callable[[], bytes]:
    flat = [one for some in parts for one in ([some] if isinstance(some, Part) else some)]
    return lambda: build(flat) + behind


def backslashed(parts: Iterable[Part]) -> list[Part]:
    return [replace(entry, name=entry.name.replace(b"/", b"\\"), creator=0) for entry in parts]


def moved(old: str, new: str) -> dict[str, bytes]:
    return {name.replace(old, new): text for name, text in tree().items()}


def in_page(name: str, page: str) -> Callable[[], bytes]:
    made = tree({name: b"x"})
    return raw(
        replace(entry, name=entry.name.decode().encode(page), flags=0, creator=0)
        for entry in rows(made)
    )


def onedrive() -> bytes:
    """A zip64 locator that counts no disks (pmqs/Fix-OneDrive-Zip)."""
    content = bytearray(build(rows(), zip64_end=True))
    struct.pack_into("<L", content, content.rindex(b"PK\x06\x07") + 16, 0)
    return bytes(content)


def fetched(written: str, name: str, version: str) -> Callable[[], bytes]:
    line = f"https://example.org/x\t7\t{written}\n".encode()
    plain = swap(b"%25", b"%") if version < "1.0" else bytes
    return zipped(
        tree({"a": b"a", name: b"remote\n"}, version, {"fetch.txt": line, MANIFEST: plain})
    )


def dataverse(description: str, algorithm: str) -> Callable[[], bytes]:
    """As IQSS/dataverse's BagGenerator.java writes: CR LF, one space, no last line end."""
    made = tree({"Study/a.tab": b"1\t2\n", "Study/d/b": b"b"}, algorithm=algorithm)
    name = f"manifest-{algorithm}.txt"
    made[name] = made[name].strip().replace(b"\n", b"\r\n").replace(b"  ", b" ")
    made["bagit.txt"] = made["bagit.txt"].strip().replace(b"\n", b"\r\n")
    made["bag-info.txt"] = (
        f"Contact-Name: Doe, Jane\r\nExternal-Description: {description}\r\n"
        "Bag-Size: 5 bytes\r\nPayload-Oxum: 5.2\r\n"
    ).encode()
    made["metadata/oai-ore.jsonld"] = b"{}"
    return zipped(made, "doi-10-5072-FK2-XYv1.0")


def reversed_rows(content: bytes) -> bytes:
    return b"".join(b" ".join(reversed(row.split())) + b"\n" for row in content.splitlines())


def upper_rows(content: bytes) -> bytes:
    return b"\r\n".join(row[:64].upper() + row[64:] for row in content.splitlines())


DEEP = "/".join(["\u6f22\u5b57" * 15] * 12) + "/x"
ICON = {"Fotos/Icon\r": b"", "Fotos/a": b"a"}
FOLDER = part("bag/", mode=0o40755)

GOOD: Mapping[str, Callable[[], bytes]] = {
    # declarations
    "lines swapped, 0.97 (sul-dlss/moab-versioning)": declared(
        "Tag-File-Character-Encoding: UTF-8\nBagIt-Version: 0.97\n", "0.97"
    ),
    "BagIt-version (rocrateR)": declared(DECLARED.format("1.0").replace("-V", "-v")),
    "no space, 0.97 (bagit-conformance-suite)": declared(
        DECLARED.format("0.97").replace(": ", ":"), "0.97"
    ),
    # bag-info.txt
    "two spaces, 1.0 (RFC 8493 ABNF)": info("Contact-Name:  Jane\n"),
    "two spaces, 0.97": info("Contact-Name:  Jane\n", "0.97"),
    "a fold with a colon (whikloj/BagItTools)": info("Title: long\n  on: with a colon\n"),
    "a blank fold (IQSS/dataverse)": info("Title: one\n  \n  two\n"),
    "a long line (whikloj/BagItTools)": info("Description: " + "word " * 40_000 + "\n"),
    "a tab behind the colon (RFC 8493 2.2.2)": info("Contact-Name:\tJane\n"),
    "an indented first label, 0.97 (whikloj/BagItTools)": info(
        " Source-Organization: Some Place\nContact-Name : Jane\n", "0.97"
    ),
    "Dataverse, md5": dataverse("A study.\r\n It goes on.", "md5"),
    "Dataverse, sha1": dataverse("x", "sha1"),
    # fetch.txt
    "tabs, the file is there (bdbag)": fetched("data/sub dir/x", "sub dir/x", "0.97"),
    "percent signs, 0.97 (bdbag)": fetched("data/50%25 off.txt", "50% off.txt", "0.97"),
    "blanks as %20, 0.97 (bdbag)": fetched("data/50%25%20off", "50% off", "0.97"),
    "percent signs, 1.0": fetched("data/50%25 off.txt", "50% off.txt", "1.0"),
    # names
    "Icon with CR (bagit-python#12)": zipped(tree(ICON)),
    "a name with LF": named("a\nb"),
    "a name with TAB": named("a\tb"),
    "case only (bagit-conformance-suite)": named("xt_MARK.h", "xt_mark.h"),
    "Makefile and makefile": named("src/Makefile", "src/makefile"),
    "Masse and Ma\u00dfe": named("Masse.csv", "Ma\u00dfe.csv"),
    "final sigma": named("\u03c3", "\u03c2"),
    "a path of 1,100 bytes (RFC 8493 2.1.3)": named(DEEP),
    "a lock file of Office": named("~$Report.docx", "a"),
    "blanks at the ends of names": named(" a.txt", "b "),
    # code pages
    "code page 850 (Explorer)": in_page("K\u00f8benhavn/\u00c1r\u00eddo \u00e3.txt", "cp850"),
    "code page 1252 (wellcomecollection)": in_page("Th\u00e9r\u00e8se \u2013 2018.txt", "cp1252"),
    "code page 932 (libarchive#2798)": in_page("\u8868\u793a/\u30bd\u30d5\u30c8.txt", "cp932"),
    # zips
    "backslashes throughout (dotnet/runtime#41914)": raw(backslashed(rows())),
    "PowerShell 5.1": raw(part("bag\\data\\Notes\\", creator=0, dos=0x10), backslashed(rows())),
    "bsdtar ./bag": raw(part("./", mode=0o40755), rows(folder="./bag/")),
    "padded with zeros (libarchive#1439)": raw(rows(), behind=bytes(7000)),
    "no disks in the locator (OneDrive)": onedrive,
    "a folder twice (gradle/guides#331)": raw(FOLDER, FOLDER, rows()),
    "66,000 entries without zip64 (Finder; yauzl#60)": lambda: build(
        rows(tree({f"P/{n:05}": b"" for n in range(66_000)}))
    ),
    "a root entry (Dropbox; libarchive#982)": raw(part("/", creator=0, dos=0x10), rows(folder="")),
    "a folder of mode FFFF (libarchive#850)": raw(part("bag/", mode=0xFFFF, dos=0x10), rows()),
    "a folder with a file's mode (maven-shade)": raw(part("bag/", mode=0o100644), rows()),
    "the bag's folder is called data": zipped(tree(), "data"),
    "the bag's folder is hidden": zipped(tree(), ".bag"),
    "the bag's folder has a reserved name": zipped(tree(), "receipt.json"),
    # manifests
    "a mark, 0.97 (Out-File)": manifest(lambda c: b"\xef\xbb\xbf" + c, "0.97"),
    "upper case (bagit-java#142)": manifest(upper_rows),
    "SHA-256 in the name (metacat#1577)": zipped(moved("sha256", "SHA-256")),
    "blake2b (bagit-python)": zipped(tree(algorithm="blake2b")),
    "a tag manifest": zipped(bag_tree(TEXTS, version="0.97")),
}

BAD: Mapping[str, tuple[Callable[[], bytes], str, str]] = {
    "a blank first line, 0.97 (enduro)": (
        declared("\n" + DECLARED.format("0.97"), "0.97"),
        "malformed-bag",
        "line 1 is blank",
    ),
    "a blank third line, 0.97": (
        declared(DECLARED.format("0.97") + "\n", "0.97"),
        "malformed-bag",
        "line 3 is blank",
    ),
    "a blank third line, 1.0": (
        declared(DECLARED.format("1.0") + "\n"),
        "malformed-bag",
        "line 3 is blank",
    ),
    "no encoding": (
        declared("BagIt-Version: 1.0\nTag-File-Character-Encoding: \n"),
        "malformed-bag",
        "says nothing",
    ),
    "lines swapped, 1.0": (
        declared("Tag-File-Character-Encoding: UTF-8\nBagIt-Version: 1.0\n"),
        "malformed-bag",
        "first line",
    ),
    "an indented first label, 1.0 (whikloj/BagItTools)": (
        info(" Source-Organization: Some Place\n"),
        "invalid-bag",
        "continues no label",
    ),
    "a no-break space": (info("Contact-Name:\u00a0Jane\n"), "invalid-bag", "no-break space"),
    "a blank before the colon, 1.0": (
        info("Contact-Name : Jane\n"),
        "invalid-bag",
        "before its colon",
    ),
    "XML without an indent (keeps/roda-in#420)": (
        info("id: x\nmetadata: <dc>\n<title>T x</title>\n</dc>\n", "0.97"),
        "invalid-bag",
        "begins with a space",
    ),
    "a line feed without an indent (IQSS/dataverse#12032)": (
        dataverse("First.\nSecond.", "md5"),
        "invalid-bag",
        "begins with a space",
    ),
    "absolute paths": (
        manifest(swap(b"  data/", b"  /home/me/bag/data/")),
        "invalid-bag",
        "write data/Notes/a.txt",
    ),
    "backslashes in the manifest": (
        manifest(swap(b"/", b"\\")),
        "invalid-bag",
        "Write / instead of \\",
    ),
    "paths without data/": (
        manifest(swap(b"  data/", b"  ")),
        "invalid-bag",
        "write data/Notes/a.txt",
    ),
    "paths with the bag's folder": (
        manifest(swap(b"  data/", b"  bag/data/")),
        "invalid-bag",
        "without its own folder: write data/Notes/a.txt",
    ),
    "quoted paths": (
        manifest(swap(b"  data/Notes/a.txt", b'  "data/Notes/a.txt"')),
        "invalid-bag",
        "without quotation marks",
    ),
    "a semicolon": (manifest(swap(b"  ", b";")), "invalid-bag", "checksum path"),
    "reversed rows (SEAD)": (manifest(reversed_rows, "0.97"), "invalid-bag", "hexadecimal"),
    "a mark, 1.0": (manifest(lambda c: b"\xef\xbb\xbf" + c), "invalid-bag", "byte-order mark"),
    "UTF-16 (PowerShell's >)": (
        manifest(lambda c: c.decode().encode("utf-16")),
        "invalid-bag",
        "as PowerShell 5.1 writes",
    ),
    "Latin-1": (
        manifest(lambda c: c.decode().encode("latin-1"), payload={"\u00e9.txt": b"x"}),
        "invalid-bag",
        "is not UTF-8 text",
    ),
    "a tag file in the payload manifest (dans-bagit-lib)": (
        manifest(lambda c: c + hashlib.sha256(b"").hexdigest().encode() + b"  bagit.txt\n", "0.96"),
        "invalid-bag",
        "Tag files belong into a tag manifest",
    ),
    "Data/": (zipped(moved("data/Notes", "Data/Notes")), "invalid-bag", "The bag holds Data/"),
    "BagIt.txt": (zipped(moved("bagit.txt", "BagIt.txt")), "malformed-bag", "in small letters"),
    "a zip in a zip": (
        lambda: zip_bytes({"thesis.zip": zip_bytes(tree())}, folder=None),
        "malformed-bag",
        'Drop "thesis.zip" itself',
    ),
    "a tar in a zip": (
        zipped({"thesis.tar.gz": b"\x1f\x8b"}, None),
        "malformed-bag",
        'Unpack "thesis.tar.gz"',
    ),
    "a folder around the bag (Extract all)": (zipped(tree(), "bag/bag"), "malformed-bag", "deep"),
    "made by jar": (
        raw(part("META-INF/MANIFEST.MF", b"x"), rows()),
        "malformed-bag",
        "META-INF/MANIFEST.MF",
    ),
    "NFC and NFD": (named("\u00e9", "e\u0301"), "unsafe-archive", "Unicode normalization"),
    "a backslash of Linux": (named("a\\b.txt"), "unsafe-archive", "rename the file"),
    "leading slashes (PHP)": (raw(rows(folder="/bag/")), "unsafe-archive", "absolute path"),
    "a file twice (gradle#10005)": (
        raw(rows(), part("bag/bagit.txt", b"x")),
        "unsafe-archive",
        "stands in the zip twice",
    ),
    "another local name (libarchive)": (
        raw(part("bag/data/x", b"x", local_name=b"bag/data/_"), rows()),
        "unsafe-archive",
        "another name",
    ),
    "a file where a folder is (golang dupdir.zip)": (
        raw(part("bag/data/Notes"), rows()),
        "unsafe-archive",
        "a file and a folder",
    ),
    "a line end that no manifest lists": (
        zipped(tree(change={"note\r.txt": b"x"})),
        "unsafe-archive",
        "line end",
    ),
    "an empty folder with a line end": (
        raw(rows(), part("bag/data/e\n/")),
        "unsafe-archive",
        "line end",
    ),
}


def codes(content: bytes, folder: Path) -> tuple[str | None, str | None, str]:
    """The error's code by `validate`, and by a drop; what is said."""
    path = folder / "x.zip"
    path.write_bytes(content)
    found = inspect_zip(path, StagingConfig(), folder)
    fault: PresqtError | None = None
    try:
        Desk(folder, content).stage()
    except PresqtError as error:
        fault = error
    if fault is None or found.error is None:
        by_validate = None if found.error is None else found.error.code
        return by_validate, None if fault is None else fault.code, ""
    texts = [fault.message, *(entry.message for entry in fault.findings)]
    assert all(text.isprintable() for text in texts)
    assert found.error.message == fault.message
    return found.error.code, fault.code, "\n".join(texts)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.full) if "66,000" in name else name for name in GOOD],
)
def test_what_a_tool_makes_is_taken(name: str, tmp_path: Path) -> None:
    assert codes(GOOD[name](), tmp_path) == (None, None, "")


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused_is_told_with_advice_that_works(name: str, tmp_path: Path) -> None:
    make, code, advice = BAD[name]
    by_validate, by_drop, told = codes(make(), tmp_path)
    assert (by_validate, by_drop) == (code, code)
    assert advice in told


def test_a_disk_that_knows_no_case_refuses_the_pair_before_a_byte_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, named("src/Makefile", "src/makefile")())
    monkeypatch.setattr(refused, "keeps_case_apart", lambda _folder: False)
    fault = desk.fault()
    assert fault.code == "invalid-bag"
    assert {entry.code for entry in fault.findings} == {"name-case-duplicate"}
    assert "makefile" in fault.message
    assert "keeps no names apart" in fault.message
    assert desk.left() == {"drop.zip"}
    assert desk.asked == []


def test_a_bag_without_such_a_pair_asks_nothing_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused, "keeps_case_apart", lambda _folder: False)
    Desk(tmp_path, named("src/Makefile", "src/b")()).stage()


def test_the_disk_of_the_tests_keeps_case_apart_and_nothing_is_left(tmp_path: Path) -> None:
    assert keeps_case_apart(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_pair_by_case_is_a_warning_that_names_both(tmp_path: Path) -> None:
    bag = Desk(tmp_path, named("src/Makefile", "src/makefile")()).stage()
    (warning,) = [entry for entry in bag.warnings if entry.code == "name-case-duplicate"]
    assert "src/Makefile" in warning.message
    assert "src/makefile" in warning.message
