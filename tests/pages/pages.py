"""The pages for people, as tests read them: blocks, words in code, links."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

PAGES = tuple(
    sorted(
        path.relative_to(ROOT).as_posix()
        for place in ("", "presqt_daemon/**/", "systemd/", "tests/**/")
        for path in ROOT.glob(f"{place}README.md")
    )
)
"""Every page but the list of changes, which tells of old things too."""

_FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"(?:^ {4}\S.*\n)+", re.MULTILINE)
_CODE = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
_LINK = re.compile(r"\[([^]]*)\]\(([^)\s]+)\)")


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(text: str, *languages: str) -> Iterator[str]:
    """The fenced blocks in these languages, and where "" is one of them, indented ones."""
    for found in _FENCED.finditer(text):
        if found[2] in languages:
            yield found[3]
    if "" in languages:
        yield from (found[0] for found in _INDENTED.finditer(_FENCED.sub("", text)))


def words_in_code(text: str) -> Iterator[str]:
    """Everything between backticks outside of blocks, on one line."""
    for found in _CODE.finditer(_FENCED.sub("", text)):
        yield " ".join(found[1].split()).replace("\\|", "|")


def links(text: str) -> Iterator[str]:
    """The places that links lead to."""
    for found in _LINK.finditer(_FENCED.sub("", text)):
        yield found[2]


def section(page: str, heading: str) -> str:
    """The text below a heading, up to the next of its level or above."""
    found = re.search(
        rf"^(#+) {re.escape(heading)}\n(.*?)(?=^\1 |^#{{1,2}} (?=[A-Z])|\Z)",
        text_of(page),
        re.DOTALL | re.MULTILINE,
    )
    assert found is not None, f"{page} has no section {heading}"
    return found[2]


def first_block(page: str, heading: str) -> str:
    """The first block of shell commands in a section, literally."""
    found = next(blocks(section(page, heading), "sh"), None)
    assert found is not None, f"{page} has no commands in {heading}"
    return found
