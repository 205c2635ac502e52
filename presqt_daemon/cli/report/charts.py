"""The two charts of the report as SVG, which needs no network and no script."""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

import pygal
from pygal.style import Style

from presqt_daemon.cli.output.text import shown
from presqt_daemon.cli.report.deposits import Failure, Sum

MOST_TARGETS = 8
MOST_MONTHS = 36
MOST_CODES = 12
OTHERS = "others"

_STYLE = Style(background="white", plot_background="white", font_family="sans-serif")
_OPTIONS = {
    "js": (),
    "style": _STYLE,
    "width": 900,
    "height": 340,
    "explicit_size": False,
    "pretty_print": False,
    "disable_xml_declaration": True,
    "print_values": False,
    "show_minor_y_labels": False,
    "x_label_rotation": 40,
    "legend_at_bottom": True,
    "truncate_legend": 30,
}


def deposits_chart(months: Mapping[str, Mapping[str, Sum]], targets: Sequence[str]) -> str:
    """Bags deposited each month, stacked by target (the largest come first in `targets`)."""
    chart = pygal.StackedBar(title="Bags deposited in each month", **_OPTIONS)
    names = list(months)[-MOST_MONTHS:]
    chart.x_labels = names
    kept = list(targets)[:MOST_TARGETS]
    for target in kept:
        counts = [months[month].get(target, Sum()).deposited for month in names]
        chart.add(shown(target), counts)
    if len(targets) > len(kept):
        rest = [
            sum(one.deposited for name, one in months[month].items() if name not in kept)
            for month in names
        ]
        chart.add(OTHERS, rest)
    return _svg(chart)


def failures_chart(failures: Sequence[Failure]) -> str:
    """How many tickets failed for which reason, the most frequent first."""
    options = {**_OPTIONS, "show_legend": False, "print_values": True}
    chart = pygal.HorizontalBar(title="Tickets that failed, by reason", **options)
    shown_ones = list(failures)[:MOST_CODES]
    chart.x_labels = [shown(one.code) for one in reversed(shown_ones)]
    chart.add("failed", [one.count for one in reversed(shown_ones)])
    return _svg(chart)


def _svg(chart: Any) -> str:
    """The chart without the script that pygal puts into every one: the page forbids scripts."""
    tree = chart.render_tree()
    for parent in tree.iter():
        for child in [one for one in parent if one.tag == "script"]:
            parent.remove(child)
    return ET.tostring(tree, encoding="unicode")
