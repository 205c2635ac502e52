import pytest

from presqt_daemon.bagit.declaration import codec_from_charset, read_declaration
from presqt_daemon.bagit.findings import Findings
from presqt_daemon.bagit.paths import Names, decode_path, leaves_bag, plain_path
from presqt_daemon.bagit.tag_text import TagFiles
from presqt_daemon.bagit.tagfiles import labels_from_text, lines_from_text
from presqt_daemon.findings import shown
from presqt_daemon.model import Severity
from tests.bagit.verdicts import tree_from


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("\n", [""]),
        ("a", ["a"]),
        ("a\n", ["a"]),
        ("a\r\nb\rc\nd", ["a", "b", "c", "d"]),
        ("a\n\rb", ["a", "", "b"]),
        ("a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g", ["a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g"]),
    ],
)
def test_lines_end_with_lf_cr_or_both_and_nothing_else(text: str, lines: list[str]) -> None:
    assert lines_from_text(text) == lines


@pytest.mark.parametrize(
    "name",
    ["UTF-8", "utf-8", "UTF8", "US-ASCII", "ISO-8859-1", "iso-8859-15", "latin1", "windows-1252",
     "UTF-16", "UTF-16BE", "UTF-32", "UTF-7", "Shift_JIS", "EUC-JP", "ISO-2022-JP", "GB18030",
     "Big5", "KOI8-R", "IBM850", "macintosh", "hp-roman8", "TIS-620", "ISO_8859-1:1987"],
)  # fmt: skip
def test_character_sets_of_iana_are_known(name: str) -> None:
    assert codec_from_charset(name) is not None


@pytest.mark.parametrize(
    "name",
    ["", "rot13", "rot_13", "hex", "hex_codec", "zlib", "bz2", "base64", "quopri", "uu", "idna",
     "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "utf_8_sig", "mbcs", "oem",
     "charmap", "nonsense", "UTF-8\0", "UTF 8", "aliases", "..", "utf-8/../x", "\u00fctf",
     "a" * 99],
)  # fmt: skip
def test_codecs_that_are_no_character_sets_are_refused(name: str) -> None:
    assert codec_from_charset(name) is None


@pytest.mark.parametrize(
    "path",
    ["/x", "//host/x", "\\x", "\\\\?\\C:\\x", "~", "~/x", "~user", "C:", "C:\\x", "c:x", "..",
     "../x", "a/..", "a/../x", "a\\..\\x", "..\\x", "a\0b", "%HomeDrive%", "%TEMP%\\x"],
)  # fmt: skip
def test_paths_that_could_leave_the_bag(path: str) -> None:
    assert leaves_bag(path)


@pytest.mark.parametrize(
    "path",
    ["a", "data/x", "data/..x", "data/x..", "data/...", "data/~x", "data/C:x", "a%b%c", "data/%T%",
     "x/%HOME%/y", ".hidden", "..."],
)  # fmt: skip
def test_paths_that_stay_in_the_bag(path: str) -> None:
    assert not leaves_bag(path)


@pytest.mark.parametrize(
    ("written", "strict", "older"),
    [
        ("a%0Ab", "a\nb", "a\nb"),
        ("a%0ab%0D%0d", "a\nb\r\r", "a\nb\r\r"),
        ("a%25b", "a%b", "a%25b"),
        ("a%250Ab", "a%0Ab", "a%250Ab"),
        ("a%2Fb%20%c3%a9", "a%2Fb%20%c3%a9", "a%2Fb%20%c3%a9"),
        ("100%", "100%", "100%"),
    ],
)
def test_three_escapes_are_decoded_and_no_other(written: str, strict: str, older: str) -> None:
    assert decode_path(written, strict=True) == strict
    assert decode_path(written, strict=False) == older


@pytest.mark.parametrize(
    ("written", "plain"),
    [("./a", "a"), ("././a", "a"), ("a//b", "a/b"), ("a/./b", "a/b"), ("a/b/", "a/b/"), ("a", "a")],
)
def test_a_plain_path_has_no_idle_parts(written: str, plain: str) -> None:
    assert plain_path(written) == plain


def test_equivalent_names_are_found_both_ways() -> None:
    names = Names(["e\u0301", "K", "x"], frozenset())
    assert names.equivalent("\u00e9") == ["e\u0301"]
    assert names.equivalent("\u212a") == ["K"]
    assert names.equivalent("y") == []


def test_folds_keep_their_words_apart() -> None:
    findings = Findings(strict=True)
    text = "A: one\n  two\n\tthree\nB:\n x\n"
    assert labels_from_text(text, "bag-info.txt", findings) == (("A", "one two three"), ("B", "x"))
    assert findings.all() == ()


def test_a_broken_declaration_still_tells_what_it_can() -> None:
    findings = Findings()
    content = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\nX: y\n"
    tags = TagFiles(tree_from({"bagit.txt": content.replace(b"UTF-8", b"UTF-16")}), findings)
    assert (read_declaration(tags), tags.codec) == ("1.0", "utf-16")
    assert findings.strict
    assert findings.totals[Severity.ERROR] == 1


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain name", "plain name"),
        ("a\nb\x1b[31m", "a\\nb\\x1b[31m"),
        ("a\udce9", "a\\xe9"),
        ("a\ud800", "a\\ud800"),
        ("x" * 400, "x" * 297 + "..."),
    ],
)
def test_names_are_shown_on_one_line_of_text(text: str, seen: str) -> None:
    assert shown(text) == seen
