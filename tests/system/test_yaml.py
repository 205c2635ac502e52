import contextlib
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presqt_daemon.system.yaml import MAX_BYTES, YamlError, read_yaml, read_yaml_as_text


def test_plain_values_are_read() -> None:
    content = b"a: 1\nb: [x, 2.5, true, null]\nc: {d: 'e'}\nf: 0644\n"
    assert read_yaml(content) == {"a": 1, "b": ["x", 2.5, True, None], "c": {"d": "e"}, "f": 0o644}
    assert read_yaml(b"") is None
    assert read_yaml("t: Ü".encode()) == {"t": "Ü"}


def test_words_are_read_as_they_are_written() -> None:
    content = (
        b"\xef\xbb\xbfa: 0123\nb: 1_0\nc: 2.50\nd: true\ne: null\nf: ~\ng:\n12:30: 'x'\n<<: y\n"
    )
    assert read_yaml_as_text(content) == {
        "a": "0123", "b": "1_0", "c": "2.50", "d": "true", "e": None, "f": None, "g": None,
        "12:30": "x", "<<": "y",
    }  # fmt: skip
    assert read_yaml_as_text(b"# nothing\n") is None
    assert read_yaml_as_text(b"~") is None


TAGS = ("timestamp", "bool", "int", "float", "binary", "null", "str", "set", "omap", "pairs", "map",
        "seq", "python/name:os.system", "merge", "value", "yaml")  # fmt: skip


@pytest.mark.parametrize("tag", [*(f"!!{tag}" for tag in TAGS), "!", "!own", "!<tag:x>"])
@pytest.mark.parametrize("value", ["x", "''", '""', "[a]", "{a: }", "", "é"])
def test_no_tag_has_a_meaning_and_each_is_refused_by_name(tag: str, value: str) -> None:
    for text in (f"title: {tag} {value}", f"? {tag} {value}\n: 1", f"{tag} {value}"):
        with pytest.raises(YamlError):
            read_yaml_as_text(text.encode())
        with contextlib.suppress(YamlError):
            read_yaml(text.encode())


@pytest.mark.parametrize(
    "content",
    [
        b"title: [a]", b"title: {a: b}", b"[a]", b"word", b"? [a]\n: b", b"a: &x 1\nb: *x",
        b"a: 1\na: 2", b"a: 1\n---\nb: 2", b'title: "\\ud800"', b'title: "\\UFFFFFFFF"',
        b'title: "\\U00110000"', "title: a\x85resource_id: b".encode(),
        "title: a\u2028resource_id: b".encode(), b"title: \x00", b"\xff\xfe",
        b"%YAML 9.9\n---\na: b",
        b"title: " + b"9" * 60_000, b"title: " + b"[" * 60_000, b"{a: " * 12_000, b"? " * 30_000,
        b"- " * 30_000, b"#" * (MAX_BYTES + 1), b"a: 'x", b"a: b: c",
    ],
)  # fmt: skip
def test_whatever_is_no_flat_mapping_is_refused_with_a_reason(content: bytes) -> None:
    with pytest.raises(YamlError) as caught:
        read_yaml_as_text(content)
    assert str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=200) | st.text(alphabet="!&*?:-[]{},#|>%@`'\"~ \n\ta\\xU0", max_size=80))
def test_nothing_but_a_named_error_comes_out_of_any_text(content: bytes | str) -> None:
    data = content.encode() if isinstance(content, str) else content
    for read in (read_yaml_as_text, read_yaml):
        with contextlib.suppress(YamlError):
            read(data)


PATTERNS = ("[", "{a: ", "? ", "- ", "a: b\n", "k{n}: v\n", "# x\n", '"\n', "'a ", "!t ", "a\n ",
            "&a ",
            "*a ", "| \n", ": ", ", ", "a:\n", "title: a\n")  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_twice_the_text_costs_twice_the_work(pattern: str) -> None:
    """Counted in calls, not in seconds."""

    def calls(count: int) -> int:
        text = "".join(pattern.replace("{n}", str(n)) for n in range(count)).encode()
        counter = [0]

        def count_calls(_frame: object, event: str, _arg: object) -> None:
            counter[0] += event in {"call", "c_call"}

        sys.setprofile(count_calls)
        try:
            with contextlib.suppress(YamlError):
                read_yaml_as_text(text)
        finally:
            sys.setprofile(None)
        return counter[0]

    assert calls(6000) < 3 * calls(3000)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: 1\nb: 2\na: 3\n", "'a' stands twice"),
        (b"x: {a: 1, a: 2}", "stands twice"),
        (b"a: &anchor 1\nb: *anchor\n", "aliases are not allowed"),
        (b"? [a, b]\n: 1\n", "a key must be plain text"),
        (b"a: !!python/object/apply:os.system ['true']", "constructor"),
        (b"a: [1", "line 1"),
        (b"a: 1\n---\nb: 2\n", "document"),
        (b"\xff\xfea", "not UTF-8"),
        (b"a: \x00", "not allowed"),
        (b"[" * 100_000, ""),
        (b"#" * (MAX_BYTES + 1), "larger than"),
        (b"a: 2026-13-45", ""),
    ],
)
def test_what_is_not_clean_is_refused_and_where(content: bytes, said: str) -> None:
    with pytest.raises(YamlError) as caught:
        read_yaml(content)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    with pytest.raises(YamlError, match="aliases"):
        read_yaml("\n".join(lines).encode())
