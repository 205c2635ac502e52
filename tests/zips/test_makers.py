"""Habits of programs that make zips: each undone and told, its nearest neighbour refused."""

import stat
import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.config import StagingConfig
from presqt_daemon.errors import UserFault
from presqt_daemon.staging.code_page import open_bag_zip
from presqt_daemon.zips.makers import Habit
from tests.hostile_zips import PAYLOAD, Part, bag_parts, build, part, with_parts

USUAL = {f"bag/data/{name}" for name in PAYLOAD}


def read(content: bytes, folder: Path) -> tuple[list[str], list[str]]:
    """Names of files, and what was undone."""
    path = folder / "x.zip"
    path.write_bytes(content)
    with open_bag_zip(path, StagingConfig()) as archive:
        for warning in archive.warnings:
            assert warning.code == "zip-normalised"
            assert warning.message.isprintable()
        names = [member.name for member in archive.members if not member.is_folder]
        return names, [warning.message for warning in archive.warnings]


def renamed(
    change: Callable[[bytes], bytes], parts: Iterable[Part], **fields: object
) -> list[Part]:
    return [replace(entry, name=change(entry.name), **fields) for entry in parts]  # type: ignore[arg-type]


def backslashed(name: bytes) -> bytes:
    return name.replace(b"/", b"\\")


def with_unicode_path(raw: bytes, told: str, content: bytes = b"x") -> Part:
    field = struct.pack("<BL", 1, zlib.crc32(raw)) + told.encode()
    return part(raw, content, creator=0, extra=struct.pack("<HH", 0x7075, len(field)) + field)


MADE: dict[str, tuple[Callable[[], bytes], Habit]] = {
    "Dropbox": (lambda: build([part("/"), *bag_parts()]), Habit.ROOT_ENTRY),
    "bsdtar ./bag": (
        lambda: build([part("./"), *renamed(lambda n: b"./" + n, bag_parts())]),
        Habit.DOT_SLASH,
    ),
    "Gradle": (lambda: build([part("bag/"), part("bag/"), *bag_parts()]), Habit.FOLDER_TWICE),
    "a folder of mode FFFF": (
        lambda: build([part("bag/", mode=0xFFFF, dos=0x10), *bag_parts()]),
        Habit.FOLDER_KIND,
    ),
    "a folder of a file's mode": (
        lambda: build([part("bag/", mode=stat.S_IFREG | 0o644), *bag_parts()]),
        Habit.FOLDER_KIND,
    ),
    "a folder by its DOS bit": (
        lambda: build([part("bag/data/e", dos=0x10), *bag_parts()]),
        Habit.FOLDER_KIND,
    ),
    "PowerShell 5.1": (
        lambda: build(renamed(backslashed, bag_parts(), creator=0)),
        Habit.BACKSLASHES,
    ),
    "PowerShell 5.1, with a folder": (
        lambda: build([part("bag\\e\\", creator=0), *renamed(backslashed, bag_parts(), creator=0)]),
        Habit.BACKSLASHES,
    ),
    ".NET on NTFS": (
        lambda: build(renamed(backslashed, bag_parts(), creator=10)),
        Habit.BACKSLASHES,
    ),
    "one part of a split zip": (lambda: split_marked(b"PK00"), Habit.SPLIT_MARK),
    "one part of a split zip, signed": (lambda: split_marked(b"PK\x07\x08"), Habit.SPLIT_MARK),
    "bsdtar to a pipe": (lambda: build(bag_parts()) + bytes(7000), Habit.ZEROS_BEHIND),
    "64 KiB behind": (lambda: build(bag_parts()) + bytes(64 << 10), Habit.ZEROS_BEHIND),
    "zeros behind a comment": (
        lambda: build(bag_parts(), comment=b"made by hand") + bytes(512),
        Habit.ZEROS_BEHIND,
    ),
    "zeros behind zip64": (
        lambda: build(bag_parts(), zip64_end=True) + bytes(512),
        Habit.ZEROS_BEHIND,
    ),
    "a line feed behind": (lambda: build(bag_parts()) + b"\n", Habit.LINE_END_BEHIND),
    "CR LF behind": (lambda: build(bag_parts()) + b"\r\n", Habit.LINE_END_BEHIND),
}


def split_marked(mark: bytes, behind: bytes = b"") -> bytes:
    """A zip with a mark in front, all offsets counted from the file's start."""
    content = bytearray(mark + behind + build(bag_parts()))
    shift = len(mark + behind)
    end = len(content) - 22
    count, _size, start = struct.unpack_from("<HLL", content, end + 10)
    struct.pack_into("<L", content, end + 16, start + shift)
    at = start + shift
    for _ in range(count):
        name, extra, comment = struct.unpack_from("<3H", content, at + 28)
        (offset,) = struct.unpack_from("<L", content, at + 42)
        struct.pack_into("<L", content, at + 42, offset + shift)
        at += 46 + name + extra + comment
    return bytes(content)


