import io
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath

import pytest
import requests

from presqt_daemon.errors import PayloadSpoilt
from presqt_daemon.upload.parcels.body import StagedBody, local_digests, open_body
from presqt_daemon.upload.parcels.decide import Parcel
from tests.upload.tickets import digests_of

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def positions() -> list[int]:
    return []


@pytest.fixture
def body(source: Path, positions: list[int]) -> Iterator[StagedBody]:
    with opened(source, positions) as found:
        yield found


def opened(
    source: Path, positions: list[int], content: bytes = CONTENT
) -> AbstractContextManager[StagedBody]:
    digests = digests_of(content, ["sha256", "md5"])
    return open_body(parcel(source, content, digests), "md5", positions.append)


def parcel(source: Path, content: bytes, digests: Mapping[str, str]) -> Parcel:
    size, remote = len(content), PurePosixPath("file")
    return Parcel(name="/P/file", source=source, remote=remote, size=size, digests=digests)


def test_all_bytes_come_and_are_counted(body: StagedBody, positions: list[int]) -> None:
    buffer = memoryview(bytearray(4000))
    blocks = []
    while count := body.readinto(buffer):
        blocks.append(bytes(buffer[:count]))
    assert b"".join(blocks) == CONTENT
    assert positions == [4000, 8000, 10240]


def test_read_gives_the_rest_without_a_size(body: StagedBody) -> None:
    assert body.read(100) == CONTENT[:100]
    assert body.read() == CONTENT[100:]
    assert body.read(10) == b""


def test_it_is_sent_again_from_the_start(body: StagedBody) -> None:
    assert body.read(5000) == CONTENT[:5000]
    body.seek(0)
    assert body.read(-1) == CONTENT
    assert body.tell() == len(CONTENT)


def test_parts_can_be_read_out_of_order(body: StagedBody) -> None:
    assert body.seek(-40, io.SEEK_END) == len(CONTENT) - 40
    assert body.read() == CONTENT[-40:]
    body.seek(0)
    assert body.read() == CONTENT


def test_requests_knows_its_length_and_streams_it(body: StagedBody) -> None:
    prepared = requests.Request("PUT", "http://127.0.0.1:1/", data=body).prepare()
    assert prepared.headers["Content-Length"] == str(len(CONTENT))
    assert isinstance(prepared.body, StagedBody)


def test_changed_bytes_are_never_handed_out_whole(source: Path, positions: list[int]) -> None:
    changed = bytearray(CONTENT)
    changed[7] ^= 1
    source.write_bytes(changed)
    with opened(source, positions) as body:
        assert len(body.read(4096)) == len(body.read(4096)) == 4096
        with pytest.raises(PayloadSpoilt, match=r"/P/file has another content"):
            body.read(4096)


def test_a_change_between_two_passes_is_seen(source: Path, positions: list[int]) -> None:
    with opened(source, positions) as body:
        body.read(5000)
        with open(source, "r+b") as stream:
            stream.seek(6000)
            stream.write(b"??")
        body.seek(0)
        with pytest.raises(PayloadSpoilt):
            body.read()


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"x", b""])
def test_another_size_is_seen_before_a_byte_is_read(
    source: Path, positions: list[int], content: bytes
) -> None:
    source.write_bytes(content)
    with pytest.raises(PayloadSpoilt, match="another size"), opened(source, positions):
        pass


def test_a_file_cut_while_it_is_read_is_spoilt(source: Path, positions: list[int]) -> None:
    with opened(source, positions) as body:
        body.read(100)
        os.truncate(source, 100)
        with pytest.raises(PayloadSpoilt, match="shorter"):
            body.read()


def test_a_missing_file_and_a_link_are_spoilt(tmp_path: Path, source: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(source)
    for path in (tmp_path / "none", link):
        with pytest.raises(PayloadSpoilt, match="cannot be opened"), opened(path, []):
            pass


def test_an_empty_file_is_a_body_too(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with opened(tmp_path / "empty", [], b"") as body:
        assert body.read() == b""


def test_digests_are_of_the_file_as_it_is_now(source: Path) -> None:
    found = local_digests(parcel(source, CONTENT, {}), ("md5", "git-blob-sha1", "odd"))
    assert found == digests_of(CONTENT, ["md5", "git-blob-sha1"])
