"""GitHub: a new deposit is a repository, and a bag is a commit on its default branch.

A configuration and a token come in; a `Target` and its `Traits` go out (of `target`). `DEFINITION`
says what is known without either. Called by `targets.base` and `targets.definition`.

Source: docs.github.com/en/rest/repos/repos (a repository's number, or its owner and name).
"""

import re
from dataclasses import dataclass

from presqt_daemon.notation import one_of, setting
from presqt_daemon.targets.definition import Definition, GitHostSettings, IdForm

NAME = r"[A-Za-z0-9_-]+/(?!\.+$)[A-Za-z0-9._-]+"
"""Owner and name; a name of dots alone would climb out of an address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubSettings(GitHostSettings):
    """What is set for GitHub alone."""

    large_files: str = setting(
        "release_asset", one_of("release_asset", "refuse"), "release_asset or refuse"
    )


DEFINITION = Definition(
    service="GitHub",
    settings=GitHubSettings,
    ids=IdForm(
        pattern=re.compile(rf"(?s)([0-9]+|{NAME})(:.+)?"),
        words="a number, or owner and name as in owner%2Fname, a folder in it behind %3A",
    ),
    # the repository's name is made of it, and its description has it whole
    longest_title=512,
    taken=frozenset({"title", "description"}),
)
