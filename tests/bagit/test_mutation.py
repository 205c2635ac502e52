"""One byte of a bag is changed, any byte: the bag must become invalid.

The exception is a tag manifest, which nothing covers: a change there that leaves what it says, or
makes a comment of one of its lines, cannot be seen.
"""

import random
import re

import pytest

from tests.bagit.verdicts import bag, judge

BAGS = {
    "0.97": bag({"P/a.txt": b"alpha\n", "P/empty": b""}, version="0.97", algorithms=("md5",),
                tag_manifests=("md5",), info=(("Contact-Name", "A. Body"),)),
    "1.0": bag({"P/a.txt": b"alpha\n"}, algorithms=("md5", "sha1"), tag_manifests=("md5", "sha1")),
}  # fmt: skip
SAMPLED = 3
"""Of the 255 other values that a byte can take, without --full."""


def places() -> list[tuple[str, str]]:
    return [(version, path) for version, files in BAGS.items() for path in files]


def changed(content: bytes, index: int, value: int) -> bytes:
    return content[:index] + bytes([value]) + content[index + 1 :]


def says_the_same(before: bytes, after: bytes) -> bool:
    def meaning(content: bytes) -> list[tuple[bytes, bytes]]:
        rows = re.split(rb"\r\n?|\n", content)
        pairs = [re.split(rb"[ \t]+\*?", row, maxsplit=1) for row in rows if row]
        return [(pair[0].lower(), pair[-1]) for pair in pairs]

    return meaning(before) == meaning(after)


def is_commented(content: bytes, index: int) -> bool:
    return content[index : index + 1] == b"#" and content[index - 1 : index] in {b"", b"\n"}


@pytest.mark.parametrize(("version", "path"), places())
def test_any_changed_byte_makes_the_bag_invalid(version: str, path: str, full: bool) -> None:
    files = BAGS[version]
    assert judge(files).valid
    content = files[path]
    assert isinstance(content, bytes)
    choice = random.Random(path)
    for index, byte in enumerate(content):
        others = [value for value in range(256) if value != byte]
        telling = {byte ^ 0x20, byte ^ 0x01, 0x23} - {byte}
        for value in others if full else sorted(telling | set(choice.sample(others, SAMPLED))):
            after = changed(content, index, value)
            if judge({**files, path: after}).valid:
                assert path.startswith("tagmanifest-"), (index, byte, value)
                assert says_the_same(content, after) or is_commented(after, index), (index, value)


@pytest.mark.parametrize(("version", "path"), places())
def test_any_lost_or_doubled_byte_makes_the_bag_invalid(version: str, path: str) -> None:
    files = BAGS[version]
    content = files[path]
    assert isinstance(content, bytes)
    for index in range(len(content)):
        for after in (
            content[:index] + content[index + 1 :],
            content[: index + 1] + content[index:],
        ):
            if judge({**files, path: after}).valid:
                assert path.startswith("tagmanifest-"), (index, after)
                assert says_the_same(content, after), (index, after)


@pytest.mark.parametrize("path", ["data/P/a.txt", "manifest-md5.txt"])
def test_without_a_tag_manifest_the_payload_is_covered_all_the_same(path: str) -> None:
    payload = {"P/a.txt": b"alpha\n", "P/b.txt": b"beta\n"}
    files = bag(payload, algorithms=("md5",), tag_manifests=())
    content = files[path]
    assert isinstance(content, bytes)
    for index, byte in enumerate(content):
        for value in {byte ^ 0x20, byte ^ 0x01, byte ^ 0x80, 0x23} - {byte}:
            after = changed(content, index, value)
            if judge({**files, path: after}).valid:
                assert path != "data/P/a.txt"
                assert says_the_same(content, after), (index, value)


@pytest.mark.parametrize(("version", "path"), places())
def test_any_lost_file_makes_the_bag_invalid(version: str, path: str) -> None:
    files = {name: content for name, content in BAGS[version].items() if name != path}
    assert judge(files).valid is path.startswith("tagmanifest-")
