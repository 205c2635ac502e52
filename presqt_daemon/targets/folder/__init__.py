"""A directory as a target: the embedded default, and the reference for every other adapter.

A configuration and a token come in; a `Target` and its `Traits` go out (of `target`). `DEFINITION`
says what is known without either. Called by `targets.base` and `targets.definition`.
"""

import re

from presqt_daemon.targets.definition import Definition, IdForm

PREFIX = ".presqt-"
"""What the names of our own folders beside the deposits begin with."""

_PART = r"(?!\.\.?(/|$))[^/]+"
"""One part of a path that stays below the archive."""

DEFINITION = Definition(
    keys=frozenset({"path", "keep", "mode"}),
    needs=("path",),
    ids=IdForm(
        pattern=re.compile(rf"(?s)(?!(?i:{re.escape(PREFIX)})){_PART}(/{_PART})*"),
        words="the path of a folder in the archive, with %2F for each /",
    ),
    # the deposit's files have no description beside them
    service=None,
    longest_title=None,
)
