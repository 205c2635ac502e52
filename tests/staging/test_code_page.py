"""Zips that do not say how their names read; the manifest of the bag does."""

from dataclasses import replace
from pathlib import Path
from time import process_time

import pytest

from presqt_daemon.config import StagingConfig
from presqt_daemon.staging.code_page import open_bag_zip
from presqt_daemon.staging.inspect import Inspection, inspect_zip
from tests.bags import bag_tree
from tests.hostile_zips import Part, bag_parts, build, part


def inspect(content: bytes, folder: Path) -> Inspection:
    path = folder / "x.zip"
    path.write_bytes(content)
    return inspect_zip(path, StagingConfig(), folder)


def in_page(
    payload: dict[str, bytes], page: str, *, creator: int = 0, folder: str = "bag/"
) -> list[Part]:
    return [
        replace(entry, name=entry.name.decode().encode(page), flags=0, creator=creator)
        for entry in bag_parts(payload, folder=folder)
    ]


NAMES = {
    "cp850": "K\u00f8benhavn/\u00c1r\u00eddo \u00e3.txt",
    "cp1252": "Th\u00e9r\u00e8se \u2013 2018.txt",
    "cp932": "\u8868\u793a/\u30bd\u30d5\u30c8.txt",
    "cp866": "\u0414\u0430\u043d\u043d\u044b\u0435/\u043e\u0442\u0447\u0451\u0442.txt",
    "gbk": "\u6570\u636e/\u8054\u901a.txt",
    "cp949": "\uc790\ub8cc/\ub625\ubc29.txt",
    "big5": "\u8cc7\u6599/\u529f\u80fd.txt",
    "mac_roman": "\u00c9tude \u2022 \u00a9/\u00e5.txt",
}


@pytest.mark.parametrize("page", NAMES)
@pytest.mark.parametrize("creator", [0, 3])
def test_names_in_a_code_page_come_out_as_the_manifest_has_them(
    page: str, creator: int, tmp_path: Path
) -> None:
    found = inspect(
        build(in_page({NAMES[page]: b"x", "plain": b"y"}, page, creator=creator)), tmp_path
    )
    assert found.error is None
    assert [(w.code, w.found) for w in found.warnings if w.code != "name-windows"] == [
        ("zip-code-page", page.replace("mac_roman", "Mac Roman"))
    ]


def test_the_code_page_is_known_before_backslashes_are_folders(tmp_path: Path) -> None:
    parts = [
        replace(
            entry, name=entry.name.decode().replace("/", "\\").encode("cp932"), flags=0, creator=0
        )
        for entry in bag_parts({NAMES["cp932"]: b"x"})
    ]
    found = inspect(build(parts), tmp_path)
    assert found.error is None
    assert {warning.code for warning in found.warnings} == {"zip-code-page", "zip-normalised"}


def test_a_name_that_is_by_chance_utf_8_is_read_in_its_page(tmp_path: Path) -> None:
    raw = "\u8054\u901a".encode("gbk")
    assert raw.decode("utf-8", "replace") != "\u8054\u901a"
    found = inspect(build(in_page({"\u8054\u901a": b"x"}, "gbk")), tmp_path)
    assert found.error is None


def test_a_missing_file_beside_names_in_a_page_is_told_as_missing(tmp_path: Path) -> None:
    parts = in_page({NAMES["cp850"]: b"x", "gone.txt": b"y"}, "cp850")
    found = inspect(build(entry for entry in parts if b"gone" not in entry.name), tmp_path)
    assert [error.code for error in found.errors] == ["missing-file", "oxum-mismatch"]
    assert found.errors[0].path == "data/gone.txt"


def test_a_file_too_many_beside_names_in_a_page_is_told_as_that(tmp_path: Path) -> None:
    parts = in_page({NAMES["cp850"]: b"x"}, "cp850")
    extra = replace(parts[0], name="bag/data/\u00e3".encode("cp850"), content=b"")
    found = inspect(build([*parts, extra]), tmp_path)
    told = [(error.code, error.path) for error in found.errors if error.code != "oxum-mismatch"]
    assert told == [("extra-file", "data/\u00e3")]
    assert {warning.code for warning in found.warnings} == {"zip-code-page"}


def test_names_in_an_unknown_encoding_are_told_in_both_forms_with_advice_that_works(
    tmp_path: Path,
) -> None:
    found = inspect(build(in_page({"\u0394\u03b5\u03b4.txt": b"x"}, "cp737")), tmp_path)
    assert found.error is not None
    assert found.error.code == "invalid-bag"
    undeclared = next(error for error in found.errors if error.code == "names-undeclared")
    assert undeclared.expected == "data/\u0394\u03b5\u03b4.txt"
    assert undeclared.found != undeclared.expected
    for error in found.errors:
        assert "emove" not in error.message
        assert "Put the file" not in error.message
        assert error.code not in {"names-undeclared", "missing-file"} or "-mcu=on" in error.message


def test_two_pages_that_give_other_names_are_refused(tmp_path: Path) -> None:
    raws = (b"\xd0", b"\xd1")
    readings = [{raw.decode(page) for raw in raws} for page in ("cp850", "cp1252")]
    assert readings[0] != readings[1]
    tree = bag_tree(dict.fromkeys(sorted(readings[0] | readings[1]), b"1"))
    tags = [name for name in tree if not name.startswith("data/")]
    parts = [part(f"bag/{name}", tree[name]) for name in tags]
    parts += [part(b"bag/data/" + raw, b"1", creator=0) for raw in raws]
    found = inspect(build(parts), tmp_path)
    assert found.error is not None
    assert found.error.code == "invalid-bag"
    assert [error.found for error in found.errors] == ["cp850 and cp1252"]


def test_a_name_that_climbs_in_some_page_is_refused_in_all(tmp_path: Path) -> None:
    found = inspect(
        build([*in_page({NAMES["cp932"]: b"x"}, "cp932"), part("../evil", b"x")]), tmp_path
    )
    assert found.error is not None
    assert found.error.code == "unsafe-archive"
    assert [error.code for error in found.errors if error.code == "path-climbs"]
    assert not (tmp_path.parent / "evil").exists()


def test_digests_prove_the_choice_of_the_page(tmp_path: Path) -> None:
    parts = in_page({NAMES["cp850"]: b"x"}, "cp850")
    spoilt = [replace(entry, content=b"y") if b"/data/" in entry.name else entry for entry in parts]
    found = inspect(build(spoilt), tmp_path)
    assert {error.code for error in found.errors} == {"checksum-mismatch"}


def test_names_that_are_declared_are_never_guessed(tmp_path: Path) -> None:
    parts = bag_parts({"\u00e9.txt": b"x"})
    other = [
        replace(entry, name=entry.name.replace("\u00e9".encode(), "\u00e8".encode()))
        for entry in parts
    ]
    found = inspect(build(other), tmp_path)
    assert [error.code for error in found.errors] == ["missing-file", "extra-file"]


def test_twice_the_undeclared_names_cost_no_more_than_about_twice(tmp_path: Path) -> None:
    def seconds(count: int) -> float:
        payload = {f"\u00f8/{number:06}\u00e3": b"" for number in range(count)}
        path = tmp_path / f"{count}.zip"
        path.write_bytes(build(in_page(payload, "cp850")))
        before = process_time()
        with open_bag_zip(path, StagingConfig()) as archive:
            assert [warning.code for warning in archive.warnings] == ["zip-code-page"]
        return process_time() - before

    seconds(500)
    assert seconds(8000) < 40 * max(seconds(1000), 0.02)
