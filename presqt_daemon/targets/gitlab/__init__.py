"""GitLab: a new deposit is a project, and a bag is a few commits on its default branch.

A configuration and a token come in; a `Target` and its `Traits` go out (of `target`). `DEFINITION`
says what is known without either. Called by `targets.base` and `targets.definition`.

Source: docs.gitlab.com/api/projects (a project's number, or its path with its groups).
"""

import re

from presqt_daemon.targets.definition import Definition, GitHostSettings, IdForm
from presqt_daemon.targets.git_names import why_git_refuses


def why_no_name(name: str) -> str | None:
    """Why git, or GitLab before it (lib/gitlab/path_traversal.rb), takes no such name."""
    return why_git_refuses(name) or (
        "GitLab takes no line break in a name" if "\n" in name else None
    )


DEFINITION = Definition(
    service="GitLab",
    settings=GitHostSettings,
    ids=IdForm(
        pattern=re.compile(r"(?s)([0-9]+|[\w.-]+(/[\w.-]+)+)(:.+)?"),
        words="a number, or group and name as in group%2Fname, a folder in it behind %3A",
    ),
    # the project's name is made of it, and its description has it whole
    longest_title=512,
    taken=frozenset({"title", "description"}),
)
