import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from tests.cli.program import Program
from tests.cli.report.records import (
    HOSTILE,
    add_record,
    at,
    failed_tree,
    laid_out_anew,
    record_tree,
    ticket_number,
)
from tests.tickets.infos import BEGAN


@pytest.fixture
def filled(program: Program) -> Program:
    """Five deposits, three failures, a ticket in progress, and a record that is damaged."""
    uploads = program.uploads.root
    for number in range(3):
        add_record(uploads, record_tree(number))
    add_record(uploads, record_tree(3, target="osf", title=HOSTILE), fixity="mismatched")
    other = {"file": "bo.zip", "size": 1, "sha256": None, "dropped_by": {"uid": 7, "name": None}}
    laid_out_anew(add_record(uploads, record_tree(4, source=other)))
    for number in (5, 6):
        add_record(uploads, failed_tree(number, "invalid-bag", 400, f"bad {number} {HOSTILE}"))
    add_record(uploads, failed_tree(7, "target-full", 502, "It is full.", target="osf"))
    (uploads / ticket_number(8)).mkdir()
    (uploads / ticket_number(9)).mkdir()
    (uploads / ticket_number(9) / "receipt.json").write_text('{"schema_version": 2', "utf-8")
    return program


class Reader(HTMLParser):
    """What a browser makes of the page: tags with their attributes, and the text in cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self._in_cell = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in {"td", "th"}:
            self._in_cell = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_cell &= tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.cells[-1] += data


def report(program: Program, *options: str) -> str:
    ended = program.run("report", *options)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_json_holds_every_ticket_with_a_record_and_sums_that_are_theirs(filled: Program) -> None:
    tree = json.loads(report(filled, "--format", "json"))
    assert tree["total"] == {"deposited": 5, "failed": 3, "files": 15, "size": 15000}
    assert tree["by_target"] == {
        "archive": {"deposited": 4, "failed": 2, "files": 12, "size": 12000},
        "osf": {"deposited": 1, "failed": 1, "files": 3, "size": 3000},
    }
    assert tree["by_person"]["anna"]["deposited"] == 4
    assert tree["by_person"]["7"] == {"deposited": 1, "failed": 0, "files": 3, "size": 3000}
    assert [(one["code"], one["count"]) for one in tree["failures"]] == [
        ("invalid-bag", 2),
        ("target-full", 1),
    ]
    assert tree["failures"][0]["example"].startswith("bad 6 ")  # the newest
    assert tree["without_record"] == 2
    assert [row["ticket"] for row in tree["tickets"]] == [
        ticket_number(n) for n in range(7, -1, -1)
    ]
    row = next(row for row in tree["tickets"] if row["ticket"] == ticket_number(3))
    assert (row["title"], row["not_matched"], row["files"], row["size"]) == (HOSTILE, 3, 3, 3000)
    assert row["finished"] == "2026-01-31T09:33:30.000000Z"


def test_only_what_ended_since_is_told(program: Program) -> None:
    now = datetime.now(UTC)
    for number, days in enumerate((400, 30, 1)):
        add_record(program.uploads.root, at(number, now - timedelta(days=days)))
    rows = json.loads(report(program, "--format", "json", "--since", "40d"))["tickets"]
    assert [row["ticket"] for row in rows] == [ticket_number(2), ticket_number(1)]
    day = (now - timedelta(days=10)).date().isoformat()
    assert len(json.loads(report(program, "--format", "json", "--since", day))["tickets"]) == 1


def test_csv_has_a_line_for_each_ticket_and_no_cell_that_a_spreadsheet_computes(
    filled: Program,
) -> None:
    ended = filled.run("report", "--format", "csv")
    assert "2 tickets have no record" in ended.stderr
    rows = list(csv.DictReader(io.StringIO(ended.stdout)))
    assert len(rows) == 8
    by_ticket = {row["ticket"]: row for row in rows}
    assert by_ticket[ticket_number(3)]["title"].startswith("'=HYPERLINK(")
    assert by_ticket[ticket_number(0)]["received"] == "2026-01-31 09:30:00"
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if re.match(r"\s*[=+@\t\r＝＋＠-]", cell)]
    assert not [cell for cell in cells if re.search(r"[\x00-\x1f\u202e]", cell)]


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "\r=1"])
def test_whatever_a_formula_begins_with_is_text(program: Program, start: str) -> None:
    add_record(program.uploads.root, record_tree(0, title=start, message=start))
    (row,) = csv.DictReader(io.StringIO(report(program, "--format", "csv")))
    for name in ("title", "message"):
        assert row[name][0] in "'\\", row[name]


def test_the_page_shows_all_and_runs_and_loads_nothing(filled: Program) -> None:
    page = report(filled, "--format", "html")
    read = Reader(page)
    names = [tag for tag, _attributes in read.tags]
    assert names.count("svg") == 2
    assert not {"script", "img", "iframe", "object", "link", "base", "form"} & set(names)
    assert not [1 for _tag, given in read.tags for key in given if key.startswith("on")]
    policy = next(given for tag, given in read.tags if tag == "meta" and "content" in given)
    assert str(policy["content"]).startswith("default-src 'none'")
    # nothing is fetched: addresses are those that a person may follow, and the names of SVG
    follows = [given["href"] for tag, given in read.tags if tag == "a" and "href" in given]
    assert all(str(link).startswith("https://archive.example/") for link in follows)
    assert len(follows) == 5
    assert "url(http" not in page
    assert "@import" not in page
    shown = '=HYPERLINK("http://evil.example")</td><script>alert(1)</script>\\u202e\\x1b[31m\'"&'
    assert shown in read.cells
    assert f"bad 6 {shown}" in read.cells
    for number in range(5):
        assert f"{number}.zip" in read.cells or number == 4
    assert "bo.zip" in read.cells


def test_both_charts_are_whole_and_hold_what_they_should(filled: Program) -> None:
    page = report(filled, "--format", "html")
    charts = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(charts) == 2
    for chart in charts:
        ET.fromstring(chart)
    assert "2026-01" in charts[0]
    assert "archive" in charts[0]
    assert "invalid-bag" in charts[1]


@pytest.mark.parametrize("link", ["javascript:alert(1)", "file:///etc/passwd", "http:", "//x", "["])
def test_a_link_that_is_none_of_the_web_is_not_put_on_the_page(program: Program, link: str) -> None:
    add_record(program.uploads.root, record_tree(0, link=link))
    assert "<a " not in report(program, "--format", "html")


def test_without_a_ticket_there_is_a_report_all_the_same(program: Program) -> None:
    assert json.loads(report(program, "--format", "json"))["tickets"] == []
    assert "0 deposited" in report(program)
    assert len(report(program, "--format", "csv").splitlines()) == 1


def test_the_names_of_many_targets_do_not_fill_the_chart(program: Program) -> None:
    for number in range(30):
        add_record(program.uploads.root, record_tree(number, target=f"t<{number}>"))
    page = report(program, "--format", "html")
    assert "others" in page
    assert "<29>" not in page


def test_a_record_of_an_odd_form_is_counted_and_holds_up_no_other(program: Program) -> None:
    add_record(program.uploads.root, record_tree(0))
    add_record(program.uploads.root, record_tree(1, source=None))
    add_record(program.uploads.root, record_tree(2, times={"received_at": "soon"}))
    tree = json.loads(report(program, "--format", "json"))
    assert [row["ticket"] for row in tree["tickets"]] == [ticket_number(0)]
    assert tree["without_record"] == 2
    assert BEGAN.year == 2026
