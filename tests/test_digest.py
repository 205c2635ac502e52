import hashlib
import io
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presqt_daemon.digest import (
    BLOCK_BYTES,
    GIT_BLOB,
    GIT_BLOB_SHA256,
    STRENGTH,
    Digester,
    choose_algorithm,
    digest_stream,
    hex_length,
    is_known,
    new_hash,
    strongest_common,
)


@pytest.mark.parametrize("algorithm", STRENGTH)
def test_every_algorithm_we_name_can_be_computed(algorithm: str) -> None:
    assert is_known(algorithm)
    digest = digest_stream(io.BytesIO(b"x"), [algorithm], 1)[algorithm]
    assert len(digest) == hex_length(algorithm)
    assert digest == digest.lower()


def test_an_unknown_algorithm_is_not_known() -> None:
    assert not is_known("crc32")
    assert hex_length("crc32") is None
    with pytest.raises(KeyError):
        new_hash("crc32", 0)


@given(st.binary(max_size=1000), st.integers(1, 100))
def test_many_digests_in_one_read_are_those_of_each_alone(content: bytes, step: int) -> None:
    digester = Digester(["md5", "sha256", GIT_BLOB], len(content))
    for start in range(0, len(content), step):
        digester.update(content[start : start + step])
    assert digester.digests() == {
        "md5": hashlib.md5(content).hexdigest(),
        "sha256": hashlib.sha256(content).hexdigest(),
        GIT_BLOB: hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest(),
    }


def test_a_stream_longer_than_a_block_is_read_whole_and_told() -> None:
    content = b"0123456789" * (BLOCK_BYTES // 5)
    heard: list[int] = []
    found = digest_stream(io.BytesIO(content), ["sha512"], len(content), heard.append)
    assert found == {"sha512": hashlib.sha512(content).hexdigest()}
    assert sum(heard) == len(content)
    assert len(heard) > 1


@pytest.mark.skipif(shutil.which("git") is None, reason="git is missing")
@pytest.mark.parametrize("content", [b"", b"hello\n", bytes(range(256)) * 50])
def test_git_gives_a_file_the_same_name(content: bytes) -> None:
    said = subprocess.run(
        ["git", "hash-object", "--stdin"], input=content, capture_output=True, check=True
    )
    found = digest_stream(io.BytesIO(content), [GIT_BLOB, GIT_BLOB_SHA256], len(content))
    assert found[GIT_BLOB] == said.stdout.decode().strip()
    assert len(found[GIT_BLOB_SHA256]) == 64


def test_the_strongest_that_both_share_is_chosen() -> None:
    assert strongest_common(["md5", "sha256"], ["sha512", "sha256", "md5"]) == "sha256"
    assert strongest_common(["md5"], ["sha1"]) is None
    assert strongest_common([], []) is None


def test_a_manifests_own_algorithm_wins_over_one_computed_anew() -> None:
    assert choose_algorithm(("sha256", "md5"), ["md5"]) == "md5"
    assert choose_algorithm(("sha256", "md5"), ["sha512"]) == "sha256"
    assert choose_algorithm(("quickxor", "md5"), ["sha512"]) == "md5"
    assert choose_algorithm((), ["sha512"]) is None
    assert choose_algorithm(("quickxor",), ["sha512"]) is None
