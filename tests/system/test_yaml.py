import pytest

from presqt_daemon.system.yaml import MAX_BYTES, YamlError, read_yaml, read_yaml_as_text


def test_plain_values_are_read() -> None:
    content = b"a: 1\nb: [x, 2.5, true, null]\nc: {d: 'e'}\nf: 0644\n"
    assert read_yaml(content) == {"a": 1, "b": ["x", 2.5, True, None], "c": {"d": "e"}, "f": 0o644}
    assert read_yaml(b"") is None
    assert read_yaml("t: Ü".encode()) == {"t": "Ü"}


def test_values_are_read_as_they_are_written() -> None:
    content = b"a: 0123\nb: [1_0, 2.50, true, null, ~, ]\n12:30: {d: 'e'}\n<<: {y: 1}\n"
    assert read_yaml_as_text(content) == {
        "a": "0123", "b": ["1_0", "2.50", "true", None, None], "12:30": {"d": "e"},
        "<<": {"y": "1"},
    }  # fmt: skip


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
