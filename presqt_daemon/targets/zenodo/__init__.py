"""Zenodo and every other InvenioRDM site: a draft that holds the bag as one zip.

A configuration and a token come in; a `Target` and its `Traits` go out (of `target`). `DEFINITION`
says what is known without either. Called by `targets.base` and `targets.definition`.

Zenodo counts its ids; InvenioRDM's are groups of base32 characters joined by hyphens.
"""

import re
from dataclasses import dataclass

from presqt_daemon.notation import one_of, setting
from presqt_daemon.targets.definition import Definition, IdForm


@dataclass(frozen=True, slots=True, kw_only=True)
class ZenodoSettings:
    """What is set for Zenodo alone."""

    api: str = setting("auto", one_of("auto", "records", "deposit"), "auto, records or deposit")


DEFINITION = Definition(
    service="Zenodo",
    settings=ZenodoSettings,
    ids=IdForm(
        pattern=re.compile(r"[0-9]+|[0-9a-z]+(-[0-9a-z]+)+"),
        words="a number, or letters and digits as in abcde-12345",
    ),
    # InvenioRDM names no limit
    longest_title=512,
    required=("creators", "resource_type"),
)
