"""What a bag's tag files may hold at most: every bound is a finding with a name."""

from collections.abc import Callable, Mapping

import pytest

from presqt_daemon.bagit.tag_text import MAX_MANIFESTS, TagText
from tests.bagit.verdicts import ALPHA, BETA, Files, bag, judge, line

A, B = line(ALPHA, "data/P/a.txt"), line(BETA, "data/P/b.txt")
OXUM = b"Payload-Oxum: 11.2\n"
EMOJI = "\U0001f600".encode()


def _info(content: bytes) -> Files:
    return bag(change={"bag-info.txt": OXUM + content})


def _listed(content: bytes) -> Files:
    return bag(change={"manifest-sha512.txt": A + B + content})


def _many(count: int, content: bytes) -> Files:
    return bag(change={f"manifest-x{number:02}.txt": content for number in range(count)})


def _absent(count: int, path: bytes) -> bytes:
    return b"".join(b"0" * 128 + b"  data/%d%s\n" % (number, path) for number in range(count))


OVER: Mapping[str, tuple[str, Callable[[], Files]]] = {
    "bag-info.txt over 100,000 lines": (
        "tag-file-too-many-lines",
        lambda: _info(b"A:\n" * 100_100),
    ),
    "blank lines": ("tag-file-too-many-lines", lambda: _listed(b"\n" * 100_100)),
    "blank lines ended by CR": ("tag-file-too-many-lines", lambda: _listed(b"\r" * 100_100)),
    "a line over 16 KiB in a manifest": (
        "tag-file-line-too-long",
        lambda: _listed(b"0" * 128 + b"  data/" + b"aa/" * 6000),
    ),
    "a long line behind short ones": (
        "tag-file-line-too-long",
        lambda: _listed(b"#\n" * 20_000 + b"#" * 16_385 + b"\n#\n"),
    ),
    "a long line of wide letters in UTF-16": (
        "tag-file-line-too-long",
        lambda: {
            **_listed(b""),
            "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-16\n",
            "manifest-sha512.txt": ("\U0001f600" * 20_000).encode("utf-16"),
        },
    ),
    "a line over 1 MiB in bag-info.txt": (
        "tag-file-line-too-long",
        lambda: _info(b"A: " + b"x" * (1 << 20)),
    ),
    "tag files of 18 MB in all": (
        "tag-files-too-large",
        lambda: _many(3, (b"#" * 15_000 + b"\n") * 400),
    ),
    "120,000 lines in two manifests": (
        "tag-file-too-many-lines",
        lambda: _many(2, b"#\n" * 60_000),
    ),
    "more manifests than there are algorithms": (
        "too-many-manifests",
        lambda: _many(MAX_MANIFESTS, b""),
    ),
    "names of files that are not there, in one manifest": (
        "too-many-unknown-names",
        lambda: _listed(_absent(40_000, EMOJI + b"x" * 100)),
    ),
    "names of files that are not there, in many manifests": (
        "too-many-unknown-names",
        lambda: _many(3, _absent(12_000, b"x" * 100)),
    ),
}


@pytest.mark.parametrize("name", OVER)
def test_a_bag_over_a_limit_of_its_tag_files_is_told_which(name: str) -> None:
    code, make = OVER[name]
    verdict = judge(make(), max_files=1)
    assert not verdict.valid
    assert code in verdict.errors


def test_a_checksum_longer_than_any_digest_is_malformed() -> None:
    verdict = judge({**bag(), "manifest-x1.txt": b"0" * 300 + b"  data/P/a.txt\n"})
    assert "checksum-malformed" in verdict.errors


def test_a_line_of_just_the_limit_is_read() -> None:
    assert judge(_info(b"A: " + b"x" * ((1 << 20) - 3) + b"\n")).valid


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("encoded", [True, False])
def test_pieces_are_whole_lines_and_lose_nothing(end: str, *, encoded: bool) -> None:
    lines = [f"{number} \u00e9\U0001f600" * (number % 7) for number in range(90_000)]
    text = "\ufeff" + end.join(lines)
    found = TagText(content=text.encode() if encoded else text, codec="utf-8")
    pieces = list(found.pieces())
    assert len(pieces) > 5
    assert "".join(pieces) == "\n".join(lines)
    assert all(piece.endswith("\n") for piece in pieces[:-1])


def test_the_place_of_a_wrong_byte_is_told_from_the_start_of_the_file() -> None:
    content = A + b"# \n" * 200_000
    verdict = judge(bag(change={"manifest-sha512.txt": content + b"\xff\n"}))
    found = verdict.of("tag-file-undecodable")
    assert f"(byte {len(content)})" in found[0].message


def test_many_sums_of_the_payload_are_compared_in_one_pass() -> None:
    verdict = judge(_info(b"Payload-Oxum: 1.1\n" * 50_000), max_files=100_000)
    assert verdict.errors.count("oxum-mismatch") > 0
