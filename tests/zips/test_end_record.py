import io
import itertools
import os
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from presqt_daemon.zips.end_record import EndRecord, ZipEndError, describe_head, read_end
from tests.hostile_zips import bag_parts, build, part


def end_of(content: bytes, folder: Path) -> EndRecord:
    path = folder / "x.zip"
    path.write_bytes(content)
    with path.open("rb") as stream:
        return read_end(stream.fileno())


def error_of(content: bytes, folder: Path) -> ZipEndError:
    with pytest.raises(ZipEndError) as caught:
        end_of(content, folder)
    return caught.value


def small_zip(method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("a.txt", b"alpha")
        archive.writestr("b.txt", b"beta" * 50)
    return buffer.getvalue()


def nested_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("inner.zip", small_zip())
        archive.writestr("after.txt", b"after" * 20)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        small_zip(),
        small_zip(zipfile.ZIP_DEFLATED),
        nested_zip(),
        build(bag_parts(), zip64_end=True),
        build(bag_parts(), comment=b"c" * 0xFFFF),
        build(bag_parts(), comment=b"PK\x05\x06 in a comment", zip64_end=True),
        build([]),
    ],
    ids=["stored", "deflated", "nested", "zip64", "comment", "odd comment", "no entries"],
)
def test_a_whole_zip_has_an_end_that_leads_to_its_directory(content: bytes, tmp_path: Path) -> None:
    end = end_of(content, tmp_path)
    assert end.directory_offset + end.directory_size == end.offset
    assert content[end.directory_offset :].count(b"PK\x01\x02") == end.entries


def test_no_prefix_of_a_zip_is_whole_even_behind_an_inner_zip(tmp_path: Path) -> None:
    content = nested_zip()
    for length in range(len(content)):
        assert error_of(content[:length], tmp_path).code == "incomplete-zip"


def test_a_zip_of_seventy_thousand_entries_is_whole(tmp_path: Path) -> None:
    assert end_of(build(part(f"{n}") for n in range(70)), tmp_path).entries == 70
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(70_000):
            archive.writestr(f"{number}", b"")
    assert end_of(buffer.getvalue(), tmp_path).entries == 70_000


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (b"", "incomplete-zip", "empty"),
        (b"PK", "incomplete-zip", "cut short"),
        (bytes(4096), "incomplete-zip", "gap"),
        (small_zip() + b"junk", "incomplete-zip", "other bytes follow"),
        (small_zip() + small_zip(), "incomplete-zip", "directly before"),
        (small_zip()[:-30], "incomplete-zip", "missing"),
        (b"#!/bin/sh\n" + small_zip(), "not-a-zip", "first entry"),
        (b"%PDF-1.4 and more", "not-a-zip", "a PDF document"),
        (small_zip()[:-18] + b"\1" + small_zip()[-17:], "not-a-zip", "split"),
        (b"\x89PNG\r\n", "not-a-zip", "a PNG picture"),
    ],
    ids=itertools.count(),
)
def test_what_is_wrong_is_said(content: bytes, kind: str, reason: str, tmp_path: Path) -> None:
    error = error_of(content, tmp_path)
    assert error.code == kind
    assert reason in error.reason


def test_a_preallocated_file_with_a_hole_at_its_start_is_incomplete(tmp_path: Path) -> None:
    content = small_zip()
    assert error_of(bytes(100) + content[100:], tmp_path).code == "incomplete-zip"


def test_two_ends_that_both_fit_are_refused(tmp_path: Path) -> None:
    """A comment that holds a second, empty directory and its end, both exactly in place."""
    content = build(bag_parts())
    row = build([part("other", b"")])
    inner_start = len(content)
    directory = row[row.index(b"PK\x01\x02") : -22]
    comment = directory + struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), inner_start, 0
    )
    both = content[:-2] + struct.pack("<H", len(comment)) + comment
    assert "contradict" in error_of(both, tmp_path).reason


def test_two_end_records_that_say_different_things_are_refused(tmp_path: Path) -> None:
    content = bytearray(build(bag_parts(), zip64_end=True))
    struct.pack_into("<2H", content, len(content) - 14, 1, 1)
    error = error_of(bytes(content), tmp_path)
    assert (error.code, "contradict" in error.reason) == ("not-a-zip", True)


def test_the_file_position_stays_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(small_zip())
    with path.open("rb") as stream:
        os.lseek(stream.fileno(), 7, os.SEEK_SET)
        read_end(stream.fileno())
        assert os.lseek(stream.fileno(), 0, os.SEEK_CUR) == 7


def test_other_archives_are_known_by_their_first_bytes() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    assert describe_head(buffer.getvalue()) == "a tar archive"
    assert describe_head(b"7z\xbc\xaf\x27\x1c") == "a 7z archive"
    assert describe_head(b"\x1f\x8b\x08") == "a gzip file (.gz, .tgz)"
    assert describe_head(b"whatever") is None
    assert describe_head(b"") is None
