"""JSON that others wrote: what is refused, and what is mended."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presqt_daemon.system.untrusted_json import MAX_DEPTH, UntrustedJsonError, read_untrusted_json

DEEP = MAX_DEPTH + 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe{}",
        b"[" * 100_000 + b"]" * 100_000,
        b"[" * 100_000,
        b"[" * DEEP + b'"' + b"a" * 100_000,
        b"[" * DEEP + b'"' + b'\\"' * 500_000 + b"\\",
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        b'["]",' * DEEP + b"1" + b"]" * DEEP,
        b"[NaN]",
        b"[-Infinity]",
        b"[1e999]",
        b"[" + b"9" * 6000 + b"]",
        b"[" + b"9" * 41 + b"]",
    ],
    ids=lambda content: repr(content[:12]),
)
def test_what_would_break_something_later_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(UntrustedJsonError):
        read_untrusted_json(content)


def test_brackets_within_texts_are_no_depth() -> None:
    text = "[{" * 500 + '\\"'
    assert read_untrusted_json(json.dumps([text]).encode()) == [text]


def test_halves_of_characters_are_replaced_and_whole_ones_stay() -> None:
    content = b'{"\\ud800a": ["\\udfff", "\\ud83d\\ude00"]}'
    assert read_untrusted_json(content) == {"\ufffda": ["\ufffd", "\U0001f600"]}


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_every_ordinary_value_is_read_as_it_was_written(value: object) -> None:
    assert read_untrusted_json(json.dumps(value).encode()) == value
    assert read_untrusted_json(json.dumps(value, ensure_ascii=False).encode()) == value
