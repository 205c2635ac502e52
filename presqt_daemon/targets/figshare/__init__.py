"""Figshare: a new deposit is a private project with one article in it, which holds the files.

A configuration and a token come in; a `Target` and its `Traits` go out (of `target`). `DEFINITION`
says what is known without either. Called by `targets.base` and `targets.definition`.

Source: docs.figshare.com (projects: titles, numbers; articles: what their publication asks for).
"""

import re

from presqt_daemon.targets.definition import Definition, IdForm

TITLE_LENGTH = 1000
"""Characters of a project's or an article's title."""

NUMBER = r"[1-9][0-9]{0,18}"
"""The id of a project, and of an article in it."""

DEFINITION = Definition(
    service="FigShare",
    ids=IdForm(
        pattern=re.compile(rf"{NUMBER}(:{NUMBER})?"),
        words="the number of a project, or project and article as in 123%3A456",
    ),
    longest_title=TITLE_LENGTH,
    required=("creators", "description", "keywords", "license", "categories", "resource_type"),
)
