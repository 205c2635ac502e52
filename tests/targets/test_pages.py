"""Where the next page of a list is."""

import pytest

from presqt_daemon.targets.pages import next_page


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("", None),
        ('<https://h/p?page=2>; rel="next"', "https://h/p?page=2"),
        ('<https://h/p?a=1,2&b=;>; rel="prev", <https://h/n>; rel="next"', "https://h/n"),
        ('<https://h/n>; title="x"; rel=next, <https://h/l>; rel="last"', "https://h/n"),
        ('<https://h/n>; REL="last next"', "https://h/n"),
        ('<https://h/l>; rel="last"', None),
        ("nonsense", None),
    ],
)
def test_the_next_page_is_the_link_of_that_relation(link: str, expected: str | None) -> None:
    assert next_page({"Link": link}) == expected


def test_without_a_link_there_is_no_next_page() -> None:
    assert next_page({}) is None
