import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presqt_daemon.bagit.findings import Findings
from presqt_daemon.bagit.manifest_lines import LineReader
from presqt_daemon.bagit.manifests import ManifestName
from presqt_daemon.bagit.paths import Names
from presqt_daemon.bagit.tag_text import TagFiles, TagText
from tests.bagit.verdicts import tree_from

SHA1 = ManifestName(name="manifest-sha1.txt", algorithm="sha1", is_tag=False, verifiable=True)
COUNT = 20_000
FILES = [f"data/{number:05}" for number in range(COUNT)]


def rows(checksum_of_first: int = 0) -> list[str]:
    return [f"{checksum_of_first + n:040x}  {path}" for n, path in enumerate(FILES)]


def read(
    lines: list[str], files: list[str] = FILES, *, strict: bool = True, is_split: bool = False
) -> tuple[dict[str, str], dict[str, str], list[tuple[str, str]]]:
    findings = Findings(strict=strict)
    reader = LineReader(SHA1, Names(files, frozenset({"data"})), TagFiles(tree_from({}), findings))
    text = TagText(content="".join(f"{row}\n" for row in lines), codec="utf-8")
    reader.read("".join(text.pieces()).splitlines(keepends=True) if is_split else text.pieces())
    return reader.listed, reader.absent, [(f.code, f.message) for f in findings.all()]


def test_every_line_of_a_long_manifest_is_taken() -> None:
    listed, absent, findings = read(rows())
    assert list(listed) == FILES
    assert listed[FILES[-1]] == f"{COUNT - 1:040x}"
    assert (absent, findings) == ({}, [])


@pytest.mark.parametrize("place", [1, 10_000, 19_999])
def test_a_repeat_far_from_its_first_line_is_seen(place: int) -> None:
    lines = rows()
    lines.insert(place, lines[0])
    _listed, _absent, findings = read(lines)
    assert [code for code, _message in findings] == ["listed-twice"]
    assert f"(line {place + 1} is one of them)" in findings[0][1]


def test_two_checksums_far_apart_are_seen() -> None:
    _listed, _absent, findings = read([*rows(), f"{7:040x}  {FILES[0]}"])
    assert [code for code, _message in findings] == ["listed-twice-conflicting"]


@pytest.mark.parametrize("place", [0, 1, 10_000, 19_999])
@pytest.mark.parametrize(
    ("odd", "code"),
    [
        ("nonsense", "manifest-line-malformed"),
        ("", "blank-line"),
        ("# note", "manifest-line-comment"),
        ("g" * 40 + "  data/00000", "checksum-malformed"),
        ("0" * 40 + "  bagit.txt", "not-payload"),
        ("0" * 40 + "  ../x", "path-unsafe"),
    ],
)
def test_an_odd_line_is_told_with_its_number_and_the_others_count(
    place: int, odd: str, code: str
) -> None:
    lines = rows()
    lines.insert(place, odd)
    listed, _absent, findings = read(lines)
    assert len(listed) == COUNT
    assert [found for found, _message in findings] == [code]
    assert f"line {place + 1}" in findings[0][1]


@pytest.mark.parametrize("gap", ["x ", " x", "--", "\t\t", " \t", "\u00a0 ", ""])
def test_what_stands_between_checksum_and_path_is_looked_at_in_every_line(gap: str) -> None:
    lines = rows()
    lines[1] = lines[1].replace("  ", gap)
    listed, _absent, _findings = read(lines)
    assert (FILES[1] in listed) is (gap.strip(" \t") == "" and gap != "")


PATHS = ["data/a", "data/b", "data/a%0Ab", "data/a\nb", "data/c%d", "data/\u00e9", "data/e\u0301"]
LINES = st.lists(
    st.tuples(
        st.sampled_from(["0" * 40, "a" * 40, "A" * 40, "f" * 39, "zz", "#", "\\" + "0" * 40]),
        st.sampled_from(["  ", " ", "\t", " *", "", "   "]),
        st.sampled_from([*PATHS, "./data/a", "data//b", "data/gone", "data/c%25d", "x", "data"]),
    ).map("".join),
    max_size=8,
)


@settings(max_examples=500)
@given(lines=LINES, files=st.lists(st.sampled_from(PATHS), unique=True), strict=st.booleans())
def test_lines_read_in_one_piece_mean_what_they_mean_each_in_its_own(
    lines: list[str], files: list[str], strict: bool
) -> None:
    together = read(lines, files, strict=strict)
    assert together == read(lines, files, strict=strict, is_split=True)
    listed, absent, _findings = together
    assert set(listed) <= set(files)
    assert set(absent).isdisjoint(listed)