@pytest.mark.parametrize("maker", MADE)
def test_a_habit_of_a_maker_is_undone_and_told(maker: str, tmp_path: Path) -> None:
    make, habit = MADE[maker]
    names, told = read(make(), tmp_path)
    assert set(names) >= USUAL
    assert all(name.startswith("bag/") and "\\" not in name for name in names)
    assert [habit.lower() in message.lower() for message in told] == [True]


def test_a_zip_without_habits_has_no_warning(tmp_path: Path) -> None:
    assert read(build(bag_parts()), tmp_path)[1] == []


def test_winzip_names_with_backslashes_in_their_unicode_form_are_read(tmp_path: Path) -> None:
    odd = with_unicode_path("bag/data/\u00e4/\u00fc".encode("cp437"), "bag\\data\\\u00e4\\\u00fc")
    names, told = read(with_parts(odd), tmp_path)
    assert "bag/data/\u00e4/\u00fc" in names
    assert Habit.UNICODE_BACKSLASH in told[0]


def test_half_a_letter_that_is_a_backslash_hinders_no_unicode_form(tmp_path: Path) -> None:
    odd = with_unicode_path("bag/data/\u8868/x".encode("cp932"), "bag\\data\\\u8868\\x")
    assert "bag/data/\u8868/x" in read(with_parts(odd), tmp_path)[0]


def test_more_entries_than_can_be_counted_are_read_where_the_list_is_whole(tmp_path: Path) -> None:
    names, told = read(build(part(f"{n:05}") for n in range(66_000)), tmp_path)
    assert len(names) == 66_000
    assert [Habit.COUNT_CUT.lower() in message.lower() for message in told] == [True]


def wrong_count(by: int) -> bytes:
    content = bytearray(build(part(f"{n:05}") for n in range(66_000)))
    count = 66_000 + by & 0xFFFF
    struct.pack_into("<HH", content, len(content) - 14, count, count)
    return bytes(content)


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "backslashes beside slashes": (
        lambda: build(
            [*renamed(lambda n: n, bag_parts(), creator=0), part("bag\\x", b"x", creator=0)]
        ),
        "backslash",
    ),
    "backslashes made on Unix": (
        lambda: build(renamed(backslashed, bag_parts(), creator=3)),
        "backslash",
    ),
    "backslashes, one entry made on Unix": (
        lambda: build([*renamed(backslashed, bag_parts(), creator=0), part("x", b"x", creator=3)]),
        "backslash",
    ),
    "backslashes that climb": (
        lambda: build(
            [*renamed(backslashed, bag_parts(), creator=0), part("..\\x", b"x", creator=0)]
        ),
        "path-climbs",
    ),
    "backslashes of a share": (
        lambda: build(
            [*renamed(backslashed, bag_parts(), creator=0), part("\\\\s\\x", b"x", creator=0)]
        ),
        "absolute-path",
    ),
    "the same file twice, by backslash": (
        lambda: build([*renamed(backslashed, [*bag_parts(), bag_parts()[0]], creator=0)]),
        "duplicate-entry",
    ),
    "a Unicode form with other folders": (
        lambda: with_parts(with_unicode_path(b"bag/\x84", "bag\\data\\\u00e4")),
        "backslash",
    ),
    "a Unicode form that climbs": (
        lambda: with_parts(with_unicode_path(b"bag/xx/\x84", "bag\\..\\..")),
        "path-climbs",
    ),
    "a mark and a byte": (lambda: split_marked(b"PK00", b"x"), "not-a-zip"),
    "a mark twice": (lambda: split_marked(b"PK00", b"PK00"), "not-a-zip"),
    "more than 64 KiB behind": (
        lambda: build(bag_parts()) + bytes((64 << 10) + 1),
        "incomplete-zip",
    ),
    "zeros and a byte behind": (lambda: build(bag_parts()) + bytes(9) + b"x", "incomplete-zip"),
    "two line ends behind": (lambda: build(bag_parts()) + b"\n\n", "incomplete-zip"),
    "a zip, zeros, a zip": (
        lambda: build(bag_parts()) + bytes(100) + build(bag_parts()),
        "incomplete-zip",
    ),
    "one entry more than is counted": (lambda: wrong_count(-1), "list-torn"),
    "one entry less than is counted": (lambda: wrong_count(1), "list-torn"),
}


@pytest.mark.parametrize("neighbour", REFUSED)
def test_the_nearest_neighbour_of_a_habit_stays_refused(neighbour: str, tmp_path: Path) -> None:
    make, finding = REFUSED[neighbour]
    with pytest.raises(UserFault) as caught:
        read(make(), tmp_path)
    assert finding in {entry.code for entry in caught.value.findings}
    assert caught.value.message.isprintable()


def test_fake_end_records_in_zeros_cost_no_more_than_their_number(tmp_path: Path) -> None:
    fakes = b"PK\x05\x06" * 30_000
    with pytest.raises(UserFault):
        read(build(bag_parts()) + fakes, tmp_path)
