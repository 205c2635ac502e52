"""What counts as a token, and what is said where there is none."""

from pathlib import Path

import pytest

from presqt_daemon.config import TargetConfig
from presqt_daemon.workers.limits.tokens import MissingTokenError, Tokens, mark_from


def target_with(place: Path) -> TargetConfig:
    return TargetConfig(name="osf", type="osf", token_file=place)


@pytest.mark.parametrize("content", [b"abc", b"abc\n", b"  abc \r\n"])
def test_a_token_is_what_stands_in_its_file_without_the_space_around(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "token").write_bytes(content)
    assert Tokens({}, {}).of(target_with(tmp_path / "token")) == "abc"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n",
        b"one two",
        b"one\ntwo",
        b"one\r\nX-Header: two",
        b"\x1b[31mred",
        b"nul\x00",
        "schlüssel".encode(),
        b"\xff\xfe",
        b"tab\there",
        b'"quoted"',
        b"'quoted'",
        b"OSF_TOKEN=abc123",
        b"token: abc123",
    ],
)
def test_what_could_break_a_header_or_a_log_is_no_token_and_is_never_shown(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "token").write_bytes(content)
    tokens, target = Tokens({}, {}), target_with(tmp_path / "token")
    with pytest.raises(MissingTokenError) as missing:
        tokens.of(target)
    assert str(missing.value).startswith("its token file ")
    shown = content.decode("utf-8", "replace").strip()
    assert not shown or shown not in str(missing.value)
    assert tokens.mark_of(target) is None


def test_a_token_in_the_environment_is_held_to_the_same_and_taken_out_of_it() -> None:
    target = TargetConfig(name="osf", type="osf", token_env="OSF")
    environment = {"OSF": "good"}
    tokens = Tokens({"osf": target}, environment)
    assert environment == {}
    assert tokens.of(target) == "good"
    with pytest.raises(MissingTokenError, match="OSF does not hold one plain token"):
        Tokens({"osf": target}, {"OSF": "two words"}).of(target)


def test_another_token_has_another_mark() -> None:
    assert mark_from("one") != mark_from("two")
    assert mark_from(None) is None
