"""Zips that other projects test with, read where they are at hand."""

import importlib.util
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from presqt_daemon.config import StagingConfig
from presqt_daemon.errors import UserFault
from presqt_daemon.staging.code_page import open_bag_zip
from presqt_daemon.zips.inflate import crc32, unpacked

GO_FOLDERS = "share/go*/src/archive/zip/testdata"
GO_REFUSED: Mapping[str, str] = {
    "dupdir.zip": "unsafe-archive",  # a file and a folder of one name
    "symlink.zip": "unsafe-archive",
    "readme.zip": "incomplete-zip",  # bytes before, between and behind
    "test-baddirsz.zip": "incomplete-zip",
    "test-trailing-junk.zip": "incomplete-zip",
    "test-prefix.zip": "not-a-zip",
}


def go_zips() -> list[Path]:
    return sorted(path for base in Path("/usr").glob(GO_FOLDERS) for path in base.glob("*.zip"))


def python_zips() -> list[Path]:
    spec = importlib.util.find_spec("test")
    places = [] if spec is None else spec.submodule_search_locations or []
    return sorted(path for place in places for path in Path(place).rglob("*.zip"))


def check_as_zipfile_reads_it(path: Path) -> None:
    """Every entry unpacks to its checksum; names are those of the standard library.

    Names without a declared encoding are judged apart from the library, which knows only 437.
    """
    with open_bag_zip(path, StagingConfig()) as archive:
        for member in archive.members:
            crc = 0
            for block in unpacked(archive.fd, member):
                crc = crc32(block, crc)
            assert crc == member.crc
        names = {member.name for member in archive.members} - archive.undeclared
    with zipfile.ZipFile(path) as library:
        known = {name.replace("\\", "/").rstrip("/") for name in library.namelist()}
    assert {name for name in names if name.isascii()} == {name for name in known if name.isascii()}


def test_the_zips_of_go_are_read_or_refused_by_name() -> None:
    zips = go_zips()
    if not zips:
        pytest.skip("Debian's package golang-src is not installed")
    for path in zips:
        if path.name not in GO_REFUSED:
            check_as_zipfile_reads_it(path)
            continue
        with pytest.raises(UserFault) as caught, open_bag_zip(path, StagingConfig()):
            pass
        assert caught.value.code == GO_REFUSED[path.name], path.name


def test_the_zips_of_python_are_read() -> None:
    zips = python_zips()
    if not zips:
        pytest.skip("this Python comes without its tests")
    for path in zips:
        check_as_zipfile_reads_it(path)
